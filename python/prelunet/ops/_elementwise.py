"""Elementwise ops of several arrays."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from .._core import ops as _ops
from .._validation import real

Array = npt.NDArray[Any]


def scaled_sum(x: Array, y: Array, factor: float, *, out: Array | None = None) -> Array:
    """Return ``factor * x + y``, rounded once.

    Parameters
    ----------
    x : ndarray of any shape
    y : ndarray of the shape of x
    factor : float
        Rounded to the dtype of x.
    out : ndarray of the shape of x, optional
        Written and returned; it may be x or y itself.

    Returns
    -------
    ndarray of the shape of x
    """
    return _ops.scaled_sum(x, y, real("scaled_sum", "factor", factor), out)
