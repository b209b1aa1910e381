"""Layers that reshape or rescale their input: Flatten and Rescaling."""

from __future__ import annotations

from typing import Any

from .._description import checked
from .._validation import real
from .base import Layer


class Flatten(Layer):
    """Make each sample one axis of features, in C order.

    Parameters
    ----------
    name, trainable
        As for every `Layer`.
    """

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description."""
        return [{"type": "flatten"}]


class Rescaling(Layer):
    """``y = x * scale + offset``, as for raw pixels: ``Rescaling(1 / 255)``.

    Parameters
    ----------
    scale : float
    offset : float, default 0.0
    name, trainable
        As for every `Layer`.
    """

    scale: float = checked(real)
    offset: float = checked(real, default=0.0)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description."""
        return [{"type": "rescaling", "scale": self.scale, "offset": self.offset}]
