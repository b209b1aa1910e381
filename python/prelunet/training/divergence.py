"""A warning about losses that are not finite."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import is_sparse

Array = npt.NDArray[Any]
_BLOCK = 1 << 18  # elements checked at once
_NAMED = 5  # columns in a message


def warn_not_finite(
    where: str, loss: float, X: Any, labels: Sequence[object] | None, dtype: str, *, helps: str
) -> None:
    """Warn that a loss is not finite, and name the columns of X that may be the cause.

    Parameters
    ----------
    where : str
        What computed the loss, for the message.
    loss : float
    X : ndarray or CSR matrix
    labels : sequence or None
        The names of the columns of X, if they have names.
    dtype : str
        The dtype that training converts X to.
    helps : str
        What helps if X is finite in that dtype.
    """
    if X.ndim > 2:
        rows = _wrong_columns(X.reshape(len(X), -1).T, dtype)
        wrong = f"{len(rows)} of {len(X)} rows, first in row {rows[0]}" if len(rows) else ""
    else:
        wrong = _listed(_wrong_columns(X, dtype), labels)
    cause = f"though X is finite; {helps}"
    if wrong:
        cause = f"and X has NaN, infinity or numbers too large for {dtype} in {wrong}"
    warnings.warn(f"{where}: the loss is {loss}, {cause}", RuntimeWarning, stacklevel=3)


def column_labels(X: Any) -> Sequence[object] | None:
    """Return the names of the columns of a data frame; None for other values."""
    labels = getattr(X, "columns", None)
    return None if labels is None else list(labels)


def _wrong_columns(X: Any, dtype: str) -> npt.NDArray[np.int64]:
    """Return the indices of the columns of X that are not finite in a dtype."""
    if X.dtype.kind != "f":
        return np.empty(0, np.int64)
    if is_sparse(X):
        return np.unique(X.indices[~_finite(X.data, dtype)]).astype(np.int64)
    wrong = np.zeros(X.shape[1], bool)
    rows = max(1, _BLOCK // max(1, X.shape[1]))
    for start in range(0, len(X), rows):
        wrong |= ~_finite(X[start : start + rows], dtype).all(axis=0)
    return np.flatnonzero(wrong)


def _finite(values: Array, dtype: str) -> npt.NDArray[np.bool_]:
    with np.errstate(over="ignore"):
        finite: npt.NDArray[np.bool_] = np.isfinite(values.astype(dtype, copy=False))
    return finite


def _listed(places: npt.NDArray[np.int64], labels: Sequence[object] | None) -> str:
    names = [str(p) if labels is None else repr(labels[p]) for p in places[:_NAMED]]
    if len(places) > _NAMED:
        names.append(f"{len(places) - _NAMED} more")
    if len(names) < 2:
        return "".join(f"column {name}" for name in names)
    return f"columns {', '.join(names[:-1])} and {names[-1]}"
