"""Piecewise-linear embeddings. Gorishniy et al., NeurIPS 2022.

e_j = (x - left_j) / (right_j - left_j), at least 0 but for the first bin, at most 1 but for the
last. Version A: y = W^T e + b; version B: y = W^T e + b + linear x.
"""

from __future__ import annotations

import numpy as np


def encoding(x, edges):
    """Return e (rows, bins) of one feature, and its derivative."""
    left, right = np.array(edges[:-1]), np.array(edges[1:])
    e = (np.asarray(x, np.float64)[:, None] - left) / (right - left)
    low, high = np.zeros(len(left)), np.ones(len(left))
    low[0], high[-1] = -np.inf, np.inf
    return np.clip(e, low, high), ((e >= low) & (e < high)) / (right - left)


def _parts(x, bins, weight):
    weights = np.split(weight, np.cumsum([len(edges) - 1 for edges in bins])[:-1])
    return [(*encoding(x[:, f], bins[f]), weights[f]) for f in range(len(bins))]


def piecewise_linear_forward(x, bins, weight, linear, bias):
    """x (rows, features); weight (all bins, outputs); version A if linear is None."""
    y = np.stack([e @ w for e, _, w in _parts(x, bins, weight)], axis=1) + bias
    if linear is not None:
        y = y + x[:, :, None] * linear
    return y.reshape(len(x), -1)


def piecewise_linear_backward(grad_y, x, bins, weight, linear, bias):
    """Return grad_x and the gradients of weight, linear and bias."""
    grad_y = np.reshape(grad_y, (len(x), len(bins), -1))
    grad_x, grad_weight = np.zeros(np.shape(x)), []
    for f, (e, slope, w) in enumerate(_parts(x, bins, weight)):
        grad_weight.append(e.T @ grad_y[:, f])
        grad_x[:, f] = ((grad_y[:, f] @ w.T) * slope).sum(axis=1)
    grad_linear = None
    if linear is not None:
        grad_x += (grad_y * linear).sum(axis=2)
        grad_linear = np.einsum("nf,nfo->fo", x, grad_y)
    return grad_x, np.concatenate(grad_weight), grad_linear, grad_y.sum(axis=0)
