"""How models lie in files: one module a format, chosen by the path's suffix.

A file is the same in every format: a text of JSON that describes the model, and arrays by name.
Each module has ``write(stream, text, arrays)``, ``read(stream) -> (text, arrays)`` and the name of
the optional ``PACKAGE`` that they need, or None.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import IO

from .._extras import require
from . import npz, safetensors

_BY_SUFFIX: dict[str, ModuleType] = {".npz": npz, ".safetensors": safetensors}


def checked_path(
    operation: str, path: object, suffixes: Collection[str], *, argument: str = "path"
) -> str:
    """Return a path as a string that ends as it should.

    Raises
    ------
    TypeError
        If it is no path, or one of bytes.
    ValueError
        If it ends in none of `suffixes`.
    """
    checked = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(checked, str):
        raise TypeError(f"{operation}: {argument} must be a str or a PathLike of one, got {path!r}")
    if not checked.endswith(tuple(suffixes)):
        expected = " or ".join(suffixes)
        raise ValueError(f"{operation}: {argument} must end in {expected}, got {checked!r}")
    return checked


def format_of(operation: str, path: object, *, argument: str = "path") -> tuple[str, ModuleType]:
    """Return a model's path as a string, and the format that its suffix names.

    Raises
    ------
    TypeError, ValueError
        If it is no path, or its suffix names no format.
    ImportError
        If the format needs a package that is not installed.
    """
    checked = checked_path(operation, path, _BY_SUFFIX, argument=argument)
    suffix = next(suffix for suffix in _BY_SUFFIX if checked.endswith(suffix))
    found = _BY_SUFFIX[suffix]
    if found.PACKAGE is not None:
        require(found.PACKAGE, extra="io", purpose=f"a model in a {suffix} file")
    return checked, found


@contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """Yield a stream whose bytes become the file when all are on the disk.

    A failure, or the end of the process or of the machine at any moment, leaves the old file or the
    new one, each whole.
    """
    temporary = f"{path}.{os.getpid()}.part"
    try:
        with open(temporary, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        _sync_folder(os.path.dirname(path) or ".")
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def remove_leftovers(path: str) -> None:
    """Remove what processes that were killed in `replacing` have left beside a file."""
    for leftover in glob.glob(f"{glob.escape(path)}.[0-9]*.part"):
        with suppress(FileNotFoundError):
            os.unlink(leftover)


def _sync_folder(path: str) -> None:
    """Bring the folder's own entries to the disk, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
