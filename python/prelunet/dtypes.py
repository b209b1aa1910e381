"""The dtypes of a model: those of its parameters, and those in which it computes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from . import _core

Core = _core.Engine32 | _core.Engine64

MIXED = "mixed_bfloat16"
ORDERS = ("amx", "vdpbf16")  # of sums of bfloat16 products
# The core of each dtype of a model.
CORES: dict[str, Callable[..., Core]] = {
    "float32": _core.Engine32,
    "float64": _core.Engine64,
    MIXED: partial(_core.Engine32, bfloat16=True),
}


def checked_dtype(dtype: object) -> str:
    """Return the name of a supported dtype."""
    if isinstance(dtype, str) and dtype == MIXED:
        return MIXED
    try:  # NumPy would read None as float64
        name = None if dtype is None else str(np.dtype(dtype))  # type: ignore[call-overload]
    except TypeError:
        name = None
    if name not in ("float32", "float64"):
        raise ValueError(
            f"Sequential: dtype must be 'float32', 'float64' or {MIXED!r}, got {dtype!r}"
        )
    return str(name)


def variable_dtype(dtype: str) -> str:
    """Return the dtype of the parameters, the optimizer's state and the outputs of a model."""
    return "float32" if dtype == MIXED else dtype


def compute_dtype(dtype: str) -> str:
    """Return the dtype to which the operands of a model's matrix products are rounded."""
    return "bfloat16" if dtype == MIXED else dtype


def bfloat16_order(dtype: str) -> str | None:
    """Return the order in which this process sums bfloat16 products; None if there are none."""
    return _core.bfloat16()[0] if dtype == MIXED else None
