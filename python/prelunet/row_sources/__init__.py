"""Rows beyond memory: sources that `fit`, `evaluate` and `predict` read in blocks.

Neither h5py nor pyarrow is imported here; their objects are known by the module of their type. The
sources are imported when one is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .base import RowSource


def is_source(value: object, *, mapped: bool = False) -> bool:
    """Return whether the rows of `value` are read in blocks.

    They are those of an HDF5 dataset, an Arrow table or array, or a Parquet file; with `mapped`,
    also those of an NPY file opened with ``mmap_mode="r"``, which otherwise is an array.
    """
    kind = type(value)
    if kind is np.ndarray:
        return False
    if kind is np.memmap:
        return mapped and _is_mapped(value)
    ours = kind.__module__.startswith("prelunet.row_sources.")
    return ours or _is_hdf5(value) or _is_arrow(value)


def as_source(operation: str, name: str, value: object) -> RowSource:
    """Return a source that reads the rows of `value`; other values become arrays."""
    from .arrow import ArrowRows
    from .base import ArrayRows, RowSource
    from .hdf5 import Hdf5Rows
    from .mapped import MappedRows, is_mapped

    if isinstance(value, RowSource):
        return value
    if _is_hdf5(value):
        return Hdf5Rows(operation, name, value)
    if _is_arrow(value):
        return ArrowRows(operation, name, value)
    if is_mapped(value):
        return MappedRows(value)
    return ArrayRows(operation, name, value)


def _is_mapped(value: object) -> bool:
    from .mapped import is_mapped

    return is_mapped(value)


def _is_hdf5(value: object) -> bool:
    return type(value).__module__.startswith("h5py.") and hasattr(value, "read_direct")


def _is_arrow(value: object) -> bool:
    name = type(value).__name__
    return type(value).__module__ == "pyarrow.lib" and (
        name in ("Table", "RecordBatch", "ChunkedArray") or name.endswith("Array")
    )
