"""Activations without learned parameters: y = f(x) and dx = dy f'(x), element by element."""

from __future__ import annotations

import numpy as np


def relu_forward(x, parameter=None):
    """f(x) = max(x, 0); NaN stays NaN."""
    return np.maximum(np.asarray(x, np.float64), 0.0)


def relu_backward(grad_out, x, parameter=None):
    """f'(x) = 1 where x > 0, else 0."""
    return np.where(np.asarray(x) > 0, np.asarray(grad_out, np.float64), 0.0)


def leaky_relu_forward(x, parameter=None):
    """f(x) = x where x > 0, else slope x."""
    x, slope = np.asarray(x, np.float64), 0.01 if parameter is None else parameter
    return np.where(x > 0, x, slope * x)


def leaky_relu_backward(grad_out, x, parameter=None):
    """f'(x) = 1 where x > 0, else slope."""
    grad_out, slope = np.asarray(grad_out, np.float64), 0.01 if parameter is None else parameter
    return np.where(np.asarray(x) > 0, grad_out, slope * grad_out)


def elu_forward(x, parameter=None):
    """f(x) = x where x > 0, else a (e^x - 1)."""
    x, a = np.asarray(x, np.float64), 1.0 if parameter is None else parameter
    return np.where(x > 0, x, a * np.expm1(np.minimum(x, 0.0)))


def elu_backward(grad_out, x, parameter=None):
    """f'(x) = 1 where x > 0, else a e^x."""
    grad_out, x = np.asarray(grad_out, np.float64), np.asarray(x, np.float64)
    a = 1.0 if parameter is None else parameter
    return np.where(x > 0, grad_out, grad_out * a * np.exp(np.minimum(x, 0.0)))


def _normal_cdf(x):
    """Phi(x) = erfc(-x / sqrt(2)) / 2, exact in both tails."""
    from scipy.special import erfc  # half of the start of a process that needs no GELU

    return erfc(-x / np.sqrt(2.0)) / 2


def gelu_forward(x, parameter=None):
    """f(x) = x Phi(x), Phi the standard normal distribution function."""
    x = np.asarray(x, np.float64)
    return x * _normal_cdf(x)


def gelu_backward(grad_out, x, parameter=None):
    """f'(x) = Phi(x) + x phi(x), phi(x) = exp(-x^2 / 2) / sqrt(2 pi)."""
    grad_out, x = np.asarray(grad_out, np.float64), np.asarray(x, np.float64)
    return grad_out * (_normal_cdf(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))


def silu_forward(x, parameter=None):
    """f(x) = x s(x), s the sigmoid."""
    x = np.asarray(x, np.float64)
    return x * sigmoid_forward(x)


def silu_backward(grad_out, x, parameter=None):
    """f'(x) = s (1 + x (1 - s)), s = s(x)."""
    grad_out, x = np.asarray(grad_out, np.float64), np.asarray(x, np.float64)
    return grad_out * sigmoid_forward(x) * (1 + x * sigmoid_forward(-x))


def tanh_forward(x, parameter=None):
    """f(x) = tanh(x)."""
    return np.tanh(np.asarray(x, np.float64))


def tanh_backward(grad_out, x, parameter=None):
    """f'(x) = 1 - tanh(x)^2."""
    return np.asarray(grad_out, np.float64) * (1 - np.tanh(np.asarray(x, np.float64)) ** 2)


def sigmoid_forward(x, parameter=None):
    """f(x) = 1 / (1 + e^-x)."""
    with np.errstate(over="ignore"):  # e^-x = inf gives the right limit, 0
        return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def sigmoid_backward(grad_out, x, parameter=None):
    """f'(x) = s(x) s(-x) = s (1 - s)."""
    return np.asarray(grad_out, np.float64) * sigmoid_forward(x) * sigmoid_forward(-np.asarray(x))


def selu_forward(x, parameter=None):
    """f(x) = s x where x > 0, else s a (e^x - 1); s = 1.0507..., a = 1.6732... (Klambauer 2017)."""
    x = np.asarray(x, np.float64)
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0)))


def selu_backward(grad_out, x, parameter=None):
    """f'(x) = s where x > 0, else s a e^x."""
    grad_out, x = np.asarray(grad_out, np.float64), np.asarray(x, np.float64)
    return grad_out * SELU_SCALE * np.where(x > 0, 1, SELU_ALPHA * np.exp(np.minimum(x, 0)))


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def mish_forward(x, parameter=None):
    """f(x) = x tanh(log(1 + e^x)) (Misra 2020)."""
    x = np.asarray(x, np.float64)
    return x * np.tanh(np.logaddexp(0, x))


def mish_backward(grad_out, x, parameter=None):
    """f'(x) = t + x s(x) (1 - t^2), t = tanh(log(1 + e^x))."""
    grad_out, x = np.asarray(grad_out, np.float64), np.asarray(x, np.float64)
    t = np.tanh(np.logaddexp(0, x))
    return grad_out * (t + x * sigmoid_forward(x) * (1 - t**2))


def softsign_forward(x, parameter=None):
    """f(x) = x / (1 + |x|)."""
    x = np.asarray(x, np.float64)
    return x / (1 + np.abs(x))


def softsign_backward(grad_out, x, parameter=None):
    """f'(x) = 1 / (1 + |x|)^2."""
    grad_out, x = np.asarray(grad_out, np.float64), np.asarray(x, np.float64)
    return grad_out / (1 + np.abs(x)) ** 2
