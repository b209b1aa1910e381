"""The lines that `verbose` asks for, on stdout as scikit-learn's."""

from __future__ import annotations


def say(line: str) -> None:
    """Write a line."""
    print(line)
