"""Activations forward and backward, and the functions that they are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy.typing as npt

from .._core import ops as _ops
from .._validation import real

Array = npt.NDArray[Any]

ACTIVATIONS: Mapping[str, float | None] = MappingProxyType(
    {name: value if parameter else None for name, _, parameter, value, _ in _ops.ACTIVATIONS}
)
"""The registry's activations: the default of each one's parameter, None where it has none."""


def prelu_forward(x: Array, alpha: Array, *, out: Array | None = None) -> Array:
    """Parametric ReLU, ``y = x where x > 0, else alpha * x`` [1]_.

    Parameters
    ----------
    x : ndarray of shape (..., channels)
    alpha : ndarray of shape (1,) or (channels,)
        One slope for all, or one for each entry of the last axis.
    out : ndarray of the shape of x, optional
        Where the result goes; it may be x itself.

    Returns
    -------
    ndarray of the shape of x

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Delving Deep into Rectifiers: Surpassing
       Human-Level Performance on ImageNet Classification", ICCV 2015, arXiv:1502.01852.
    """
    return _ops.prelu_forward(x, alpha, out)


def prelu_backward(grad_out: Array, x: Array, alpha: Array) -> tuple[Array, Array]:
    """Gradients of parametric ReLU.

    ``grad_x = grad_out where x > 0, else alpha * grad_out``, and `grad_alpha` is the sum of
    ``grad_out * x`` over the elements with ``x <= 0`` that share a slope: rows in chunks of 8, for
    one slope in all then the channels in order.

    Parameters
    ----------
    grad_out : ndarray of the shape of x
    x : ndarray of shape (..., channels)
    alpha : ndarray of shape (1,) or (channels,)

    Returns
    -------
    grad_x : ndarray of the shape of x
    grad_alpha : ndarray of the shape of alpha
    """
    return _ops.prelu_backward(grad_out, x, alpha)


def softmax_forward(x: Array) -> Array:
    """Softmax over the last axis, ``y_j = exp(x_j - max x) / sum_i exp(x_i - max x)``.

    Parameters
    ----------
    x : ndarray of shape (..., classes)

    Returns
    -------
    ndarray of the shape of x
    """
    return _ops.softmax_forward(x)


def exp(x: Array) -> Array:
    """Exponential, to 1 ULP in float32 and 2 in float64.

    Parameters
    ----------
    x : ndarray of any shape

    Returns
    -------
    ndarray of the shape of x
    """
    return _ops.exp(x)


def log(x: Array) -> Array:
    """Natural logarithm, to 1 ULP in float32 and 2 in float64.

    Parameters
    ----------
    x : ndarray of any shape

    Returns
    -------
    ndarray of the shape of x
    """
    return _ops.log(x)


_RETURNS = "Returns\n-------\nndarray of the shape of x\n"


def _functions_of(
    name: str, parameter: str, default: float, equation: str
) -> dict[str, Callable[..., Array]]:
    """Make ``<name>_forward`` and ``<name>_backward`` of one row of the registry."""
    core_forward = getattr(_ops, f"{name}_forward")
    core_backward = getattr(_ops, f"{name}_backward")
    if parameter:

        def forward(x: Array, parameter: float = default, *, out: Array | None = None) -> Array:
            constant = real(f"{name}_forward", "parameter", parameter)
            return core_forward(x, constant, out)  # type: ignore[no-any-return]

        def backward(grad_out: Array, x: Array, parameter: float = default) -> Array:
            constant = real(f"{name}_backward", "parameter", parameter)
            return core_backward(grad_out, x, constant)  # type: ignore[no-any-return]

    else:

        def forward(x: Array, *, out: Array | None = None) -> Array:  # type: ignore[misc]
            return core_forward(x, 0.0, out)  # type: ignore[no-any-return]

        def backward(grad_out: Array, x: Array) -> Array:  # type: ignore[misc]
            return core_backward(grad_out, x, 0.0)  # type: ignore[no-any-return]

    x = "x : ndarray of any shape\n"
    if parameter:
        x += f"parameter : float, default {default:g}\n    The {parameter}.\n"
    forward.__doc__ = (
        f"{equation}.\n\nParameters\n----------\n{x}"
        "out : ndarray of the shape of x, optional\n"
        "    Where the result goes; it may be x itself.\n"
        f"\n{_RETURNS}"
    )
    backward.__doc__ = (
        f"Gradient of {name}, ``grad_x = grad_out * dy/dx``.\n\n{equation}.\n\n"
        f"Parameters\n----------\ngrad_out : ndarray of the shape of x\n{x}\n{_RETURNS}"
    )
    made: dict[str, Callable[..., Array]] = {
        f"{name}_forward": forward,
        f"{name}_backward": backward,
    }
    for full_name, function in made.items():
        function.__name__ = function.__qualname__ = full_name
        function.__module__ = "prelunet.ops"  # where pickle finds it
    return made


ACTIVATION_FUNCTIONS: Mapping[str, Callable[..., Array]] = MappingProxyType(
    {
        full_name: function
        for name, _, parameter, default, equation in _ops.ACTIVATIONS
        for full_name, function in _functions_of(name, parameter, default, equation).items()
    }
)
"""Forward and backward of every row of the registry, by name."""
