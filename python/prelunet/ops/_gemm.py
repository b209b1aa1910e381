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

    Each element of the product is one chain of fused multiply-adds over k in order; the bias is
    added after it.

    Parameters
    ----------
    a : ndarray of shape (m, k), or (k, m) with `transpose_a`
    b : ndarray of shape (k, n), or (n, k) with `transpose_b`
    transpose_a, transpose_b : bool, default False
        Use the transpose: ``gemm(x, weight, transpose_b=True)`` is a layer's forward product,
        ``gemm(dz, weight)`` and ``gemm(dz, x, transpose_a=True)`` are its gradients.
    bias : ndarray of shape (n,), optional
    activation : str, optional
        A name of `ACTIVATIONS`, with its default parameter, or ``"prelu"``.
    alpha : ndarray of shape (1,) or (n,), for "prelu" only
    out : ndarray of shape (m, n), optional
        Written and returned; it must not overlap an input.

    Returns
    -------
    ndarray of shape (m, n)

    Raises
    ------
    TypeError
        If an argument is not an array of the right dtype.
    ValueError
        If a shape, a layout or a name does not fit.
    """
    boolean("gemm", "transpose_a", transpose_a)
    boolean("gemm", "transpose_b", transpose_b)
    if activation is not None:
        choice("gemm", "activation", activation, ("prelu", *ACTIVATIONS))
    return _ops.gemm(a, b, transpose_a, transpose_b, bias, activation, alpha, out)


def column_sums(x: Array) -> Array:
    """Sum over rows, ``sums[j] = sum_i x[i, j]``: the gradient of a bias.

    Rows are summed in chunks of 8, and the chunks in order.

    Parameters
    ----------
    x : ndarray of shape (rows, columns)

    Returns
    -------
    ndarray of shape (columns,)
    """
    return _ops.column_sums(x)
