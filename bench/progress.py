"""Progress of a run: a tqdm bar on a terminal, otherwise a line per part."""

from __future__ import annotations

import sys
from typing import Any, Self

from prelunet._extras import require


class Progress:
    """Progress counter of `total` parts on stderr."""

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Any = None
        if not quiet and sys.stderr.isatty():
            try:
                tqdm = require("tqdm", extra="progress", purpose="a progress bar")
            except ImportError:
                return
            layout = "{n_fmt}/{total_fmt} |{bar}| {desc}, {elapsed}"
            self._bar = tqdm.tqdm(
                total=total, file=sys.stderr, dynamic_ncols=True, bar_format=layout, leave=False
            )

    def begin(self, what: str) -> None:
        """Announce the next part."""
        if self._bar is not None:
            self._bar.set_description_str(what)
        elif not self._quiet:
            sys.stderr.write(f"bench: {what}\n")
            sys.stderr.flush()

    def done(self) -> None:
        """Count a finished part."""
        if self._bar is not None:
            self._bar.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
