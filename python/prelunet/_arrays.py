"""Conversion of users' data (lists, data frames, arrays of other libraries, sparse matrices)."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_CHUNK_BYTES = 1 << 20  # of non-contiguous rows copied at once
_READ = frozenset(map(np.dtype, "?bBhHiIlLqQfd"))  # dtypes that the engine reads
_CONVERTED = {"e": np.float32, "g": np.float64}  # float16, longdouble


def as_array(operation: str, name: str, value: object) -> Array:
    """Return `value` as an array; arrays are not copied.

    Arrays of other libraries are imported through DLPack, without a copy if NumPy supports their
    dtype and device.

    Raises
    ------
    ValueError
        If `value` cannot be converted to an array, or has masked elements.
    """
    if type(value) is np.ndarray:
        return value
    refuse_masked(operation, name, value)
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array_interface__"):
        return _of_another_library(operation, name, value)
    try:
        array = np.asarray(value)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"{operation}: {name} must be an array: {error}") from error
    if array.dtype.kind in "biuf" or not array.size or not hasattr(value, "iloc"):
        return array
    return _of_series(value) if array.ndim == 1 else _of_frame(operation, name, value)


def refuse_masked(operation: str, name: str, value: object) -> None:
    """Raise ValueError for an array with masked elements: conversion would drop the mask."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        count = int(np.ma.getmaskarray(value).sum())
        raise ValueError(
            f"{operation}: {name} must have no masked elements, got {count}; fill them "
            "(X.filled(value)) or leave their rows out"
        )


def _of_another_library(operation: str, name: str, value: Any) -> Array:
    """Return a view of another library's array, or a copy made by that library."""
    # PyTorch has lazily negated and conjugated views, which DLPack cannot represent.
    for resolve in ("resolve_conj", "resolve_neg"):
        if hasattr(value, resolve):
            value = getattr(value, resolve)()
    try:
        return np.from_dlpack(value)
    except Exception as error:  # mostly BufferError, for an unsupported device or dtype
        reason = error
    try:
        array = np.asarray(value)
    except Exception as error:
        reason = error
    else:
        if array.dtype != object:  # object: NumPy cannot read the value
            return array
    raise ValueError(
        f"{operation}: {name} must be an array that NumPy can read in the CPU's memory, got a "
        f"{type(value).__name__}: {reason}"
    ) from reason


def _of_frame(operation: str, name: str, frame: Any) -> Array:
    """Return the numbers of a pandas data frame that NumPy does not read as real numbers.

    Its columns have different dtypes, such as float64 and bool, or are nullable.
    """
    columns = []
    for place, label in enumerate(frame.columns):
        series = frame.iloc[:, place]
        columns.append(_of_series(series))
        if columns[-1].dtype.kind not in "biuf":
            raise TypeError(
                f"{operation}: {name} must hold real numbers, got dtype {series.dtype} in column "
                f"{label!r}"
            )
    return np.stack(columns, axis=1)


def _of_series(series: Any) -> Array:
    """Return the numbers of a pandas series, with NaN if missing; else what NumPy reads."""
    values: Array
    if getattr(series.dtype, "kind", "O") not in "biuf":
        read = np.asarray(series)
        if read.dtype != object:
            return read
        try:
            values = np.array(read.tolist())  # objects may be numbers
        except ValueError:  # or lists of different lengths
            return read
        return values if values.dtype.kind in "biuf" and values.ndim == 1 else read
    if series.isna().any():
        values = series.to_numpy(np.float64, na_value=np.nan)
    else:
        values = series.to_numpy(getattr(series.dtype, "numpy_dtype", None))
    return values


def native(array: Array) -> Array:
    """Return real numbers in a dtype that the engine reads; other arrays unchanged.

    Only foreign byte orders, float16 and longdouble are copied.
    """
    dtype = array.dtype
    if dtype in _READ or dtype.kind not in "biuf":
        return array
    with np.errstate(over="ignore", under="ignore"):  # longdouble has a wider range
        return array.astype(_CONVERTED.get(dtype.char, dtype.newbyteorder("=")))


def as_rows(operation: str, name: str, value: object) -> Array:
    """Return `value` as an array with at least one axis, in a dtype that `native` returns."""
    if type(value) is np.ndarray and value.ndim and value.dtype in _READ:
        return value  # as below, without the calls
    array = as_array(operation, name, value)
    if array.ndim == 0:
        got = repr(value) if isinstance(value, (int, float)) else type(value).__name__
        raise ValueError(f"{operation}: {name} must be an array of rows, got {got}")
    return native(array)


def is_sparse(value: object) -> bool:
    """Return whether `value` is a sparse matrix or array of SciPy, which is not imported for it."""
    return hasattr(value, "tocsr") and hasattr(value, "format")


def as_samples(operation: str, name: str, value: object) -> Any:
    """Return `value` as an array of rows, or a sparse one in CSR format; neither is copied.

    Raises
    ------
    ValueError
        If `value` cannot be converted, or a sparse matrix is damaged. The engine checks CSR.
    """
    if not is_sparse(value):
        return as_rows(operation, name, value)
    matrix: Any = value
    if matrix.format == "csr":
        return matrix
    try:  # tocsr() reads and writes out of bounds where places are wrong
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
        elif matrix.format == "coo":
            type(matrix)((matrix.data, matrix.coords), shape=matrix.shape)
    except ValueError as error:
        raise ValueError(f"{operation}: {name} must be a valid sparse matrix: {error}") from error
    return matrix.tocsr()


def fingerprint(array: Any) -> dict[str, Any]:
    """Return the shape, the dtype and the CRC-32 of an array or a CSR matrix, as JSON values."""
    if is_sparse(array):
        parts = (array.indptr, array.indices, array.data)
        return {"shape": list(array.shape), "csr": [fingerprint(part) for part in parts]}
    rows = max(1, _CHUNK_BYTES * len(array) // max(array.nbytes, 1))
    checksum = 0
    for start in range(0, len(array), rows):
        checksum = zlib.crc32(np.ascontiguousarray(array[start : start + rows]).data, checksum)
    return {"shape": list(array.shape), "dtype": array.dtype.name, "crc32": f"{checksum:08x}"}
