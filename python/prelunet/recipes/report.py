"""The output of a recipe: lines, tables and figures, printed or written, and recorded.

``results.json`` stores the tables and the names of the figures. ``prelunet reproduce all`` builds
one page from them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import prelunet as pn
from prelunet.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUICK = "With --quick: a part of the data and few steps; the document's figures are for the whole."


class Report:
    """Collects the output of an experiment.

    ``options.quiet`` silences `say`; ``options.out`` is the folder for figures, or None;
    ``options.quick`` adds a remark to every table.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._tables: list[dict[str, Any]] = []
        self._figures: list[dict[str, str]] = []

    @property
    def draws(self) -> bool:
        """Whether there is a folder for figures."""
        return self._options.out is not None

    def say(self, text: str) -> None:
        """Print a line, unless `quiet`."""
        if not self._options.quiet:
            print(text, flush=True)

    def table(
        self,
        title: str,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        remark: str = "",
    ) -> None:
        """Print a table of texts: first column left-aligned, the others right-aligned."""
        if self._options.quick:
            remark = f"{remark} {QUICK}".strip()
        lines = [list(header), *map(list, rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        print(f"\n{title}")
        for first, *rest in lines:
            cells = [first.ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
            print("  ".join(cells).rstrip())
        if remark:
            print(remark)
        self._tables.append(
            {"title": title, "header": lines[0], "rows": lines[1:], "remark": remark}
        )

    def figure(self, name: str, title: str, draw: Callable[[], Figure]) -> None:
        """Write a figure, ``<name>.png``, if there is a folder; `title` describes it."""
        if self.draws:
            style.save(draw(), self._new_file(f"{name}.png", title))

    def page(self, name: str, title: str, make: Callable[[], str]) -> None:
        """Write a self-contained page, ``<name>.html``, if there is a folder."""
        if self.draws:
            self._new_file(f"{name}.html", title).write_text(make(), encoding="utf-8")

    def model(self, model: pn.Sequential) -> None:
        """Write the model, ``model.npz``."""
        if self.draws:
            model.save(self._options.out / "model.npz")

    def results(self, **values: object) -> dict[str, object]:
        """Return the result of a recipe's ``run``: the values, tables and figures."""
        return {**values, "tables": self._tables, "figures": self._figures}

    def _new_file(self, name: str, title: str) -> Path:
        self._figures.append({"file": name, "title": title})
        path: Path = self._options.out / name
        return path
