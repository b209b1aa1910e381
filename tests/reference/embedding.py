"""A learned vector for each category: y = W[x], the vectors of a row's codes side by side."""

from __future__ import annotations

import numpy as np


def embedding_forward(x, weight):
    """x (rows, columns) of integer codes; y (rows, columns * width)."""
    return np.asarray(weight, np.float64)[np.asarray(x, int)].reshape(len(x), -1)


def embedding_backward(grad_y, x, weight):
    """Return the gradient of the weight; there is none of codes."""
    width = np.shape(weight)[1]
    grad_weight = np.zeros(np.shape(weight))
    np.add.at(grad_weight, np.asarray(x, int).ravel(), np.reshape(grad_y, (-1, width)))
    return grad_weight
