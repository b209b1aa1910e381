"""Output of `verbose` lines to stdout, as in scikit-learn."""

from __future__ import annotations


def say(line: str) -> None:
    """Print a line."""
    print(line)
