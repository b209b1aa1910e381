"""Checks of user-given paths before anything is read."""

from __future__ import annotations

import os
from pathlib import Path


def as_path(owner: str, name: str, value: object) -> Path:
    """Return `value` as a Path if it is a string or a path."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{owner}: {name} must be a string or a path, got {value!r}")
    return Path(value)


def existing_file(owner: str, value: object) -> Path:
    """Return `value` as the Path of a regular file.

    Pipes and devices are rejected before they are opened: they have no length to check a header
    against, and opening them may block.
    """
    path = as_path(owner, "path", value)
    if path.is_dir():
        raise IsADirectoryError(f"{owner}: path must be a file, got the folder {path}")
    if not path.exists():
        raise FileNotFoundError(f"{owner}: path must be a file, got {path}, which does not exist")
    if not path.is_file():
        raise ValueError(f"{owner}: path must be a regular file, got {path}")
    return path
