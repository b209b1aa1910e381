"""The C++ kernels as functions of NumPy arrays.

All arrays of a call must have the same dtype, float32 or float64, and be C-contiguous, aligned and
of native byte order; they are never copied or cast. A wrong dtype raises TypeError; a wrong shape,
layout or value raises ValueError. Results have the same bits for any number of threads, and on
AVX2, AVX-512 and NEON; the sign and the payload of a NaN may differ. `bfloat16_gemm` takes float32
or bfloat16; the bits of its results depend on the order of its sums, which the processor or the
caller chooses.

The registries determine the generated functions: ``<name>_forward`` and ``<name>_backward`` for
`ACTIVATIONS`, ``<name>`` for `LOSSES`, and ``<name>_update`` for `UPDATES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._activation import (
    ACTIVATION_MAKERS,
    ACTIVATIONS,
    cos_2pi,
    exp,
    log,
    log_softmax_backward,
    log_softmax_forward,
    parametric_backward,
    parametric_forward,
    prelu_backward,
    prelu_forward,
    scale_backward,
    scale_forward,
    sin_2pi,
    softmax_forward,
)
from ._bfloat16 import bfloat16_gemm, to_bfloat16
from ._conv2d import conv2d_backward, conv2d_forward, max_pool2d_backward, max_pool2d_forward
from ._elementwise import scaled_sum
from ._gemm import column_sums, gemm
from ._layer_norm import layer_norm_backward, layer_norm_forward
from ._loss import LOSS_MAKERS, LOSSES
from ._optimizer import UPDATE_MAKERS, UPDATES, clip_by_norm, clip_by_value

# Functions are generated on first use, since generating all of them slows down the import.
_MAKERS = ACTIVATION_MAKERS | LOSS_MAKERS | UPDATE_MAKERS

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "UPDATES",
    "bfloat16_gemm",
    "clip_by_norm",
    "clip_by_value",
    "column_sums",
    "conv2d_backward",
    "conv2d_forward",
    "cos_2pi",
    "exp",
    "gemm",
    "layer_norm_backward",
    "layer_norm_forward",
    "log",
    "log_softmax_backward",
    "log_softmax_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "parametric_backward",
    "parametric_forward",
    "prelu_backward",
    "prelu_forward",
    "scale_backward",
    "scale_forward",
    "scaled_sum",
    "sin_2pi",
    "softmax_forward",
    "to_bfloat16",
    *_MAKERS,
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Callable[..., Any]:
    if name in _MAKERS:  # several threads must get the same function
        function: Callable[..., Any] = globals().setdefault(name, _MAKERS[name]())
        return function
    raise AttributeError(f"module 'prelunet.ops' has no attribute {name!r}")
