"""Residual: layers that say how their input changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._validation import real
from .base import Layer, frozen
from .stacking import checked_layers, specifications


class Residual(Layer):
    """``y = x + step * f(x)``, f being a list of layers one after another [1]_.

    With a step h, a row of such layers is Euler's method for ``dx/dt = f(x)`` [2]_. The parameters
    inside are called by both places or names, ``"3.0.weight"``.

    Parameters
    ----------
    layers : sequence of Layer
        f; what it gives must have the shape of what it takes.
    step : float, default 1.0
        h.
    name
        As for every `Layer`.
    trainable : bool, default True
        False freezes all layers inside.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above, or two layers have the same name. That shapes
        agree is checked when the model is built.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition",
       CVPR 2016, arXiv:1512.03385.
    .. [2] E. Haber and L. Ruthotto, "Stable Architectures for Deep Neural Networks", Inverse
       Problems 34 (2018), arXiv:1705.03341.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        step: float = 1.0,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.layers = checked_layers("Residual", layers)
        self.step = real("Residual", "step", step)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description, with those of the layers inside."""
        inner = specifications(self.layers)
        layers = inner if self.trainable else frozen(inner)
        return [{"type": "residual", "step": self.step, "layers": layers}]

    def inner_layers(self) -> Sequence[Layer]:
        """Return f."""
        return self.layers
