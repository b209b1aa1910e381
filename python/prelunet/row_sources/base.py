"""`RowSource`, the interface of a source, and the source of an array in memory."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import as_rows, native

Array = npt.NDArray[Any]


class RowSource(ABC):
    """Rows that are read in blocks.

    One thread at a time reads a source.

    Attributes
    ----------
    shape : tuple of int
        The number of rows, then the shape of a row.
    dtype : dtype
        The dtype of the rows read, one that the engine reads.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @abstractmethod
    def read(self, begin: int, out: Array) -> None:
        """Fill the C-contiguous array `out`, of dtype `dtype`, with the rows from `begin` on.

        Raises
        ------
        OSError
            If the rows cannot be read, or their file has changed since the source was made.
        """

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    @property
    def elements(self) -> int:
        """The number of elements of a row."""
        return int(np.prod(self.shape[1:], dtype=np.int64))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        """Read all rows into an array."""
        if copy is False:
            raise ValueError(f"{type(self).__name__}: rows in a file cannot be viewed as an array")
        rows = read_rows(self, [(0, len(self))])
        return rows if dtype is None else rows.astype(dtype, copy=False)


class ArrayRows(RowSource):
    """The rows of an array in memory."""

    def __init__(self, operation: str, name: str, value: object) -> None:
        self._rows = as_rows(operation, name, value)
        self.shape, self.dtype = self._rows.shape, self._rows.dtype

    def read(self, begin: int, out: Array) -> None:
        """Copy rows."""
        out[...] = self._rows[begin : begin + len(out)]

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        """Return the array itself."""
        return np.array(self._rows, dtype=dtype, copy=copy)


class WatchedFile:
    """A file that must not change while it is read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._before = self._state()

    def check(self) -> None:
        """Raise OSError if the file's size or its time of modification has changed."""
        now = self._state()
        if now != self._before:
            raise changed_file(self.path, f"{self._before[0]:,} bytes at first, now {now[0]:,}")

    def _state(self) -> tuple[int, int]:
        found = os.stat(self.path)
        return found.st_size, found.st_mtime_ns


def changed_file(path: str, how: str) -> OSError:
    """Return the error about a file that is not what it was when its source was made."""
    return OSError(f"{path}: the file has changed while its rows are read ({how})")


def read_rows(
    source: RowSource, ranges: Iterable[tuple[int, int]], out: Array | None = None
) -> Array:
    """Return the rows of several ranges, joined; `out` is a buffer of at least as many rows."""
    ranges = list(ranges)
    count = sum(end - begin for begin, end in ranges)
    if out is None:
        out = np.empty((count, *source.shape[1:]), source.dtype)
    place = 0
    for begin, end in ranges:
        source.read(begin, out[place : place + end - begin])
        place += end - begin
    return out[:count]


def engine_dtype(operation: str, name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which rows of `dtype` are read: one that the engine reads."""
    if dtype.kind not in "biuf":
        raise TypeError(f"{operation}: {name} must hold real numbers, got dtype {dtype}")
    return native(np.empty(0, dtype)).dtype
