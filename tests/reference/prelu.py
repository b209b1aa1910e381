"""Parametric ReLU, alpha shared (1,) or one for each channel, the last axis (channels,).

He, Zhang, Ren and Sun, Delving Deep into Rectifiers, 2015, arXiv:1502.01852.
"""

from __future__ import annotations

import numpy as np


def prelu_forward(x, alpha):
    """y = x where x > 0, else alpha x."""
    x, alpha = np.asarray(x, np.float64), np.asarray(alpha, np.float64)
    return np.where(x > 0, x, alpha * x)


def prelu_backward(grad_out, x, alpha):
    """dx = dy where x > 0, else alpha dy;  dalpha = sum of dy x where x <= 0, over its channel."""
    grad_out, x, alpha = (np.asarray(v, np.float64) for v in (grad_out, x, alpha))
    grad_x = np.where(x > 0, grad_out, alpha * grad_out)
    each = np.where(x > 0, 0.0, grad_out * x).reshape(-1, x.shape[-1])
    grad_channels = each.sum(axis=0)
    return grad_x, grad_channels if alpha.size > 1 else grad_channels.sum(keepdims=True)
