"""Residual: layers whose output is added to their input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._description import checked
from .._validation import real
from .base import Layer, frozen
from .stacking import checked_layers, specifications


class Residual(Layer):
    """``y = x + step * f(x)``, f a list of layers in order [1]_.

    With a step h, a sequence of such layers is Euler's method for ``dx/dt = f(x)`` [2]_. The names
    of inner parameters have both places or names, ``"3.0.weight"``.

    Parameters
    ----------
    layers : sequence of Layer
        f; its output must have the shape of its input.
    step : float, default 1.0
        h.
    name
        As for every `Layer`.
    trainable : bool, default True
        False freezes all layers inside.

    Raises
    ------
    TypeError, ValueError
        If an argument has another type or value, or two layers have the same name. Building the
        model checks the shapes.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition",
       CVPR 2016, arXiv:1512.03385.
    .. [2] E. Haber and L. Ruthotto, "Stable Architectures for Deep Neural Networks", Inverse
       Problems 34 (2018), arXiv:1705.03341.
    """

    layers: Sequence[Layer] = checked(lambda owner, name, value: checked_layers(owner, value))
    step: float = checked(real, default=1.0)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description, with those of the layers inside."""
        inner = specifications(self.layers)
        layers = inner if self.trainable else frozen(inner)
        return [{"type": "residual", "step": self.step, "layers": layers}]

    def inner_layers(self) -> Sequence[Layer]:
        """Return f."""
        return self.layers
