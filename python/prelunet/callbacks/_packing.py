"""Conversion of states, nested JSON values and arrays, to plain JSON values and named arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_ARRAY = "array in this file"  # the only key of a placeholder for an array


def pack(owner: str, state: Any, arrays: dict[str, Any]) -> Any:
    """Return `state` as JSON values, moving its arrays to `arrays`, by name.

    Raises a TypeError that begins with `owner` if the state contains other values.
    """
    if isinstance(state, Mapping) and all(isinstance(key, str) for key in state):
        return {key: pack(owner, value, arrays) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [pack(owner, value, arrays) for value in state]
    if isinstance(state, np.ndarray) and not state.dtype.hasobject:
        name = f"state/{len(arrays)}"
        arrays[name] = state
        return {_ARRAY: name}
    if state is None or isinstance(state, (bool, int, float, str)):
        return state
    raise TypeError(
        f"{owner} must hold JSON values and arrays, got {state!r} of type {type(state).__name__}"
    )


def unpack(value: Any, arrays: Mapping[str, Any]) -> Any:
    """Return the state that `pack` converted; tuples have become lists."""
    if isinstance(value, list):
        return [unpack(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_ARRAY}:
        return arrays[value[_ARRAY]]
    return {key: unpack(item, arrays) for key, item in value.items()}
