"""Conversion of targets to the engine's shape, and row weights from class weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import as_rows
from .._validation import choice, integer, real
from ..compiled import are_classes
from ..losses import FunctionLoss, Loss

Array = npt.NDArray[Any]


def as_targets(operation: str, y: object, *, loss: Loss, outputs: int) -> Array:
    """Return targets in the engine's shape.

    Labels keep their shape (n,). Targets (n,) of a network with one output become (n, 1). Targets
    (n,) or (n, 1) of several quantiles become (n, outputs). A column of labels, (n, 1), is a
    ValueError.
    """
    array = as_rows(operation, "y", y)
    _refuse_text(operation, array, loss)
    takes_labels = loss.probabilities == "softmax"
    if takes_labels and array.ndim == 2 and array.shape[1] == 1:
        raise ValueError(
            f"{operation}: y must have shape (n,) for integer labels or (n, {outputs}) for rows of "
            f"targets, got {array.shape}; y.ravel() makes labels of a column"
        )
    if not takes_labels and array.ndim == 1 and (outputs == 1 or len(loss.options) > 1):
        array = array[:, np.newaxis]
    if len(loss.options) > 1 and array.ndim == 2 and array.shape[1] == 1:
        return np.broadcast_to(array, (len(array), outputs))
    return array


def _refuse_text(operation: str, y: Array, loss: Loss) -> None:
    """Raise TypeError for text, which may be labels."""
    kind = y.dtype.kind
    if kind in "SUT" or (kind == "O" and any(isinstance(value, str) for value in y.flat)):
        helps = ""
        if loss.probabilities is not None:
            helps = (
                "; classes, y = np.unique(y, return_inverse=True) makes integer labels of it, and "
                "MLPClassifier and TabularClassifier accept text"
            )
        raise TypeError(f"{operation}: y must hold numbers, got text, dtype {y.dtype}{helps}")


def class_of_rows(y: Array) -> npt.NDArray[np.int64]:
    """Return the class of each row: the label, the index of the largest target, or 0 or 1."""
    if y.ndim == 1:
        return y.astype(np.int64)
    if y.shape[1] == 1:
        return (y[:, 0] > 0.5).astype(np.int64)
    largest: npt.NDArray[np.int64] = np.argmax(y, axis=1)
    return largest


def class_factors(
    operation: str, y: Array, class_weight: Mapping[int, float] | str, *, loss: Loss, outputs: int
) -> npt.NDArray[np.float64]:
    """Return the weight of each row, given by its class.

    `y` are targets as `as_targets` returns them, accepted by the engine. A class without a key in
    `class_weight` has weight 1. "balanced" gives all classes the same total weight:
    n / (number of classes * rows of the class).
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
    elif isinstance(loss, FunctionLoss):  # its labels are not restricted
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
    """Format classes for a message; abbreviates more than ten."""
    if len(classes) <= 10:
        return ", ".join(map(str, classes))
    return f"{classes[0]}, {classes[1]}, ..., {classes[-1]}"
