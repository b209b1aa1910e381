"""Reading of the columns of data frames of pandas and polars, Arrow tables, arrays and lists.

The libraries are recognized by their objects, and not imported for others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import as_array, is_sparse, refuse_masked
from .._extras import require
from .columns import Column, of_levels, of_objects

Array = npt.NDArray[Any]
_US = "datetime64[us]"
Table = Any  # a data frame, an Arrow table, an array or a list of rows
Series = Any  # a column of a data frame or an Arrow table


def column_names(X: Table) -> list[Any] | None:
    """Return the names of a table's columns; None for arrays, which have none."""
    if hasattr(X, "column_names"):  # of Arrow, where `columns` are the columns themselves
        return list(X.column_names)
    return list(X.columns) if hasattr(X, "columns") else None


def read_columns(operation: str, X: Table) -> list[Column]:
    """Return the columns of a table.

    Parameters
    ----------
    operation : str
        The caller, for messages.
    X : data frame, Arrow table, array or list of rows

    Raises
    ------
    TypeError
        If X is sparse, or a column holds neither numbers, text, bool, categories nor dates.
    ValueError
        If X does not have two axes.
    """
    if is_sparse(X):
        raise TypeError(
            f"{operation}: X must be a table or a dense array, got sparse data; use X.toarray()"
        )
    if hasattr(X, "iloc"):
        names = column_names(X)
        if names is None:
            raise ValueError(f"{operation}: X must have two axes, got a series. {_RESHAPE}")
        return _of_pandas_frame(operation, X)
    if type(X).__module__.partition(".")[0] == "polars":
        if not hasattr(X, "get_columns"):
            raise TypeError(f"{operation}: X must be a DataFrame of polars, got {type(X).__name__}")
        return [_of_polars(_label(operation, s.name), s) for s in X.get_columns()]
    if hasattr(X, "__arrow_c_stream__"):
        arrow = require("pyarrow", extra=None, purpose="an Arrow table")
        table = X if isinstance(X, arrow.Table) else arrow.table(X)
        named = zip(table.column_names, table.columns, strict=True)
        return [_of_arrow(_label(operation, name), column) for name, column in named]
    return _of_array(operation, X)


_RESHAPE = "Reshape your data: X must have the shape (rows, columns)"


def _label(operation: str, name: object) -> str:
    return f"{operation}: column {name!r}"


def _refuse(label: str, dtype: object) -> TypeError:
    return TypeError(
        f"{label} must hold numbers, text, bool, categories or dates, got dtype {dtype}"
    )


def _of_array(operation: str, X: Table) -> list[Column]:
    refuse_masked(operation, "X", X)
    if isinstance(X, (list, tuple)):
        array = np.asarray(X)
        if array.dtype.kind in "US":  # numbers among text would become text
            array = np.array(X, dtype=object)
    else:
        array = as_array(operation, "X", X)
    if array.ndim != 2:
        raise ValueError(f"{operation}: X must have two axes, got shape {array.shape}. {_RESHAPE}")
    kind, columns = array.dtype.kind, []
    if kind == "c":
        raise ValueError(f"{operation}: Complex data not supported: X has dtype {array.dtype}")
    for place in range(array.shape[1]):
        label, values = f"{operation}: column {place}", array[:, place]
        if kind in "iuf":
            columns.append(Column(label, "number", values.astype(np.float64)))
        elif kind == "M":
            columns.append(Column(label, "date", values.astype(_US)))
        elif kind in "bUTO":
            columns.append(of_objects(label, values.tolist()))
        else:
            raise _refuse(label, array.dtype)
    return columns


def _of_pandas_frame(operation: str, X: Table) -> list[Column]:
    labels = [_label(operation, name) for name in X.columns]
    if all(isinstance(d, np.dtype) and d.kind in "iuf" for d in X.dtypes.tolist()):
        numbers = X.to_numpy(np.float64)  # faster than column by column
        named = zip(labels, numbers.T, strict=True)
        return [Column(label, "number", values) for label, values in named]
    return [_of_pandas(label, s) for label, (_, s) in zip(labels, X.items(), strict=True)]


def _of_pandas(label: str, series: Series) -> Column:
    dtype = series.dtype
    kind = getattr(dtype, "kind", "O")
    if kind in "iuf":
        if isinstance(dtype, np.dtype):
            return Column(label, "number", series.to_numpy().astype(np.float64))
        return Column(label, "number", series.to_numpy(np.float64, na_value=np.nan))
    if kind == "M":
        return Column(label, "date", series.dt.tz_localize(None).to_numpy(_US))
    if dtype.name == "category":
        codes = series.array.codes.astype(np.int64)
        return of_levels(label, codes, series.array.categories.tolist(), mixed=True)
    if kind == "b" or str(dtype) in ("object", "str") or str(dtype).startswith("string"):
        return of_objects(label, series.tolist())
    raise _refuse(label, dtype)


def _of_polars(label: str, series: Series) -> Column:
    polars = require("polars", extra=None, purpose="a data frame of polars")
    dtype = series.dtype
    if dtype.is_numeric():
        return Column(label, "number", series.cast(polars.Float64).to_numpy().astype(np.float64))
    if dtype in (polars.Date, polars.Datetime):
        if getattr(dtype, "time_zone", None) is not None:
            series = series.dt.replace_time_zone(None)
        return Column(label, "date", series.cast(polars.Datetime("us")).to_numpy().astype(_US))
    text = (polars.String, polars.Categorical, polars.Enum)
    if dtype in (polars.Boolean, *text, polars.Null, polars.Object):
        return of_objects(label, series.to_list())
    raise _refuse(label, dtype)


def _of_arrow(label: str, column: Series) -> Column:
    arrow = require("pyarrow", extra=None, purpose="an Arrow table")
    dtype, types = column.type, arrow.types
    if types.is_integer(dtype) or types.is_floating(dtype) or types.is_decimal(dtype):
        values = column.cast(arrow.float64(), safe=False).to_numpy()
        return Column(label, "number", np.array(values, np.float64))
    if types.is_date(dtype) or types.is_timestamp(dtype):
        if getattr(dtype, "tz", None) is not None:
            compute = require("pyarrow.compute", extra=None, purpose="times of a zone")
            column = compute.local_timestamp(column)
        values = column.cast(arrow.timestamp("us"), safe=False).to_numpy()
        return Column(label, "date", values.astype(_US))
    if types.is_dictionary(dtype):
        return _of_dictionary(label, column.unify_dictionaries(), mixed=True)
    if types.is_string(dtype) or types.is_large_string(dtype):
        return _of_dictionary(label, column.dictionary_encode(), mixed=False)
    if types.is_string_view(dtype) or types.is_boolean(dtype) or types.is_null(dtype):
        return of_objects(label, column.to_pylist())
    raise _refuse(label, dtype)


def _of_dictionary(label: str, column: Series, *, mixed: bool) -> Column:
    arrow = require("pyarrow", extra=None, purpose="an Arrow table")
    encoded = column.combine_chunks()
    codes = encoded.indices.cast(arrow.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return of_levels(label, codes, encoded.dictionary.to_pylist(), mixed=mixed)
