"""The largest entry of each window of images (n, height, width, channels)."""

from __future__ import annotations

import numpy as np

from reference.window2d import places


def _windows(x, size, stride, padding):
    """Return the result's rows and columns, and (row, column, slices) of what lies inside."""
    (_, height, width, _) = x.shape
    rows, top, _ = places(height, size[0], stride[0], padding)
    columns, left, _ = places(width, size[1], stride[1], padding)
    found = []
    for i in range(rows):
        for j in range(columns):
            first, begin = i * stride[0] - top, j * stride[1] - left
            vertical = slice(max(first, 0), min(first + size[0], height))
            found.append((i, j, np.s_[:, vertical, max(begin, 0) : min(begin + size[1], width)]))
    return (rows, columns), found


def max_pool2d_forward(x, size=(2, 2), *, stride=(2, 2), padding="valid"):
    """Return the maxima; NaN is larger than any number."""
    shape, windows = _windows(x, size, stride, padding)
    y = np.zeros((len(x), *shape, x.shape[-1]))
    for i, j, window in windows:
        y[:, i, j] = x[window].max(axis=(1, 2))
    return y


def max_pool2d_backward(grad_out, x, size=(2, 2), *, stride=(2, 2), padding="valid"):
    """Return grad_x: each gradient goes to the first maximum of its window, in row order."""
    grad_x = np.zeros(x.shape)
    images, channels = np.ogrid[: len(x), : x.shape[-1]]
    for i, j, window in _windows(x, size, stride, padding)[1]:
        part = x[window]
        _, height, width, _ = part.shape
        first = part.reshape(len(x), height * width, -1).argmax(axis=1)
        row, column = first // width + window[1].start, first % width + window[2].start
        grad_x[images, row, column, channels] += grad_out[:, i, j]
    return grad_x
