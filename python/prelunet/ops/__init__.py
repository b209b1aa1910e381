"""Every kernel alone: NumPy arrays in, NumPy arrays out.

Arrays must have dtype float32 or float64 (all of one call the same), be C-contiguous, aligned and
of native byte order; nothing is copied or cast behind your back. A wrong dtype is a TypeError, a
wrong shape, layout or value a ValueError. Results have the same bits for any number of threads, and
on AVX2, AVX-512 and NEON.

For every name in `ACTIVATIONS` there are ``<name>_forward(x, [parameter], *, out=None)`` and
``<name>_backward(grad_out, x, [parameter])``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._activation import (
    ACTIVATION_FUNCTIONS,
    ACTIVATIONS,
    exp,
    log,
    prelu_backward,
    prelu_forward,
    softmax_forward,
)
from ._conv2d import conv2d_backward, conv2d_forward, max_pool2d_backward, max_pool2d_forward
from ._elementwise import scaled_sum
from ._gemm import column_sums, gemm
from ._loss import (
    LOSSES,
    batch_mean_squared_error,
    half_squared_error,
    huber,
    mean_absolute_error,
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from ._optimizer import adam_update, clip_by_norm, clip_by_value, sgd_update

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "adam_update",
    "batch_mean_squared_error",
    "clip_by_norm",
    "clip_by_value",
    "column_sums",
    "conv2d_backward",
    "conv2d_forward",
    "exp",
    "gemm",
    "half_squared_error",
    "huber",
    "log",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "mean_absolute_error",
    "mean_squared_error",
    "prelu_backward",
    "prelu_forward",
    "scaled_sum",
    "sgd_update",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "softmax_forward",
    *ACTIVATION_FUNCTIONS,
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Callable[..., Any]:
    if name in ACTIVATION_FUNCTIONS:
        return ACTIVATION_FUNCTIONS[name]
    raise AttributeError(f"module 'prelunet.ops' has no attribute {name!r}")
