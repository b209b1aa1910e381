"""Layer normalization."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from .._core import ops as _ops
from .._validation import real

Array = npt.NDArray[Any]


def _checked_epsilon(op: str, epsilon: float) -> float:
    return real(op, "epsilon", epsilon, exclusive_minimum=0.0)


def layer_norm_forward(
    x: Array, gamma: Array, beta: Array, epsilon: float = 1e-3, *, out: Array | None = None
) -> Array:
    """Normalize over the last axes, ``y = (x - mean) / sqrt(variance + epsilon) * gamma + beta``.

    Mean and biased variance [1]_ are those of the entries that have an entry of gamma each. The
    variance is the mean square of ``x - mean``. Both are summed in float64.

    Parameters
    ----------
    x : ndarray of shape ``(..., *axes)``
    gamma, beta : ndarray of shape axes
        At least one axis.
    epsilon : float, default 1e-3
    out : ndarray of the shape of x, optional
        Written and returned; it may be x itself.

    Returns
    -------
    ndarray of the shape of x

    Raises
    ------
    TypeError
        If an argument is not an array of the right dtype.
    ValueError
        If a shape or a layout does not fit, or epsilon is not above 0.

    References
    ----------
    .. [1] J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer Normalization", 2016, arXiv:1607.06450.
    """
    number = _checked_epsilon("layer_norm_forward", epsilon)
    return _ops.layer_norm_forward(x, gamma, beta, number, out)


def layer_norm_backward(
    grad_y: Array, x: Array, gamma: Array, epsilon: float = 1e-3
) -> tuple[Array, Array, Array]:
    """Return the gradients of `layer_norm_forward` by x, gamma and beta.

    With ``h = (x - mean) * r``, ``r = 1 / sqrt(variance + epsilon)`` and ``d = grad_y * gamma``,
    ``grad_x = r * (d - mean(d) - h * mean(d * h))``, ``grad_gamma = sum(grad_y * h)`` and
    ``grad_beta = sum(grad_y)``, the sums over all rows.

    Parameters
    ----------
    grad_y : ndarray of the shape of x
        The gradient of what `layer_norm_forward` returns.
    x, gamma, epsilon
        As they were given to `layer_norm_forward`.

    Returns
    -------
    grad_x : ndarray of the shape of x
    grad_gamma, grad_beta : ndarray of the shape of gamma
        Summed over chunks of 8 rows, in order.

    Raises
    ------
    TypeError, ValueError
        As for `layer_norm_forward`.
    """
    number = _checked_epsilon("layer_norm_backward", epsilon)
    grad_x, grad_gamma, grad_beta = _ops.layer_norm_backward(grad_y, x, gamma, number)
    return grad_x, grad_gamma, grad_beta
