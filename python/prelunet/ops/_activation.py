"""Forward and backward ops of activations, and elementary functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy.typing as npt

from .._core import ops as _ops
from .._validation import choice, real
from ._generated import make_function

Array = npt.NDArray[Any]

ACTIVATIONS: Mapping[str, float | None] = MappingProxyType(
    {name: value if parameter else None for name, _, parameter, value, _ in _ops.ACTIVATIONS}
)
"""The activations of the registry, with the default of their parameter, or None without one."""


def prelu_forward(x: Array, alpha: Array, *, out: Array | None = None) -> Array:
    """Parametric ReLU, ``y = x where x > 0, else alpha * x`` [1]_.

    Parameters
    ----------
    x : ndarray of shape (..., channels)
        The input.
    alpha : ndarray of shape (1,) or (channels,)
        Slope for ``x <= 0``: one for all entries, or one per channel.
    out : ndarray of the shape of x, optional
        Output array, also returned; may be x.

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
    ``grad_out * x`` over the elements with ``x <= 0`` that share a slope. Rows are summed in chunks
    of 8; a single slope then sums the channels in order.

    Parameters
    ----------
    grad_out : ndarray of the shape of x
        Gradient of the loss with respect to the output.
    x : ndarray of shape (..., channels)
        The input.
    alpha : ndarray of shape (1,) or (channels,)
        The slopes.

    Returns
    -------
    grad_x : ndarray of the shape of x
    grad_alpha : ndarray of the shape of alpha
    """
    return _ops.prelu_backward(grad_out, x, alpha)


def scale_forward(x: Array, weight: Array, *, out: Array | None = None) -> Array:
    """Factors, ``y = weight * x``.

    Parameters
    ----------
    x : ndarray of shape (..., channels)
        The input.
    weight : ndarray of shape (1,) or (channels,)
        Factor: one for all entries, or one per channel.
    out : ndarray of the shape of x, optional
        Output array, also returned; may be x.

    Returns
    -------
    ndarray of the shape of x
    """
    return _ops.scale_forward(x, weight, out)


def scale_backward(grad_out: Array, x: Array, weight: Array) -> tuple[Array, Array]:
    """Gradients of `scale_forward`.

    ``grad_x = weight * grad_out``, and `grad_weight` is the sum of ``grad_out * x`` over the
    elements that share a factor, in the order of `prelu_backward`.

    Parameters
    ----------
    grad_out : ndarray of the shape of x
        Gradient of the loss with respect to the output.
    x : ndarray of shape (..., channels)
        The input.
    weight : ndarray of shape (1,) or (channels,)
        The factors.

    Returns
    -------
    grad_x : ndarray of the shape of x
    grad_weight : ndarray of the shape of weight
    """
    return _ops.scale_backward(grad_out, x, weight)


def _constant(op: str, activation: str, parameter: float | None) -> float:
    """Return the constant of the activation inside a parametric one; 0 if it has none."""
    choice(op, "activation", activation, tuple(ACTIVATIONS))
    default = ACTIVATIONS[activation]
    if default is None and parameter is not None:
        raise ValueError(f"{op}: parameter must be None for {activation!r}, got {parameter!r}")
    return real(op, "parameter", parameter) if parameter is not None else default or 0.0


def parametric_forward(
    x: Array,
    weight: Array,
    activation: str,
    *,
    parameter: float | None = None,
    out: Array | None = None,
) -> Array:
    """Parametric activation, ``y = x + weight * (f(x) - x)`` [1]_.

    Parameters
    ----------
    x : ndarray of shape (..., channels)
        The input.
    weight : ndarray of shape (1,) or (channels,)
        Share of f: one for all entries, or one per channel.
    activation : str
        The name of f, one of `ACTIVATIONS`.
    parameter : float, optional
        The slope or scale of f, if it has one.
    out : ndarray of the shape of x, optional
        Output array, also returned; may be x.

    Returns
    -------
    ndarray of the shape of x

    References
    ----------
    .. [1] D. Holzmueller, L. Grinsztajn and I. Steinwart, "Better by Default: Strong Pre-Tuned
       MLPs and Boosted Trees on Tabular Data", NeurIPS 2024, arXiv:2407.04491.
    """
    found = _constant("parametric_forward", activation, parameter)
    return _ops.parametric_forward(x, weight, activation, found, out)


def parametric_backward(
    grad_out: Array, x: Array, weight: Array, activation: str, *, parameter: float | None = None
) -> tuple[Array, Array]:
    """Gradients of `parametric_forward`.

    ``grad_x = weight * grad_out * f'(x) + (1 - weight) * grad_out``, and `grad_weight` is the sum
    of ``grad_out * (f(x) - x)`` over the elements that share a weight, in the order of
    `prelu_backward`.

    Parameters
    ----------
    grad_out : ndarray of the shape of x
        Gradient of the loss with respect to the output.
    x : ndarray of shape (..., channels)
        The input.
    weight : ndarray of shape (1,) or (channels,)
        The shares of f.
    activation : str
        The name of f, one of `ACTIVATIONS`.
    parameter : float, optional
        The slope or scale of f, if it has one.

    Returns
    -------
    grad_x : ndarray of the shape of x
    grad_weight : ndarray of the shape of weight
    """
    found = _constant("parametric_backward", activation, parameter)
    return _ops.parametric_backward(grad_out, x, weight, activation, found)


def softmax_forward(x: Array, *, out: Array | None = None) -> Array:
    """Softmax over the last axis, ``y_j = exp(x_j - max x) / sum_i exp(x_i - max x)``.

    Parameters
    ----------
    x : ndarray of shape (..., classes)
    out : ndarray of the shape of x, optional
        Output array, also returned; may be x.

    Returns
    -------
    ndarray of the shape of x
    """
    return _ops.softmax_forward(x, out)


def log_softmax_forward(x: Array, *, out: Array | None = None) -> Array:
    """Log-softmax over the last axis, ``y_j = x_j - max x - log(sum_i exp(x_i - max x))``.

    Parameters
    ----------
    x : ndarray of shape (..., classes)
    out : ndarray of the shape of x, optional
        Output array, also returned; may be x.

    Returns
    -------
    ndarray of the shape of x
    """
    return _ops.log_softmax_forward(x, out)


def log_softmax_backward(grad_out: Array, y: Array) -> Array:
    """Gradient of log-softmax, ``grad_x_j = grad_out_j - exp(y_j) * sum_i grad_out_i``.

    Parameters
    ----------
    grad_out : ndarray of the shape of y
        Gradient of the loss with respect to the output.
    y : ndarray of shape (..., classes)
        The output of `log_softmax_forward`.

    Returns
    -------
    ndarray of the shape of y
    """
    return _ops.log_softmax_backward(grad_out, y)


def exp(x: Array) -> Array:
    """Exponential, accurate to 1 ULP in float32 and 2 ULP in float64.

    Parameters
    ----------
    x : ndarray of any shape

    Returns
    -------
    ndarray of the shape of x
    """
    return _ops.exp(x)


def log(x: Array) -> Array:
    """Natural logarithm, accurate to 1 ULP in float32 and 2 ULP in float64.

    Parameters
    ----------
    x : ndarray of any shape

    Returns
    -------
    ndarray of the shape of x
    """
    return _ops.log(x)


def cos_2pi(x: Array) -> Array:
    """Return ``cos(2 pi x)``, accurate to 1 ULP in float32 and 2 ULP in float64 for every x.

    x counts turns, so that its whole part is subtracted without an error.

    Parameters
    ----------
    x : ndarray of any shape

    Returns
    -------
    ndarray of the shape of x
        NaN where x is infinite.
    """
    return _ops.cos_2pi(x)


def sin_2pi(x: Array) -> Array:
    """Return ``sin(2 pi x)``, accurate to 1 ULP in float32 and 2 ULP in float64 for every x.

    x counts turns, so that its whole part is subtracted without an error.

    Parameters
    ----------
    x : ndarray of any shape

    Returns
    -------
    ndarray of the shape of x
        NaN where x is infinite.
    """
    return _ops.sin_2pi(x)


_OUT = "out : ndarray of the shape of x, optional\n    Output array, also returned; may be x.\n"
_RETURNS = "Returns\n-------\nndarray of the shape of x\n"


def _function_of(
    kind: str, name: str, parameter: str, default: float, equation: str
) -> Callable[..., Array]:
    """Create ``<name>_forward`` or ``<name>_backward`` from a row of the registry."""
    x, option = "x : ndarray of any shape\n", f", parameter={default!r}" if parameter else ""
    if parameter:
        x += f"parameter : float, default {default:g}\n    The {parameter}.\n"
    heading = "Parameters\n----------\n"
    if kind == "forward":
        arguments, given = f"x{option}, *, out=None", "x, {}, out"
        documentation = f"{equation}.\n\n{heading}{x}{_OUT}\n{_RETURNS}"
    else:
        arguments, given = f"grad_out, x{option}", "grad_out, x, {}"
        documentation = (
            f"Gradient of {name}, ``grad_x = grad_out * dy/dx``.\n\n{equation}.\n\n"
            f"{heading}grad_out : ndarray of the shape of x\n{x}\n{_RETURNS}"
        )
    op = f"{name}_{kind}"
    value = f"real({op!r}, 'parameter', parameter)" if parameter else "0.0"
    names = {"core": getattr(_ops, op), "real": real}
    return make_function(op, arguments, f"core({given.format(value)})", documentation, names)


ACTIVATION_MAKERS = {
    f"{name}_{kind}": partial(_function_of, kind, name, *options)
    for name, _, *options in _ops.ACTIVATIONS
    for kind in ("forward", "backward")
}
"""A maker for the forward and the backward op of each row of the registry, by name."""
