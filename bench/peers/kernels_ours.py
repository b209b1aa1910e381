"""Kernels of `prelunet.ops`, each on the arrays of its case."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from prelunet import ops

from ..cases.kernels import KernelCase, required_states
from ..cases.networks import POOL, Array
from . import Kernel


def kernel(case: KernelCase) -> Kernel:
    """Return a function that runs the case once and returns its output."""
    if case.op in PRODUCTS:
        return _product(case)
    if case.op in MAKERS:
        return MAKERS[case.op](case)
    op: Callable[..., Any] = getattr(ops, case.op)
    x = case.draw(positive=case.op == "log")
    if case.op in ops.LOSSES:
        targets = case.labels() if case.op == "softmax_cross_entropy" else sigmoid_like(x)
        return lambda: tuple(map(np.asarray, op(x, targets)))
    arguments = [x, *([case.draw(case.shape[1])] if case.op.startswith("prelu") else [])]
    if case.op.endswith("_backward"):
        grad_out = x[::-1].copy()
        return lambda: as_tuple(op(grad_out, *arguments))
    if case.op.endswith("_forward") and case.op != "softmax_forward":
        out = np.empty_like(x)
        return lambda: (op(*arguments, out=out),)
    return lambda: (op(*arguments),)


def as_tuple(value: Any) -> tuple[Array, ...]:
    """Return an array, or several, as a tuple."""
    return value if isinstance(value, tuple) else (value,)


def sigmoid_like(x: Array) -> Array:
    """Return targets in [0, 1] computed from arbitrary numbers."""
    targets: Array = np.abs(x[::-1]) % 1
    return np.ascontiguousarray(targets)


PRODUCTS: dict[str, tuple[tuple[int, int], tuple[int, int], dict[str, Any]]] = {
    "gemm_forward": ((0, 2), (1, 2), {"transpose_b": True}),
    "gemm_grad_x": ((0, 1), (1, 2), {}),
    "gemm_grad_weight": ((0, 1), (0, 2), {"transpose_a": True}),
}
"""The axes, among (rows, units, features), of both factors, and the function to multiply them."""


def _product(case: KernelCase) -> Kernel:
    a_axes, b_axes, how = PRODUCTS[case.op]
    a = case.draw(*(case.shape[i] for i in a_axes))
    b = case.draw(*(case.shape[i] for i in b_axes))
    if case.dtype == "bfloat16":
        a, b = ops.to_bfloat16(a), ops.to_bfloat16(b)
        return lambda: (ops.bfloat16_gemm(a, b, **how),)
    out = ops.gemm(a, b, **how)
    return lambda: (ops.gemm(a, b, **how, out=out),)


def _conv2d(case: KernelCase) -> Kernel:
    x, weight = case.draw(*case.shape[:4]), case.draw(*case.shape[4:])
    out = ops.conv2d_forward(x, weight, padding="same")
    if case.op == "conv2d_forward":
        return lambda: (ops.conv2d_forward(x, weight, padding="same", out=out),)
    grad_out = case.draw(*out.shape)
    return lambda: ops.conv2d_backward(grad_out, x, weight, padding="same")


def _max_pool2d(case: KernelCase) -> Kernel:
    x = case.draw()
    out = ops.max_pool2d_forward(x, POOL)
    if case.op == "max_pool2d_forward":
        return lambda: (ops.max_pool2d_forward(x, POOL, out=out),)
    grad_out = case.draw(*out.shape)
    return lambda: (ops.max_pool2d_backward(grad_out, x, POOL),)


def _layer_norm(case: KernelCase) -> Kernel:
    x, gamma = case.draw(), case.draw(case.shape[1])
    if case.op == "layer_norm_backward":
        grad_out = x[::-1].copy()
        return lambda: ops.layer_norm_backward(grad_out, x, gamma)
    beta, out = gamma[::-1].copy(), np.empty_like(x)
    return lambda: (ops.layer_norm_forward(x, gamma, beta, out=out),)


def _weighted(case: KernelCase) -> Kernel:
    op: Callable[..., Any] = getattr(ops, case.op)
    x, weight = case.draw(), case.draw(case.shape[1])
    activation = [case.activation] if case.activation else []
    if case.op.endswith("_backward"):
        grad_out = x[::-1].copy()
        return lambda: as_tuple(op(grad_out, x, weight, *activation))
    out = np.empty_like(x)
    return lambda: (op(x, weight, *activation, out=out),)


def _momentum(case: KernelCase) -> Kernel:
    parameter, gradient = case.draw(), case.draw()
    velocity = np.zeros_like(parameter)

    def run() -> tuple[Array, ...]:
        ops.sgd_update(parameter, gradient, velocity, learning_rate=1e-3, momentum=0.9)
        return (parameter, velocity)

    return run


def _update(case: KernelCase) -> Kernel:
    op = getattr(ops, case.op)
    wanted = inspect.signature(op).parameters
    parameter, gradient = case.draw(), case.draw()
    states = [np.zeros_like(parameter) for _ in required_states(case.op)]
    options = {"learning_rate": 1e-3} | ({"step": 10} if "step" in wanted else {})

    def run() -> tuple[Array, ...]:
        op(parameter, gradient, *states, **options)
        return (parameter, *states)

    return run


WEIGHTED = ("scale", "parametric")
"""Ops with a factor for each column."""

MAKERS: dict[str, Callable[[KernelCase], Kernel]] = {
    "conv2d_forward": _conv2d,
    "conv2d_backward": _conv2d,
    "max_pool2d_forward": _max_pool2d,
    "max_pool2d_backward": _max_pool2d,
    "layer_norm_forward": _layer_norm,
    "layer_norm_backward": _layer_norm,
    **{f"{op}_{way}": _weighted for op in WEIGHTED for way in ("forward", "backward")},
    "momentum": _momentum,
    **{f"{name}_update": _update for name in ops.UPDATES},
}
