"""Log lines of epochs, printed above a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prelunet.callbacks.progress_bar import find_bar_class


@contextmanager
def epoch_lines(
    epochs: int, *, quiet: bool, unit: str = "epoch"
) -> Iterator[Callable[[str], None]]:
    """Return a function that prints the line of each epoch.

    Lines go to stdout. On a terminal, a bar on stderr shows the progress; `unit` is the unit of the
    bar. Nothing is printed if `quiet`.
    """
    bar_class = None if quiet else find_bar_class(sys.stderr)
    if bar_class is None:
        yield lambda line: None if quiet else print(line, flush=True)
        return
    with bar_class(
        total=epochs, file=sys.stderr, dynamic_ncols=True, unit=unit, leave=False
    ) as bar:

        def say(line: str) -> None:
            bar.update()
            bar.write(line)  # redraws the bar below it

        yield say


def print_over_bar(text: str) -> None:
    """Print to stdout, above the bar that `fit` shows on a terminal."""
    bar_class = find_bar_class(sys.stderr)
    if bar_class is None:
        print(text, flush=True)
    else:
        bar_class.write(text)
