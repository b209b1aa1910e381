"""Losses in NumPy: ``function(outputs, targets, grad, work)`` returns the loss."""

from __future__ import annotations

import math

import numpy as np

from ..cases.networks import Array
from .numpy_activations import sigmoid_forward, softmax_forward


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
