"""Rows of Arrow tables and arrays, and of Parquet files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from .._extras import require
from .base import RowSource, WatchedFile, engine_dtype

Array = npt.NDArray[Any]
_GROUP_BYTES = 1 << 28  # maximum size of a decoded row group


class ArrowType(Protocol):
    """A type of pyarrow; the first two members are those of lists of fixed size."""

    list_size: int
    value_type: ArrowType

    def to_pandas_dtype(self) -> type:
        """Return the NumPy type."""


class ArrowArray(Protocol):
    """A chunk of a column."""

    null_count: int

    def __len__(self) -> int: ...

    def flatten(self) -> ArrowArray:
        """Return the elements of all lists."""

    def to_numpy(self, *, zero_copy_only: bool) -> Array:
        """Return a NumPy array."""


class ArrowColumn(Protocol):
    """A column of a table."""

    chunks: Sequence[ArrowArray]


class ArrowField(Protocol):
    """The name and the type of a column."""

    name: str
    type: ArrowType


class ArrowTable(Protocol):
    """A table of pyarrow."""

    num_rows: int
    schema: Iterable[ArrowField]

    def column(self, place: int) -> ArrowColumn:
        """Return a column."""

    def slice(self, begin: int, count: int) -> ArrowTable:
        """Return some rows, without a copy."""


def _pyarrow(module: str = "pyarrow") -> Any:
    return require(module, extra="arrow", purpose="reading Arrow and Parquet data")


class _Column:
    """The numbers of an Arrow type: one a row, or a list of fixed size of them."""

    def __init__(self, operation: str, name: str, label: str, kind: ArrowType) -> None:
        types = _pyarrow().types
        self.label, self.width = label, 1
        self.is_list = types.is_fixed_size_list(kind)
        if self.is_list:
            self.width, kind = kind.list_size, kind.value_type
        numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
        if not numeric:
            raise TypeError(
                f"{operation}: {name} must hold real numbers or lists of fixed size of them, got "
                f"{kind} in column {label!r}"
            )
        self.dtype = engine_dtype(operation, name, np.dtype(kind.to_pandas_dtype()))

    def copy(self, chunk: ArrowArray, out: Array) -> None:
        """Copy a chunk of the column; nulls become NaN."""
        values = chunk.flatten() if self.is_list else chunk
        nulls = chunk.null_count or values.null_count
        if nulls and (self.is_list or out.dtype.kind != "f"):
            raise ValueError(f"column {self.label!r} must have no nulls, got some")
        out[...] = values.to_numpy(zero_copy_only=False).reshape(out.shape)


class _Table:
    """Several columns side by side: the rows of a two-dimensional array."""

    def __init__(self, operation: str, name: str, schema: Iterable[ArrowField]) -> None:
        fields = [(field.name, field.type) for field in schema]
        if not fields:
            raise ValueError(f"{operation}: {name} must have at least one column, got none")
        self.columns = [_Column(operation, name, label, kind) for label, kind in fields]
        self.dtype = np.result_type(*(column.dtype for column in self.columns))
        self.width = sum(column.width for column in self.columns)

    def copy(self, table: ArrowTable, out: Array) -> None:
        """Copy the rows of a table to `out` (rows, width)."""
        first = 0
        for place, column in enumerate(self.columns):
            begin = 0
            for chunk in table.column(place).chunks:
                to = out[begin : begin + len(chunk), first : first + column.width]
                column.copy(chunk, to)
                begin += len(chunk)
            first += column.width


class ArrowRows(RowSource):
    """Rows of an Arrow table, record batch or array; those of a mapped file stay in the file."""

    def __init__(self, operation: str, name: str, value: object) -> None:
        pyarrow = _pyarrow()
        flat = isinstance(value, (pyarrow.Array, pyarrow.ChunkedArray))
        if flat:
            value = pyarrow.table({name: value})
        elif isinstance(value, pyarrow.RecordBatch):
            value = pyarrow.Table.from_batches([value])
        self._table = cast("ArrowTable", value)
        self._layout = _Table(operation, name, self._table.schema)
        count, width = self._table.num_rows, self._layout.width
        flat = flat and not self._layout.columns[0].is_list
        self.shape = (count,) if flat else (count, width)
        self.dtype = self._layout.dtype

    def read(self, begin: int, out: Array) -> None:
        """Copy rows."""
        rows = out.reshape(len(out), self._layout.width)
        self._layout.copy(self._table.slice(begin, len(out)), rows)


class ParquetRows(RowSource):
    """The rows of a Parquet file, for X and y of `fit`, `evaluate` and `predict`.

    They are read in blocks, and need pyarrow (``pip install 'prelunet[arrow]'``). Only
    ``shuffle="blocks"`` and ``shuffle=False`` of `fit` do so; ``shuffle=True`` reads all rows into
    memory. A row group is decoded whole. It should not be larger than a block of rows (see the user
    guide), and must not be larger than 256 MiB.

    Parameters
    ----------
    path : str or path-like
        The file. It must not change while its rows are read.
    columns : str or sequence of str, optional
        The columns, in this order; by default all of them. They hold numbers, or lists of fixed
        size of numbers, whose elements become columns. The name of one column of numbers, as a str,
        gives rows of shape (n,), such as labels.

    Attributes
    ----------
    shape : tuple of int
        (n,) or (n, features).
    dtype : dtype
        The dtype that all columns have in common.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    OSError
        If the file cannot be read.
    TypeError, ValueError
        If a column is missing or does not hold numbers, or a row group is too large.
    """

    def __init__(
        self, path: str | os.PathLike[str], columns: str | Sequence[str] | None = None
    ) -> None:
        parquet = _pyarrow("pyarrow.parquet")
        self._watched = WatchedFile(os.fspath(path))
        self._file = parquet.ParquetFile(path, pre_buffer=False)
        schema, flat = self._file.schema_arrow, isinstance(columns, str)
        wanted = [columns] if isinstance(columns, str) else columns
        names = schema.names if wanted is None else list(wanted)
        for column in names:
            if column not in schema.names:
                raise ValueError(
                    f"ParquetRows: columns must be among {', '.join(schema.names)}, got {column!r}"
                )
        fields = [schema.field(column) for column in names]
        self._names, self._layout = names, _Table("ParquetRows", "columns", fields)
        metadata = self._file.metadata
        counts = [metadata.row_group(g).num_rows for g in range(metadata.num_row_groups)]
        self._ends = np.cumsum(counts, dtype=np.int64)
        self.dtype, width = self._layout.dtype, self._layout.width
        most = max(counts, default=0) * width * self.dtype.itemsize
        if most > _GROUP_BYTES:
            rows = _GROUP_BYTES // (width * self.dtype.itemsize)
            raise ValueError(
                f"ParquetRows: {self._watched.path}: a row group must have at most 256 MiB, got "
                f"{most / 2**20:,.0f}; write the file with row_group_size={rows} or less"
            )
        flat = flat and not self._layout.columns[0].is_list
        count = metadata.num_rows
        self.shape = (count,) if flat else (count, width)
        self._decoded: tuple[int, ArrowTable] | None = None  # the last row group

    def read(self, begin: int, out: Array) -> None:
        """Decode the row groups of the rows, and copy the rows."""
        rows, done = out.reshape(len(out), self._layout.width), 0
        while done < len(rows):
            group = int(np.searchsorted(self._ends, begin + done, side="right"))
            table = self._group(group)
            first = begin + done - (int(self._ends[group]) - table.num_rows)
            count = min(len(rows) - done, table.num_rows - first)
            self._layout.copy(table.slice(first, count), rows[done : done + count])
            done += count

    def _group(self, group: int) -> ArrowTable:
        if self._decoded is None or self._decoded[0] != group:
            self._watched.check()
            self._decoded = None  # frees its memory first
            try:
                table = self._file.read_row_group(group, columns=self._names, use_threads=False)
            finally:
                self._watched.check()
            table = table.select(self._names)  # the file's order may be another one
            self._decoded = group, table
        return self._decoded[1]
