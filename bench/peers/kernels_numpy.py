"""The kernels in NumPy, with preallocated memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from prelunet.ops import LOSSES, UPDATES

from ..cases.kernels import KernelCase
from ..cases.networks import Array
from . import Kernel, UnsupportedError
from .kernels_ours import PRODUCTS, sigmoid_like
from .numpy_images import conv2d_kernel, max_pool2d_kernel


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


# ---- activations: function(x, out, work), function(grad_out, x, out, work) ---------------------


def prelu_forward(x: Array, out: Array, work: Array, alpha: Array) -> None:
    np.minimum(x, 0, out=work)
    np.subtract(x, work, out=out)
    work *= alpha
    out += work


def prelu_backward(g: Array, x: Array, out: Array, work: Array, alpha: Array) -> tuple[Array]:
    np.minimum(x, 0, out=work)
    grad_alpha: Array = np.einsum("ij,ij->j", g, work)
    work[...] = x <= 0
    work *= alpha - 1
    work += 1
    np.multiply(g, work, out=out)
    return (grad_alpha,)


def relu_forward(x: Array, out: Array, work: Array) -> None:
    np.maximum(x, 0, out=out)


def relu_backward(g: Array, x: Array, out: Array, work: Array) -> None:
    np.multiply(g, x > 0, out=out)


def leaky_relu_forward(x: Array, out: Array, work: Array) -> None:
    np.multiply(x, np.float32(0.01), out=out)
    np.maximum(x, out, out=out)


def leaky_relu_backward(g: Array, x: Array, out: Array, work: Array) -> None:
    work[...] = x > 0
    work *= np.float32(0.99)
    work += np.float32(0.01)
    np.multiply(g, work, out=out)


def elu_forward(x: Array, out: Array, work: Array) -> None:
    np.minimum(x, 0, out=work)
    np.expm1(work, out=work)
    np.maximum(x, work, out=out)


def elu_backward(g: Array, x: Array, out: Array, work: Array) -> None:
    np.minimum(x, 0, out=work)
    np.exp(work, out=work)
    np.multiply(g, work, out=out)


def sigmoid_forward(x: Array, out: Array, work: Array) -> None:
    np.negative(x, out=out)
    np.exp(out, out=out)
    out += 1
    np.reciprocal(out, out=out)


def sigmoid_backward(g: Array, x: Array, out: Array, work: Array) -> None:
    sigmoid_forward(x, work, out)
    np.subtract(1, work, out=out)
    out *= work
    out *= g


def tanh_forward(x: Array, out: Array, work: Array) -> None:
    np.tanh(x, out=out)


def tanh_backward(g: Array, x: Array, out: Array, work: Array) -> None:
    np.tanh(x, out=out)
    np.square(out, out=out)
    np.subtract(1, out, out=out)
    out *= g


def silu_forward(x: Array, out: Array, work: Array) -> None:
    sigmoid_forward(x, out, work)
    out *= x


def silu_backward(g: Array, x: Array, out: Array, work: Array) -> None:
    sigmoid_forward(x, work, out)
    np.subtract(1, work, out=out)
    out *= x
    out += 1
    out *= work
    out *= g


def selu_forward(x: Array, out: Array, work: Array) -> None:
    np.minimum(x, 0, out=work)
    np.expm1(work, out=work)
    work *= np.float32(1.7580993408473766)
    np.multiply(x, np.float32(1.0507009873554805), out=out)
    np.copyto(out, work, where=x <= 0)


def selu_backward(g: Array, x: Array, out: Array, work: Array) -> None:
    np.minimum(x, 0, out=work)
    np.exp(work, out=work)
    work *= np.float32(1.7580993408473766)
    np.copyto(work, np.float32(1.0507009873554805), where=x > 0)
    np.multiply(g, work, out=out)


def mish_forward(x: Array, out: Array, work: Array) -> None:
    np.logaddexp(0, x, out=out)
    np.tanh(out, out=out)
    out *= x


def mish_backward(g: Array, x: Array, out: Array, work: Array) -> None:
    sigmoid_forward(x, work, out)
    work *= x
    np.logaddexp(0, x, out=out)
    np.tanh(out, out=out)
    work *= 1 - np.square(out)
    out += work
    out *= g


def softsign_forward(x: Array, out: Array, work: Array) -> None:
    np.abs(x, out=work)
    work += 1
    np.divide(x, work, out=out)


def softsign_backward(g: Array, x: Array, out: Array, work: Array) -> None:
    np.abs(x, out=work)
    work += 1
    np.square(work, out=work)
    np.divide(g, work, out=out)


def softmax_forward(x: Array, out: Array, work: Array) -> None:
    np.subtract(x, x.max(1, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= out.sum(1, keepdims=True)


# ---- losses: function(outputs, targets, grad, work) -> loss ------------------------------------


def softmax_cross_entropy(z: Array, labels: Array, grad: Array, work: Array) -> float:
    rows = np.arange(len(z))
    softmax_forward(z, grad, work)
    loss = -np.log(grad[rows, labels]).mean(dtype=np.float64)
    grad[rows, labels] -= 1
    grad *= 1 / len(z)
    return float(loss)


def sigmoid_cross_entropy(z: Array, t: Array, grad: Array, work: Array) -> float:
    np.multiply(t, z, out=work)
    loss = (np.logaddexp(0, z) - work).mean(dtype=np.float64)
    sigmoid_forward(z, grad, work)
    grad -= t
    grad *= 1 / z.size
    return float(loss)


def mean_squared_error(y: Array, t: Array, grad: Array, work: Array) -> float:
    return _squares(y, t, grad, scale=1 / y.size, slope=2 / y.size)


def batch_mean_squared_error(y: Array, t: Array, grad: Array, work: Array) -> float:
    return _squares(y, t, grad, scale=1 / len(y), slope=2 / len(y))


def half_squared_error(y: Array, t: Array, grad: Array, work: Array) -> float:
    return _squares(y, t, grad, scale=0.5, slope=1.0)


def _squares(y: Array, t: Array, grad: Array, *, scale: float, slope: float) -> float:
    np.subtract(y, t, out=grad)
    flat = grad.ravel()
    loss = float(flat @ flat) * scale
    grad *= slope
    return loss


def mean_absolute_error(y: Array, t: Array, grad: Array, work: Array) -> float:
    np.subtract(y, t, out=grad)
    loss = np.abs(grad, out=work).mean(dtype=np.float64)
    np.sign(grad, out=grad)
    grad *= 1 / y.size
    return float(loss)


def huber(y: Array, t: Array, grad: Array, work: Array) -> float:
    np.subtract(y, t, out=work)
    np.clip(work, -1, 1, out=grad)
    work -= grad * np.float32(0.5)  # grad (d - grad / 2) equals the loss on both sides of delta
    loss = float(grad.ravel() @ work.ravel()) / y.size
    grad *= 1 / y.size
    return loss


def pinball(y: Array, t: Array, grad: Array, work: Array) -> float:
    np.subtract(y, t, out=work)
    np.sign(work, out=grad)
    grad *= 0.5  # the median
    loss = float(grad.ravel() @ work.ravel()) / y.size
    grad *= 1 / y.size
    return loss


def log_cosh(y: Array, t: Array, grad: Array, work: Array) -> float:
    np.subtract(y, t, out=work)
    np.tanh(work, out=grad)
    grad *= 1 / y.size
    np.abs(work, out=work)
    loss = (work + np.log1p(np.exp(-2 * work))).mean(dtype=np.float64)
    return float(loss) - math.log(2)


def poisson(y: Array, t: Array, grad: Array, work: Array) -> float:
    np.exp(y, out=grad)
    np.subtract(grad, t, out=grad)
    logs = np.log(t, out=np.zeros_like(t), where=t > 0)
    np.subtract(y, logs, out=work)
    work *= t
    np.subtract(grad, work, out=work)
    loss = work.mean(dtype=np.float64)
    grad *= 1 / y.size
    return float(loss)


def gamma(y: Array, t: Array, grad: Array, work: Array) -> float:
    np.log(t, out=work)
    work -= y
    np.expm1(work, out=grad)
    np.subtract(grad, work, out=work)
    loss = work.mean(dtype=np.float64)
    grad *= -1 / y.size
    return float(loss)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: value for name, value in globals().items() if name in LOSSES or name.endswith("ward")},
    "exp": lambda x, out, work: np.exp(x, out=out),
    "log": lambda x, out, work: np.log(x, out=out),
}


# ---- updates -----------------------------------------------------------------------------------


def sgd_update(case: KernelCase) -> Kernel:
    parameter, gradient = case.draw(), case.draw()
    work = np.empty_like(parameter)

    def run() -> tuple[Array, ...]:
        np.multiply(gradient, 1e-3, out=work)
        np.subtract(parameter, work, out=parameter)
        return (parameter,)

    return run


def _momentum(case: KernelCase) -> Kernel:
    parameter, gradient = case.draw(), case.draw()
    work, velocity = np.zeros((2, *case.shape), parameter.dtype)

    def run() -> tuple[Array, ...]:
        np.multiply(velocity, 0.9, out=velocity)
        np.multiply(gradient, 1e-3, out=work)
        np.subtract(velocity, work, out=velocity)
        np.add(parameter, velocity, out=parameter)
        return (parameter, velocity)

    return run


def adam_update(case: KernelCase) -> Kernel:
    p, g = case.draw(), case.draw()
    m, v, work = np.zeros((3, *case.shape), p.dtype)
    bias_1, bias_2 = 1 - 0.9**10, math.sqrt(1 - 0.999**10)

    def run() -> tuple[Array, ...]:
        np.multiply(m, 0.9, out=m)
        np.multiply(g, 0.1, out=work)
        np.add(m, work, out=m)
        np.multiply(v, 0.999, out=v)
        np.square(g, out=work)
        np.multiply(work, 0.001, out=work)
        np.add(v, work, out=v)
        np.sqrt(v, out=work)
        np.multiply(work, 1 / bias_2, out=work)
        np.add(work, 1e-8, out=work)
        np.divide(m, work, out=work)
        np.multiply(work, 1e-3 / bias_1, out=work)
        np.subtract(p, work, out=p)
        return (p, m, v)

    return run


def rmsprop_update(case: KernelCase) -> Kernel:
    p, g = case.draw(), case.draw()
    v, work = np.zeros((2, *case.shape), p.dtype)

    def run() -> tuple[Array, ...]:
        np.multiply(v, 0.9, out=v)
        np.square(g, out=work)
        np.multiply(work, 0.1, out=work)
        np.add(v, work, out=v)
        np.add(v, 1e-7, out=work)
        np.sqrt(work, out=work)
        np.divide(g, work, out=work)
        np.multiply(work, 1e-3, out=work)
        np.subtract(p, work, out=p)
        return (p, v)

    return run


def lion_update(case: KernelCase) -> Kernel:
    p, g = case.draw(), case.draw()
    m, work, other = np.zeros((3, *case.shape), p.dtype)

    def run() -> tuple[Array, ...]:
        np.multiply(m, 0.9, out=work)
        np.multiply(g, 0.1, out=other)
        np.add(work, other, out=work)
        np.sign(work, out=work)
        np.multiply(work, 1e-3, out=work)
        np.subtract(p, work, out=p)
        np.multiply(m, 0.99, out=m)
        np.multiply(g, 0.01, out=other)
        np.add(m, other, out=m)
        return (p, m)

    return run


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


MAKERS: dict[str, Callable[[KernelCase], Kernel]] = {
    "column_sums": _column_sums,
    "conv2d_forward": conv2d_kernel,
    "conv2d_backward": conv2d_kernel,
    "max_pool2d_forward": max_pool2d_kernel,
    "max_pool2d_backward": max_pool2d_kernel,
    "layer_norm_forward": _layer_norm,
    "layer_norm_backward": _layer_norm,
    "momentum": _momentum,
    **{name: value for name, value in globals().items() if name.removesuffix("_update") in UPDATES},
}
