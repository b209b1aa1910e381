"""Rows of an HDF5 dataset of h5py."""

from __future__ import annotations

import os
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from .base import RowSource, WatchedFile, changed_file, engine_dtype

Array = npt.NDArray[Any]


class File(Protocol):
    """A file of h5py."""

    filename: str
    mode: str


class Dataset(Protocol):
    """A dataset of h5py."""

    shape: tuple[int, ...] | None
    dtype: np.dtype[Any]
    file: File

    def read_direct(self, out: Array, selection: slice) -> None:
        """Read a selection into an array."""


class Hdf5Rows(RowSource):
    """Rows of an open dataset; its file must stay open."""

    def __init__(self, operation: str, name: str, value: object) -> None:
        dataset = cast("Dataset", value)
        if dataset.shape is None or len(dataset.shape) == 0:
            raise ValueError(f"{operation}: {name} must be a dataset of rows, got {dataset!r}")
        self._dataset, self.shape = dataset, tuple(dataset.shape)
        self.dtype = engine_dtype(operation, name, dataset.dtype)
        path = str(dataset.file.filename)
        # Files in memory have no path, and those open for writing change by their owner's hand.
        watched = dataset.file.mode == "r" and os.path.exists(path)
        self._watched = WatchedFile(path) if watched else None

    def read(self, begin: int, out: Array) -> None:
        """Read rows; HDF5 converts them to the dtype."""
        end, now = begin + len(out), self._dataset.shape
        if now is None or end > now[0]:
            how = f"shape {self.shape} at first, now {now}"
            raise changed_file(str(self._dataset.file.filename), how)
        if not len(out):
            return
        try:
            self._dataset.read_direct(out, np.s_[begin:end])
        finally:
            if self._watched is not None:
                self._watched.check()
