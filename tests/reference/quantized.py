"""Products of 8-bit integers, as an exported C header computes them, with the same bits.

A weight is an integer times a factor of its output, and an input an integer times a factor of all
inputs. Sums of integers are exact. All other arithmetic is float32, without fused multiply-adds.
"""

from __future__ import annotations

import numpy as np

from reference.window2d import places

LARGEST = 127


def integers(x, limit):
    """Return x in steps of limit / 127, rounded to even, within -127 and 127."""
    inverse = np.float32(1 / ((limit if limit > 0 else LARGEST) / LARGEST))
    scaled = np.asarray(x, np.float32) * inverse
    return np.rint(np.clip(scaled, -LARGEST, LARGEST)).astype(np.int64)


def weight_integers(weight):
    """Return (integers, factors) of a weight, whose first axis is that of the outputs."""
    rows = weight.reshape(len(weight), -1).astype(np.float64)
    largest = abs(rows).max(axis=1)
    steps = np.where(largest > 0, largest, LARGEST) / LARGEST
    return np.rint(rows / steps[:, None]).astype(np.int64).reshape(weight.shape), steps


def _outputs(sums, steps, limit, bias):
    factors = ((limit if limit > 0 else LARGEST) / LARGEST * steps).astype(np.float32)
    y = sums.astype(np.float32) * factors
    return y if bias is None else y + bias


def dense(x, weight, bias, limit):
    """Return x W^T + b; `limit` is the largest magnitude of x in calibration."""
    whole, steps = weight_integers(weight)
    return _outputs(integers(x, limit) @ whole.T, steps, limit, bias)


def conv2d(x, weight, bias, limit, stride, padding):
    """Return the convolution of images x with a weight (filters, kh, kw, channels)."""
    whole, steps = weight_integers(weight)
    (_, height, width, _), (_, kh, kw, _) = x.shape, weight.shape
    rows, top, bottom = places(height, kh, stride[0], padding)
    columns, left, right = places(width, kw, stride[1], padding)
    padded = np.pad(integers(x, limit), ((0, 0), (top, bottom), (left, right), (0, 0)))
    sums = np.empty((len(x), rows, columns, len(weight)), np.int64)
    for i in range(rows):
        for j in range(columns):
            down, along = i * stride[0], j * stride[1]
            window = padded[:, down : down + kh, along : along + kw]
            sums[:, i, j] = np.tensordot(window, whole, axes=([1, 2, 3], [1, 2, 3]))
    return _outputs(sums, steps, limit, bias)
