"""Clip: outputs limited to a range."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any

from .._description import checked
from .._validation import boolean, real
from .base import Layer


class Clip(Layer):
    """Limit each element to a range, ``y = min(max(x, low), high)``.

    The gradient of elements outside the range is 0. As the last layer of a regression with
    ``in_training=False``, it limits predictions to the range of the training targets, and gradients
    do not vanish.

    Parameters
    ----------
    low, high : float
        The range, ``low <= high``.
    in_training : bool, default True
        Whether training steps clip too. If not, the layer is the identity in training, and clips
        in prediction and evaluation.
    name, trainable
        As for `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument has another type or value.
    """

    low: float = checked(real)
    high: float = checked(real)
    _: KW_ONLY
    in_training: bool = checked(boolean, default=True)

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if self.low > self.high:
            raise ValueError(f"Clip: low must be at most high, {self.high}, got {self.low}")

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        return [
            {"type": "clip", "low": self.low, "high": self.high, "in_training": self.in_training}
        ]
