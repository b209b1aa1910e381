"""Bounds of weights and targets that keep sums, inverses and squares finite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_LARGEST_SUM = 2.0**960  # 1e289: losses of up to 2**64 times the weights still add up


@contextmanager
def within_float64(owner: str, name: str) -> Iterator[None]:
    """Turn the OverflowError of a conversion of `name` to float64 into a ValueError."""
    try:
        yield
    except OverflowError as error:
        raise ValueError(f"{owner}: {name} must hold numbers within float64: {error}") from error


def check_weights(owner: str, name: str, weights: Array, *, alpha: float = 0.0) -> None:
    """Reject sample weights whose sum training or a score cannot divide by.

    They must be finite and at least 0; their sum times a row's loss, the inverse of the sum and the
    square of the gradient of the penalty `alpha` must be finite.
    """
    wrong = np.flatnonzero(~((weights >= 0.0) & np.isfinite(weights)))
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"{owner}: {name} must hold finite weights >= 0, got {weights[row]} in row {row}"
        )
    with np.errstate(all="ignore"):
        total = weights.sum()
        inverse = np.array([1.0, alpha]) / total
        usable = total <= _LARGEST_SUM and np.isfinite([inverse[0], inverse[1] ** 2]).all()
    if total > 0.0 and not usable:
        raise ValueError(
            f"{owner}: {name} must have a sum of at most {_LARGEST_SUM:.0e} that 1 and alpha "
            f"({alpha:g}) can be divided by, got {total:g}"
        )


def check_targets(
    owner: str, name: str, targets: Array, weights: Array | None, *, dtype: npt.DTypeLike
) -> None:
    """Reject regression targets whose squared errors overflow in the network's `dtype`."""
    if targets.size == 0:
        return
    # A row's loss is a sum over outputs in this dtype; the sum over rows is float64.
    # Predictions may be as far from 0 as y, with the opposite sign.
    rows, outputs = targets.shape
    total = rows if weights is None else max(rows, float(weights.sum()))
    row = float(np.finfo(dtype).max) / outputs
    summed = float(np.finfo(np.float64).max) / outputs / total
    largest = 0.5 * np.sqrt(min(row, summed))
    found = float(np.abs(targets).max())
    if found > largest:
        raise ValueError(
            f"{owner}: {name} must be within +-{largest:.3g}, so that squared errors are finite in "
            f"{np.dtype(dtype)}, got {found:.3g}; scale {name}, or use dtype='float64'"
        )
