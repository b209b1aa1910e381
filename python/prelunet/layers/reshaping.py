"""Layers that reshape or rescale their input: `Flatten` and `Rescaling`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._description import checked
from .._validation import is_sequence, numbers, real
from .base import Layer, Shape


class Flatten(Layer):
    """Flatten each sample to one axis of features, in C order.

    Parameters
    ----------
    name, trainable
        As for `Layer`.
    """

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        return [{"type": "flatten"}]

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return no parameters, and the shape of the output."""
        return {}, (math.prod(sample),)


def _number_or_numbers(owner: str, name: str, value: object) -> float | tuple[float, ...]:
    """Return a number as a float, or several as a tuple of them."""
    return numbers(owner, name, value) if is_sequence(value) else real(owner, name, value)


class Rescaling(Layer):
    """``y = x * scale + offset``, for example ``Rescaling(1 / 255)`` for raw pixels.

    `scale` and `offset` are one number, or one for each feature, which are the entries of the last
    axis: ``Rescaling(1 / std, -mean / std)`` standardizes columns.

    Parameters
    ----------
    scale : float or sequence of float
        Factor of the input.
    offset : float or sequence of float, default 0.0
        Added after scaling.
    name, trainable
        As for `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or has another length than the other one. A model raises a
        ValueError if its samples have another number of features.
    """

    scale: float | Sequence[float] = checked(_number_or_numbers)
    offset: float | Sequence[float] = checked(_number_or_numbers, default=0.0)

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        lengths = [len(given) for given in (self.scale, self.offset) if isinstance(given, tuple)]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"Rescaling: scale and offset must have the same length, got {lengths[0]} and "
                f"{lengths[1]}"
            )

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        scale, offset = np.atleast_1d(self.scale), np.atleast_1d(self.offset)
        return [{"type": "rescaling", "scale": scale, "offset": offset}]
