"""`Residual`, a list of layers with a skip connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._description import checked
from .._validation import real
from .base import Layer, frozen
from .stacking import checked_inside, specifications


class Residual(Layer):
    """``y = x + step * f(x)``, where f is a list of layers applied in order [1]_.

    A sequence of such layers with step h is Euler's method for ``dx/dt = f(x)`` [2]_. The names of
    inner parameters contain the names or indices of both layers, as in ``"3.0.weight"``.

    Parameters
    ----------
    layers : sequence of Layer
        The layers of f, whose output must have the shape of its input.
    step : float, default 1.0
        The step size h.
    name
        As for `Layer`.
    trainable : bool, default True
        Whether training updates the layers inside; False freezes all of them.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, two layers have the same name, or more than 32 Residual layers
        are nested. Shapes are checked when the model is built.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition",
       CVPR 2016, arXiv:1512.03385.
    .. [2] E. Haber and L. Ruthotto, "Stable Architectures for Deep Neural Networks", Inverse
       Problems 34 (2018), arXiv:1705.03341.
    """

    layers: Sequence[Layer] = checked(lambda owner, name, value: checked_inside(owner, value))
    step: float = checked(real, default=1.0)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine, including the layers inside."""
        inner = specifications(self.layers)
        layers = inner if self.trainable else frozen(inner)
        return [{"type": "residual", "step": self.step, "layers": layers}]

    def inner_layers(self) -> Sequence[Layer]:
        """Return the layers of f."""
        return self.layers
