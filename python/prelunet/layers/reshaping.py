"""Layers without anything to learn that fit data to what follows: Flatten and Rescaling."""

from __future__ import annotations

from typing import Any

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
    """``y = x * scale + offset``, for raw pixels say: ``Rescaling(1 / 255)``.

    Parameters
    ----------
    scale : float
    offset : float, default 0.0
    name, trainable
        As for every `Layer`.
    """

    def __init__(
        self,
        scale: float,
        offset: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.scale = real("Rescaling", "scale", scale)
        self.offset = real("Rescaling", "offset", offset)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description."""
        return [{"type": "rescaling", "scale": self.scale, "offset": self.offset}]
