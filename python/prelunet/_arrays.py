"""What users give as data, before the core's own checks: lists and data frames become arrays."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._validation import choice, integer, real
from .losses import FunctionLoss, Loss

Array = npt.NDArray[Any]
_CHUNK_BYTES = 1 << 20  # of rows that are copied at once where they do not lie one after another


def as_array(operation: str, name: str, value: object) -> Array:
    """Return `value` as an array; an array comes back as it is, on the memory that it has.

    So do arrays of other libraries, by way of DLPack, where NumPy has their dtype and reaches their
    memory.

    Raises
    ------
    ValueError
        If it is no array and cannot become one, or has masked elements.
    """
    if type(value) is np.ndarray:
        return value
    refuse_masked(operation, name, value)
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array_interface__"):
        return _of_another_library(operation, name, value)
    try:
        return np.asarray(value)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"{operation}: {name} must be an array: {error}") from error


def refuse_masked(operation: str, name: str, value: object) -> None:
    """Raise ValueError for a masked array with masked elements: an ndarray of it has no mask."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        count = int(np.ma.getmaskarray(value).sum())
        raise ValueError(
            f"{operation}: {name} must have no masked elements, got {count}; fill them "
            "(X.filled(value)) or leave their rows out"
        )


def _of_another_library(operation: str, name: str, value: Any) -> Array:
    """Return an array on another library's memory, or a copy that the library itself makes."""
    # PyTorch marks views as negated or conjugated; DLPack does not carry the mark.
    for resolve in ("resolve_conj", "resolve_neg"):
        if hasattr(value, resolve):
            value = getattr(value, resolve)()
    try:
        return np.from_dlpack(value)
    except Exception as error:  # what others raise: BufferError for a device or a dtype, as a rule
        reason = error
    try:
        array = np.asarray(value)
    except Exception as error:
        reason = error
    else:
        if array.dtype != object:  # that is what NumPy makes of anything
            return array
    raise ValueError(
        f"{operation}: {name} must be an array that NumPy can read in the CPU's memory, got a "
        f"{type(value).__name__}: {reason}"
    ) from reason


def as_rows(operation: str, name: str, value: object) -> Array:
    """Return `value` as an array with at least one axis."""
    array = as_array(operation, name, value)
    if array.ndim == 0:
        got = repr(value) if isinstance(value, (int, float)) else type(value).__name__
        raise ValueError(f"{operation}: {name} must be an array of rows, got {got}")
    return array


def fingerprint(array: Array) -> dict[str, Any]:
    """Return what tells an array from others: its shape, dtype and CRC-32, as JSON values."""
    rows = max(1, _CHUNK_BYTES * len(array) // max(array.nbytes, 1))
    checksum = 0
    for start in range(0, len(array), rows):
        checksum = zlib.crc32(np.ascontiguousarray(array[start : start + rows]).data, checksum)
    return {"shape": list(array.shape), "dtype": array.dtype.name, "crc32": f"{checksum:08x}"}


def as_targets(operation: str, y: object, *, loss: Loss, outputs: int) -> Array:
    """Return targets in the shape that the engine wants.

    Labels (n,) stay; (n,) targets of a network with one output become (n, 1).

    Raises
    ------
    ValueError
        If the loss takes labels and these are a column (n, 1).
    """
    array = as_rows(operation, "y", y)
    takes_labels = loss.probabilities == "softmax"
    if takes_labels and array.ndim == 2 and array.shape[1] == 1:
        raise ValueError(
            f"{operation}: y must have shape (n,) for integer labels or (n, {outputs}) for rows of "
            f"targets, got {array.shape}; y.ravel() makes labels of a column"
        )
    if not takes_labels and array.ndim == 1 and outputs == 1:
        return array[:, np.newaxis]
    return array


def are_classes(y: Array) -> bool:
    """Return whether each row of targets names one class.

    Integers (n,) do, and so do 0 and 1 in rows (n, 1), and rows with a single 1 among zeros.
    """
    if y.ndim == 1:
        whole = y.dtype.kind == "f" and bool((y == np.floor(y)).all())
        return y.dtype.kind in "iub" or whole
    if y.ndim != 2 or not bool(((y == 0) | (y == 1)).all()):
        return False
    return y.shape[1] == 1 or bool((np.count_nonzero(y, axis=1) == 1).all())


def class_of_rows(y: Array) -> npt.NDArray[np.int64]:
    """Return the class of each row of targets: the label, the largest target, or 0 and 1."""
    if y.ndim == 1:
        return y.astype(np.int64)
    if y.shape[1] == 1:
        return (y[:, 0] > 0.5).astype(np.int64)
    largest: npt.NDArray[np.int64] = np.argmax(y, axis=1)
    return largest


def class_factors(
    operation: str, y: Array, class_weight: Mapping[int, float] | str, *, loss: Loss, outputs: int
) -> npt.NDArray[np.float64]:
    """Return the weight of each row that follows from its class.

    Parameters
    ----------
    operation : str
        The method called, for messages.
    y : ndarray
        Targets as `as_targets` returns them, accepted by the engine.
    class_weight : mapping of int to float, or "balanced"
        By class; a class without a key has weight 1. "balanced" gives each class the same total
        weight: n / (classes * rows of the class).
    loss : Loss
    outputs : int
        The number of outputs of the network.

    Raises
    ------
    TypeError, ValueError
        If targets are not classes, a key names no class, or a weight is not a number of at least 0.
    """
    if loss.probabilities == "sigmoid" and outputs > 1:
        raise ValueError(
            f"{operation}: class_weight must be None for several yes/no outputs: a row has no one "
            f"class; use sample_weight, got {class_weight!r}"
        )
    if not are_classes(y):
        raise ValueError(
            f"{operation}: class_weight must be None where targets are not classes, "
            f"got {class_weight!r}"
        )
    classes = class_of_rows(y)
    if isinstance(class_weight, str):
        choice(operation, "class_weight (unless a mapping)", class_weight, ("balanced",))
        _, places, counts = np.unique(classes, return_inverse=True, return_counts=True)
        balanced: npt.NDArray[np.float64] = (len(classes) / (len(counts) * counts))[places]
        return balanced
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            f"{operation}: class_weight must be a mapping from class to weight, 'balanced' or "
            f"None, got {class_weight!r}"
        )
    known: Collection[int] = range(outputs)
    if y.ndim == 2:
        known = range(max(y.shape[1], 2))
    elif isinstance(loss, FunctionLoss):  # it alone knows its labels
        known = set(classes.tolist())
    factors = np.ones(len(classes))
    for label, weight in class_weight.items():
        integer(operation, "a class in class_weight", label)
        if label not in known:
            raise ValueError(
                f"{operation}: class_weight must have keys among the classes "
                f"{_listed(sorted(known))}, got {label!r}"
            )
        factors[classes == label] = real(operation, f"class_weight[{label}]", weight, minimum=0.0)
    return factors


def _listed(classes: Sequence[int]) -> str:
    """Return some classes as text, at most ten of them."""
    if len(classes) <= 10:
        return ", ".join(map(str, classes))
    return f"{classes[0]}, {classes[1]}, ..., {classes[-1]}"
