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

    Each element is one chain of fused multiply-adds over u, v and d in order. The bias is added
    last.

    Parameters
    ----------
    x : ndarray of shape (images, height, width, channels)
    weight : ndarray of shape (filters, kernel height, kernel width, channels)
    bias : ndarray of shape (filters,), optional
    stride : int or (int, int), default 1
        Step of the kernel along rows and columns.
    padding : {"valid", "same"}, default "valid"
        The output has ``(size - kernel) // stride + 1`` rows and columns with "valid", and
        ``ceil(size / stride)`` with "same".
    out : ndarray of shape (images, rows, columns, filters), optional
        Output array, also returned; must not overlap an input.

    Returns
    -------
    ndarray of shape (images, rows, columns, filters)

    Raises
    ------
    TypeError
        If an argument is not an array, or has a wrong dtype.
    ValueError
        If a shape, a layout or an option is invalid.
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
    """Return the gradients of the arguments of `conv2d_forward`.

    Parameters
    ----------
    grad_out : ndarray of shape (images, rows, columns, filters)
        Gradient of the loss with respect to the output of `conv2d_forward`.
    x, weight, stride, padding
        The arguments of `conv2d_forward`.

    Returns
    -------
    grad_x : ndarray of the shape of x
    grad_weight : ndarray of the shape of weight
        Each element is one chain of fused multiply-adds over images, rows and columns in order.
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
    """Return the maximum of each window and channel; NaN is larger than any number.

    Parameters
    ----------
    x : ndarray of shape (images, height, width, channels)
    size : int or (int, int), default 2
        Height and width of the window.
    stride : int or (int, int), optional
        Step of the window along rows and columns; `size` by default.
    padding : {"valid", "same"}, default "valid"
        As for `conv2d_forward`. Padding is never the maximum.
    out : ndarray of shape (images, rows, columns, channels), optional
        Output array, also returned; must not overlap x.

    Returns
    -------
    ndarray of shape (images, rows, columns, channels)

    Raises
    ------
    TypeError
        If an argument is not an array, or has a wrong dtype.
    ValueError
        If a shape, a layout or an option is invalid.
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
    """Return the gradient of x, routing each gradient to the first maximum of its window.

    Parameters
    ----------
    grad_out : ndarray of shape (images, rows, columns, channels)
        Gradient of the loss with respect to the output of `max_pool2d_forward`.
    x, size, stride, padding
        The arguments of `max_pool2d_forward`.

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
