"""Convolution of images (n, height, width, channels) with (filters, kh, kw, channels)."""

from __future__ import annotations

import numpy as np

from reference.window2d import places


def _windows(x, weight, stride, padding):
    """Return padded x, its padding on all sides, and (row, column, slices) of each window."""
    (_, height, width, _), (_, kh, kw, _) = x.shape, weight.shape
    rows, top, bottom = places(height, kh, stride[0], padding)
    columns, left, right = places(width, kw, stride[1], padding)
    padded = np.pad(np.asarray(x, np.float64), ((0, 0), (top, bottom), (left, right), (0, 0)))
    windows = [
        (i, j, np.s_[:, i * stride[0] : i * stride[0] + kh, j * stride[1] : j * stride[1] + kw])
        for i in range(rows)
        for j in range(columns)
    ]
    return padded, (top, left), (rows, columns), windows


def conv2d_forward(x, weight, bias=None, *, stride=(1, 1), padding="valid"):
    """Return y[:, i, j, f] = the sum over a window of x times weight[f], plus bias[f]."""
    padded, _, shape, windows = _windows(x, weight, stride, padding)
    y = np.zeros((len(x), *shape, len(weight)))
    for i, j, window in windows:
        y[:, i, j] = np.tensordot(padded[window], weight, axes=([1, 2, 3], [1, 2, 3]))
    return y if bias is None else y + bias


def conv2d_backward(grad_out, x, weight, *, stride=(1, 1), padding="valid"):
    """Return (grad_x, grad_weight, grad_bias)."""
    padded, (top, left), _, windows = _windows(x, weight, stride, padding)
    grad_padded = np.zeros_like(padded)
    grad_weight = np.zeros(weight.shape)
    for i, j, window in windows:
        grad_padded[window] += np.tensordot(grad_out[:, i, j], weight, axes=1)
        grad_weight += np.tensordot(grad_out[:, i, j], padded[window], axes=([0], [0]))
    _, height, width, _ = x.shape
    grad_x = grad_padded[:, top : top + height, left : left + width]
    return grad_x, grad_weight, np.asarray(grad_out, np.float64).sum(axis=(0, 1, 2))
