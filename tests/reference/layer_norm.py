"""Layer normalization over the last axes, those of gamma and beta.

Ba, Kiros and Hinton, Layer Normalization, 2016, arXiv:1607.06450.
"""

from __future__ import annotations

import numpy as np


def _normalized(x, axes, epsilon):
    """Return h = (x - mean) / sqrt(variance + epsilon) and 1 / sqrt(variance + epsilon)."""
    centered = x - x.mean(axis=axes, keepdims=True)
    variance = (centered**2).mean(axis=axes, keepdims=True)
    return centered / np.sqrt(variance + epsilon), 1 / np.sqrt(variance + epsilon)


def _last_axes(gamma):
    return tuple(range(-np.ndim(gamma), 0))


def layer_norm_forward(x, gamma, beta, epsilon=1e-3):
    """y = h gamma + beta."""
    x, gamma, beta = (np.asarray(v, np.float64) for v in (x, gamma, beta))
    h, _ = _normalized(x, _last_axes(gamma), epsilon)
    return h * gamma + beta


def layer_norm_backward(grad_y, x, gamma, epsilon=1e-3):
    """dx = (d - mean(d) - h mean(d h)) / sqrt(variance + epsilon), d = dy gamma.

    dgamma = sum of dy h, dbeta = sum of dy, over all other axes.
    """
    grad_y, x, gamma = (np.asarray(v, np.float64) for v in (grad_y, x, gamma))
    axes = _last_axes(gamma)
    h, scale = _normalized(x, axes, epsilon)
    d = grad_y * gamma
    mean, product = (v.mean(axis=axes, keepdims=True) for v in (d, d * h))
    others = tuple(range(x.ndim - gamma.ndim))
    return scale * (d - mean - h * product), (grad_y * h).sum(axis=others), grad_y.sum(axis=others)
