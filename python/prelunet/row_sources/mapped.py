"""Rows of an NPY file or another binary file that the user has mapped read-only."""

from __future__ import annotations

import mmap
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from .._arrays import native
from .base import RowSource, WatchedFile, changed_file

Array = npt.NDArray[Any]


def is_mapped(value: object) -> TypeGuard[np.memmap[Any, Any]]:
    """Return whether `value` is a read-only map whose rows are adjacent in a file."""
    return (
        isinstance(value, np.memmap)
        and value.mode == "r"
        and value.filename is not None
        and value.ndim > 0
        and value.dtype.kind in "biuf"
        and value.flags.c_contiguous
        and _mapping(value) is not None
    )


class MappedRows(RowSource):
    """Rows of a mapped file, read from the file: a read reports a file that has become shorter.

    An access through the map would end the process by a signal then.
    """

    def __init__(self, rows: np.memmap[Any, Any]) -> None:
        mapping = _mapping(rows)
        assert mapping is not None  # is_mapped() is true
        begin = np.frombuffer(mapping, np.uint8).ctypes.data
        # The map begins at a multiple of the granularity, before the array's first byte.
        first = rows.offset - rows.offset % mmap.ALLOCATIONGRANULARITY
        self._start = first + rows.ctypes.data - begin
        self._stored = rows.dtype
        self.shape, self.dtype = rows.shape, native(np.empty(0, rows.dtype)).dtype
        self._watched = WatchedFile(str(rows.filename))

    def read(self, begin: int, out: Array) -> None:
        """Read rows in one sequential read."""
        if self.dtype != self._stored:
            raw = np.empty(out.shape, self._stored)
            self._read(begin, raw)
            out[...] = native(raw)
        else:
            self._read(begin, out)
        self._watched.check()

    def _read(self, begin: int, out: Array) -> None:
        with open(self._watched.path, "rb", buffering=0) as file:
            file.seek(self._start + begin * self.elements * self._stored.itemsize)
            left = out.reshape(-1).view(np.uint8).data
            while left:
                count = file.readinto(left)
                if not count:
                    how = f"rows {begin:,} to {begin + len(out):,} lack {len(left):,} bytes"
                    raise changed_file(self._watched.path, how)
                left = left[count:]


def _mapping(rows: np.memmap[Any, Any]) -> mmap.mmap | None:
    """Return the map that a view of a memmap belongs to."""
    base: Any = rows
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None
