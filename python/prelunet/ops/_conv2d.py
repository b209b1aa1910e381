"""Convolution and pooling of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from .._core import ops as _ops
from .._validation import choice, size_pair

Array = npt.NDArray[Any]

PADDINGS = ("valid", "same")


def conv2d_forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: str = "valid",
    out: Array | None = None,
) -> Array:
    """Convolve images, ``y[n, i, j, f] = sum x[n, i s + u, j s + v, d] weight[f, u, v, d] + b[f]``.

    Each element is one chain of fused multiply-adds over u, v, d in order; the bias comes after it.

    Parameters
    ----------
    x : ndarray of shape (images, height, width, channels)
    weight : ndarray of shape (filters, kernel height, kernel width, channels)
    bias : ndarray of shape (filters,), optional
    stride : int or (int, int), default 1
    padding : {"valid", "same"}, default "valid"
        "same" has ``ceil(size / stride)`` rows and columns in the result, "valid" what whole
        windows give, ``(size - kernel) // stride + 1``.
    out : ndarray of shape (images, rows, columns, filters), optional
        Written and returned; it must not overlap an input.

    Returns
    -------
    ndarray of shape (images, rows, columns, filters)

    Raises
    ------
    TypeError
        If an argument is not an array of the right dtype.
    ValueError
        If a shape, a layout or an option does not fit.
    """
    steps = size_pair("conv2d_forward", "stride", stride)
    choice("conv2d_forward", "padding", padding, PADDINGS)
    return _ops.conv2d_forward(x, weight, bias, steps, padding, out)


def conv2d_backward(
    grad_out: Array,
    x: Array,
    weight: Array,
    *,
    stride: int | Sequence[int] = 1,
    padding: str = "valid",
) -> tuple[Array, Array, Array]:
    """Return the gradients of a convolution's arguments.

    Parameters
    ----------
    grad_out : ndarray of shape (images, rows, columns, filters)
        The gradient of what `conv2d_forward` returns.
    x, weight, stride, padding
        As they were given to `conv2d_forward`.

    Returns
    -------
    grad_x : ndarray of the shape of x
    grad_weight : ndarray of the shape of weight
        One chain of fused multiply-adds over images, rows and columns in order.
    grad_bias : ndarray of shape (filters,)

    Raises
    ------
    TypeError, ValueError
        As for `conv2d_forward`.
    """
    steps = size_pair("conv2d_backward", "stride", stride)
    choice("conv2d_backward", "padding", padding, PADDINGS)
    grad_x, grad_weight, grad_bias = _ops.conv2d_backward(grad_out, x, weight, steps, padding)
    return grad_x, grad_weight, grad_bias


def max_pool2d_forward(
    x: Array,
    size: int | Sequence[int] = 2,
    *,
    stride: int | Sequence[int] | None = None,
    padding: str = "valid",
    out: Array | None = None,
) -> Array:
    """Return the largest entry of each window, channel by channel; NaN is larger than any number.

    Parameters
    ----------
    x : ndarray of shape (images, height, width, channels)
    size : int or (int, int), default 2
        Rows and columns of the window.
    stride : int or (int, int), optional
        `size` unless given.
    padding : {"valid", "same"}, default "valid"
        As for `conv2d_forward`; padding never wins.
    out : ndarray of shape (images, rows, columns, channels), optional
        Written and returned; it must not overlap x.

    Returns
    -------
    ndarray of shape (images, rows, columns, channels)

    Raises
    ------
    TypeError
        If an argument is not an array of the right dtype.
    ValueError
        If a shape, a layout or an option does not fit.
    """
    window = size_pair("max_pool2d_forward", "size", size)
    steps = window if stride is None else size_pair("max_pool2d_forward", "stride", stride)
    choice("max_pool2d_forward", "padding", padding, PADDINGS)
    return _ops.max_pool2d_forward(x, window, steps, padding, out)


def max_pool2d_backward(
    grad_out: Array,
    x: Array,
    size: int | Sequence[int] = 2,
    *,
    stride: int | Sequence[int] | None = None,
    padding: str = "valid",
) -> Array:
    """Return the gradient of x: each of grad_out goes to the first largest entry of its window.

    Parameters
    ----------
    grad_out : ndarray of shape (images, rows, columns, channels)
        The gradient of what `max_pool2d_forward` returns.
    x, size, stride, padding
        As they were given to `max_pool2d_forward`.

    Returns
    -------
    ndarray of the shape of x

    Raises
    ------
    TypeError, ValueError
        As for `max_pool2d_forward`.
    """
    window = size_pair("max_pool2d_backward", "size", size)
    steps = window if stride is None else size_pair("max_pool2d_backward", "stride", stride)
    choice("max_pool2d_backward", "padding", padding, PADDINGS)
    return _ops.max_pool2d_backward(grad_out, x, window, steps, padding)
