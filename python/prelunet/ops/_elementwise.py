"""Elementwise ops on several arrays."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from .._core import ops as _ops
from .._validation import real

Array = npt.NDArray[Any]


def scaled_sum(x: Array, y: Array, factor: float, *, out: Array | None = None) -> Array:
    """Return ``factor * x + y``, computed with one rounding.

    Parameters
    ----------
    x : ndarray of any shape
    y : ndarray of the shape of x
    factor : float
        Factor of x, rounded to its dtype.
    out : ndarray of the shape of x, optional
        Output array, also returned; may be x or y.

    Returns
    -------
    ndarray of the shape of x
    """
    return _ops.scaled_sum(x, y, real("scaled_sum", "factor", factor), out)
