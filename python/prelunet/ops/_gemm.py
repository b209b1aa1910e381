"""Matrix products and sums over rows."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from .._core import ops as _ops
from .._validation import boolean, choice
from ._activation import ACTIVATIONS

Array = npt.NDArray[Any]


def gemm(
    a: Array,
    b: Array,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    bias: Array | None = None,
    activation: str | None = None,
    alpha: Array | None = None,
    out: Array | None = None,
) -> Array:
    """Matrix product with bias and activation: ``f(op(a) @ op(b) + bias)``.

    Each element of the product is one chain of fused multiply-adds over k in order. The bias is
    added last.

    Parameters
    ----------
    a : ndarray of shape (m, k), or (k, m) with `transpose_a`
    b : ndarray of shape (k, n), or (n, k) with `transpose_b`
    transpose_a, transpose_b : bool, default False
        Whether to transpose a or b. ``gemm(x, weight, transpose_b=True)`` is the forward product of
        a Dense layer; ``gemm(dz, weight)`` and ``gemm(dz, x, transpose_a=True)`` are its gradients.
    bias : ndarray of shape (n,), optional
        Added to each row.
    activation : str, optional
        A name in `ACTIVATIONS`, with its default parameter, or ``"prelu"``.
    alpha : ndarray of shape (1,) or (n,), optional
        The slopes of "prelu"; for "prelu" only.
    out : ndarray of shape (m, n), optional
        Output array, also returned; must not overlap an input.

    Returns
    -------
    ndarray of shape (m, n)

    Raises
    ------
    TypeError
        If an argument is not an array, or has a wrong dtype.
    ValueError
        If a shape, a layout or a name is invalid.
    """
    boolean("gemm", "transpose_a", transpose_a)
    boolean("gemm", "transpose_b", transpose_b)
    if activation is not None:
        choice("gemm", "activation", activation, ("prelu", *ACTIVATIONS))
    return _ops.gemm(a, b, transpose_a, transpose_b, bias, activation, alpha, out)


def column_sums(x: Array) -> Array:
    """Sum over rows, ``sums[j] = sum_i x[i, j]``, as in the gradient of a bias.

    Rows are summed in chunks of 8, then the chunks in order.

    Parameters
    ----------
    x : ndarray of shape (rows, columns)

    Returns
    -------
    ndarray of shape (columns,)
    """
    return _ops.column_sums(x)
