"""Checks of parameters, gradients and generators."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import as_array, native

Array = npt.NDArray[Any]


def parameters(owner: str, **given: npt.ArrayLike) -> list[Array]:
    """Return parameters in one floating dtype, in C order; the first has at least one axis."""
    arrays = {name: native(as_array(owner, name, value)) for name, value in given.items()}
    narrow = all(array.dtype == np.float32 for array in arrays.values())
    dtype = np.dtype(np.float32 if narrow else np.float64)
    name, first = next(iter(arrays.items()))
    if first.ndim == 0 or first.shape[-1] == 0:
        raise ValueError(
            f"{owner}: {name} must have at least one axis, the last not empty, got shape "
            f"{first.shape}"
        )
    return [real_array(owner, name, array, dtype) for name, array in arrays.items()]


def checked_gradient(name: str, given: npt.ArrayLike, values: Array) -> Array:
    return real_array("backward", name, given, values.dtype, values.shape)


def real_array(
    operation: str,
    name: str,
    value: npt.ArrayLike,
    dtype: np.dtype[Any],
    shape: tuple[int, ...] | None = None,
) -> Array:
    """Return a copy of real numbers, in a dtype and C order."""
    array = native(as_array(operation, name, value))
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{operation}: {name} must hold real numbers, got dtype {array.dtype}")
    if shape is not None and array.shape != shape:
        raise ValueError(f"{operation}: {name} must have shape {shape}, got {array.shape}")
    return np.array(array, dtype=dtype, order="C")


def check_generator(operation: str, rng: object) -> None:
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"{operation}: rng must be a numpy.random.Generator, got {rng!r}")
