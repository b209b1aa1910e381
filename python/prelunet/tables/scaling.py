"""Quantiles of weighted rows, and robust scaling with a smooth clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_QUARTILES = (0.25, 0.5, 0.75)
_CLIP = 3.0  # the bound of clipped values
_LARGEST = 1e100  # before the clip, so that squares are finite


def quantiles(values: Floats, weights: Floats, shares: Sequence[float]) -> Floats:
    """Return quantiles, interpolated linearly between the sorted values.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Without NaN, and n at least 1.
    weights : ndarray of float64, shape (n,)
        Above 0. A weight of 2 counts as two rows.
    shares : sequence of float
        From 0 to 1.

    Returns
    -------
    ndarray of float64, shape (shares,)
    """
    order = np.argsort(values, kind="stable")
    ordered, ends = values[order], np.cumsum(weights[order])
    places = np.asarray(shares) * max(ends[-1] - 1.0, 0.0)
    lower = np.floor(places)
    last = len(values) - 1
    low, high = (
        ordered[np.minimum(np.searchsorted(ends, place, side="right"), last)]
        for place in (lower, lower + 1.0)
    )
    part = places - lower
    return np.asarray(low * (1.0 - part) + high * part)


class RobustScale:
    """Centers and scales columns by their quartiles, then clips them smoothly to (-3, 3).

    ``z = (x - median) * factor``, then ``z / sqrt(1 + (z / 3)**2)``. The factor is 1 / (upper
    quartile - lower quartile); where the quartiles are equal, it is 2 / (maximum - minimum); and
    for a constant column, it is 0.

    Parameters
    ----------
    center, factor : ndarray of float64, shape (columns,)
    """

    def __init__(self, center: Floats, factor: Floats) -> None:
        self.center, self.factor = center, factor

    @classmethod
    def of(cls, distributions: Sequence[tuple[Floats, Floats]]) -> RobustScale:
        """Return the scaling of columns, each given as values and their weights."""
        found = [_center_and_factor(values, weights) for values, weights in distributions]
        center, factor = np.array(found, np.float64).reshape(-1, 2).T
        return cls(np.ascontiguousarray(center), np.ascontiguousarray(factor))

    def __call__(self, block: Floats) -> Floats:
        """Return scaled and clipped rows."""
        with np.errstate(over="ignore", invalid="ignore"):
            z = (block - self.center) * self.factor
        z[:, self.factor == 0.0] = 0.0
        np.clip(z, -_LARGEST, _LARGEST, out=z)
        return np.asarray(z / np.sqrt(1.0 + (z / _CLIP) ** 2))


def _center_and_factor(values: Floats, weights: Floats) -> tuple[float, float]:
    low, median, high = quantiles(values, weights, _QUARTILES).tolist()
    factor = _inverse(high - low)
    if factor == 0.0:
        half_range = 0.5 * float(values.max()) - 0.5 * float(values.min())
        factor = _inverse(half_range)
    return median, factor


def _inverse(width: float) -> float:
    """Return 1 / width, or 0 if it is not finite."""
    with np.errstate(over="ignore", divide="ignore"):
        inverse = float(np.divide(1.0, width))
    return inverse if np.isfinite(inverse) else 0.0
