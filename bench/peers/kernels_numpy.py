"""The kernels in NumPy, with preallocated memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from prelunet.ops import LOSSES, UPDATES

from ..cases.kernels import KernelCase
from ..cases.networks import Array
from . import Kernel, UnsupportedError, numpy_activations, numpy_losses, numpy_updates
from .kernels_ours import PRODUCTS, sigmoid_like
from .numpy_images import conv2d_kernel, max_pool2d_kernel

_TURN = np.float32(2 * np.pi)


def kernel(case: KernelCase) -> Kernel:
    """Return a function that runs the case once and returns its output."""
    if case.op in PRODUCTS:
        return _product(case)
    if case.op in MAKERS:
        return MAKERS[case.op](case)
    if case.op not in FUNCTIONS:
        raise UnsupportedError(f"{case.op} is not written in NumPy")
    function = FUNCTIONS[case.op]
    x = case.draw(positive=case.op == "log")
    out, work = np.empty((2, *case.shape), x.dtype)
    if case.op in LOSSES:
        targets = case.labels() if case.op == "softmax_cross_entropy" else sigmoid_like(x)
        return lambda: (np.asarray(function(x, targets, out, work)), out)
    alpha = [case.draw(case.shape[1])] if case.op.startswith("prelu") else []
    if case.op.endswith("_backward"):
        grad_out = x[::-1].copy()
        return lambda: (out, *(function(grad_out, x, out, work, *alpha) or ()))

    def forward() -> tuple[Array, ...]:
        function(x, out, work, *alpha)
        return (out,)

    return forward


def _product(case: KernelCase) -> Kernel:
    a_axes, b_axes, how = PRODUCTS[case.op]
    a = case.draw(*(case.shape[i] for i in a_axes))
    b = case.draw(*(case.shape[i] for i in b_axes))
    left = a.T if "transpose_a" in how else a
    right = b.T if "transpose_b" in how else b
    out = left @ right
    return lambda: (np.matmul(left, right, out=out),)


def _column_sums(case: KernelCase) -> Kernel:
    x = case.draw()
    ones = np.ones(len(x), x.dtype)
    return lambda: (ones @ x,)


def _normalized(x: Array, out: Array, work: Array) -> Array:
    """Write the rows of x, normalized, to `out`; return the factor of each row."""
    np.subtract(x, x.mean(axis=1, keepdims=True), out=out)
    np.multiply(out, out, out=work)
    factor: Array = 1 / np.sqrt(work.mean(axis=1, keepdims=True) + np.float32(1e-3))
    np.multiply(out, factor, out=out)
    return factor


def _layer_norm(case: KernelCase) -> Kernel:
    x, gamma = case.draw(), case.draw(case.shape[1])
    h, work, out = np.empty((3, *case.shape), x.dtype)

    def forward() -> tuple[Array, ...]:
        _normalized(x, h, work)
        np.multiply(h, gamma, out=h)
        np.add(h, gamma[::-1], out=h)
        return (h,)

    def backward() -> tuple[Array, ...]:
        factor = _normalized(x, h, work)
        np.multiply(grad_out, h, out=work)
        grad_gamma, grad_beta = work.sum(axis=0), grad_out.sum(axis=0)
        np.multiply(grad_out, gamma, out=out)
        np.multiply(out, h, out=work)
        np.multiply(h, work.mean(axis=1, keepdims=True), out=work)
        np.subtract(out, out.mean(axis=1, keepdims=True), out=out)
        np.subtract(out, work, out=out)
        np.multiply(out, factor, out=out)
        return (out, grad_gamma, grad_beta)

    grad_out = x[::-1].copy()
    return forward if case.op == "layer_norm_forward" else backward


def _scale(case: KernelCase) -> Kernel:
    x, weight = case.draw(), case.draw(case.shape[1])
    out = np.empty_like(x)
    if case.op == "scale_forward":
        return lambda: (np.multiply(x, weight, out=out),)
    grad_out = x[::-1].copy()
    return lambda: (np.multiply(grad_out, weight, out=out), np.einsum("ij,ij->j", grad_out, x))


def _parametric(case: KernelCase) -> Kernel:
    x, weight = case.draw(), case.draw(case.shape[1])
    f, out, work = np.empty((3, *case.shape), x.dtype)
    forward = FUNCTIONS[f"{case.activation}_forward"]
    backward = FUNCTIONS[f"{case.activation}_backward"]

    def difference() -> None:
        forward(x, f, work)
        np.subtract(f, x, out=f)

    def run_forward() -> tuple[Array, ...]:
        difference()
        np.multiply(f, weight, out=out)
        np.add(out, x, out=out)
        return (out,)

    def run_backward() -> tuple[Array, ...]:
        difference()
        grad_weight: Array = np.einsum("ij,ij->j", grad_out, f)
        backward(grad_out, x, out, work)
        np.subtract(out, grad_out, out=out)
        np.multiply(out, weight, out=out)
        np.add(out, grad_out, out=out)
        return (out, grad_weight)

    grad_out = x[::-1].copy()
    return run_forward if case.op == "parametric_forward" else run_backward


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: value for name, value in vars(numpy_activations).items() if name.endswith("ward")},
    **{name: value for name, value in vars(numpy_losses).items() if name in LOSSES},
    "exp": lambda x, out, work: np.exp(x, out=out),
    "cos_2pi": lambda x, out, work: np.cos(np.multiply(x, _TURN, out=work), out=out),
    "sin_2pi": lambda x, out, work: np.sin(np.multiply(x, _TURN, out=work), out=out),
    "log": lambda x, out, work: np.log(x, out=out),
}


MAKERS: dict[str, Callable[[KernelCase], Kernel]] = {
    "column_sums": _column_sums,
    "conv2d_forward": conv2d_kernel,
    "conv2d_backward": conv2d_kernel,
    "max_pool2d_forward": max_pool2d_kernel,
    "max_pool2d_backward": max_pool2d_kernel,
    "layer_norm_forward": _layer_norm,
    "layer_norm_backward": _layer_norm,
    "scale_forward": _scale,
    "scale_backward": _scale,
    "parametric_forward": _parametric,
    "parametric_backward": _parametric,
    "momentum": numpy_updates.momentum,
    **{
        name: value
        for name, value in vars(numpy_updates).items()
        if name.removesuffix("_update") in UPDATES
    },
}
