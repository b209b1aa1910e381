"""Matrix product with bias and activation."""

from __future__ import annotations

import numpy as np

from reference import activation as activations
from reference.prelu import prelu_forward


def gemm(a, b, *, transpose_a=False, transpose_b=False, bias=None, activation=None, alpha=None):
    """C = f(op(A) op(B) + bias), op(X) = X or X^T, bias added to every row."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    z = (a.T if transpose_a else a) @ (b.T if transpose_b else b)
    if bias is not None:
        z = z + np.asarray(bias, np.float64)
    if activation is None:
        return z
    if activation == "prelu":
        return prelu_forward(z, alpha)
    return getattr(activations, f"{activation}_forward")(z)
