"""Activations in NumPy: ``function(x, out, work)`` and ``function(grad_out, x, out, work)``."""

from __future__ import annotations

import numpy as np

from ..cases.networks import Array


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
