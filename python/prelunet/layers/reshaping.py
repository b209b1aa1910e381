"""Layers that reshape or rescale their input: `Flatten` and `Rescaling`."""

from __future__ import annotations

import math
from typing import Any

from .._description import checked
from .._validation import real
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


class Rescaling(Layer):
    """``y = x * scale + offset``, for example ``Rescaling(1 / 255)`` for raw pixels.

    Parameters
    ----------
    scale : float
        Factor of the input.
    offset : float, default 0.0
        Added after scaling.
    name, trainable
        As for `Layer`.
    """

    scale: float = checked(real)
    offset: float = checked(real, default=0.0)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        return [{"type": "rescaling", "scale": self.scale, "offset": self.offset}]
