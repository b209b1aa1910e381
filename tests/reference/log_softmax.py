"""The logarithm of softmax."""

from __future__ import annotations

import numpy as np


def log_softmax_forward(x):
    """y_j = x_j - log sum_i exp(x_i), each x less the row's largest, which changes nothing."""
    x = np.asarray(x, np.float64)
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_softmax_backward(grad_out, y):
    """grad_x_j = grad_out_j - exp(y_j) sum_i grad_out_i."""
    grad_out, y = np.asarray(grad_out, np.float64), np.asarray(y, np.float64)
    return grad_out - np.exp(y) * grad_out.sum(axis=-1, keepdims=True)
