"""A training step of ``dtype="mixed_bfloat16"``, bit for bit, in float32.

Layers are dicts as in `reference.network`: "dense", "prelu" and "relu". The operands of a dense
layer's three products are rounded to bfloat16, and each product is summed in an order of
`reference.bfloat16`. All else is float32; rows are summed by chunks of 8.
"""

from __future__ import annotations

import numpy as np

from reference.bfloat16 import bfloat16_gemm, to_bfloat16

CHUNK = 8


def fused(a, b, c):
    """a b + c; float64 holds a b exactly, and rounds the sum first where they differ widely."""
    return (np.asarray(a, np.float64) * b + c).astype(np.float32)


def sum_rows(x, y=None):
    """Return the sums over rows of x, or of x y: of each chunk in order, then of the chunks."""
    total = np.zeros(x.shape[1], np.float32)
    for begin in range(0, len(x), CHUNK):
        partial = np.zeros_like(total)
        for row in range(begin, min(begin + CHUNK, len(x))):
            partial = partial + x[row] if y is None else fused(x[row], y[row], partial)
        total = total + partial
    return total


def forward(layers, x, order):
    """Return the inputs of each layer, and the outputs of the last one."""
    values = [np.asarray(x, np.float32)]
    for layer in layers:
        x = values[-1]
        if layer["layer"] == "dense":
            weight = to_bfloat16(layer["weight"])
            product = bfloat16_gemm(to_bfloat16(x), weight, order, transpose_b=True)
            values.append(product if layer["bias"] is None else product + layer["bias"])
        elif layer["layer"] == "prelu":
            values.append(np.where(x > 0, x, layer["alpha"] * x))
        else:
            values.append(np.where(x > 0, x, np.float32(0)))
    return values


def backward(layers, values, grad, order):
    """Return grad_x and the gradients by name, from what `forward` returned."""
    gradients = {}
    for i in reversed(range(len(layers))):
        layer, x = layers[i], values[i]
        if layer["layer"] == "dense":
            rounded = to_bfloat16(grad)
            gradients[f"{i}.weight"] = bfloat16_gemm(
                rounded, to_bfloat16(x), order, transpose_a=True
            )
            if layer["bias"] is not None:
                gradients[f"{i}.bias"] = sum_rows(grad)
            grad = bfloat16_gemm(rounded, to_bfloat16(layer["weight"]), order)
        elif layer["layer"] == "prelu":
            gradients[f"{i}.alpha"] = sum_rows(np.where(x > 0, np.float32(0), grad), x)
            grad = np.where(x > 0, grad, layer["alpha"] * grad)
        else:
            grad = np.where(x > 0, grad, np.float32(0))
    return grad, gradients


def sgd_step(layers, x, targets, order, learning_rate):
    """Return (outputs, gradients, updated layers) of one step on half the squared error."""
    values = forward(layers, x, order)
    _, gradients = backward(layers, values, values[-1] - targets, order)
    rate, updated = np.float32(learning_rate), [dict(layer) for layer in layers]
    for name, gradient in gradients.items():
        index, key = name.split(".")
        updated[int(index)][key] = fused(-rate, gradient, layers[int(index)][key])
    return values[-1], gradients, updated
