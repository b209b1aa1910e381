"""`Dense`, a fully connected layer."""

from __future__ import annotations

from typing import Any

from .._description import checked
from .._validation import size
from .activation import checked_activation
from .base import Layer, Shape
from .weighted import Weighted


class Dense(Weighted):
    """A fully connected layer, ``y = f(x W^T + b)`` with W of shape (units, features).

    Parameters
    ----------
    units : int
        Number of outputs, at least 1.
    activation : str or activation layer, optional
        f, as a name (``"relu"``, ``"tanh"``, ``"prelu"``, ...) or a layer such as
        ``PReLU("shared")``. A separate activation layer is equivalent and equally fast.
    weight_init : str, float or Initializer, default "glorot_uniform"
        Initializer of W.
    bias_init : str, float or Initializer, default "zeros"
        Initializer of b.
    use_bias : bool, default True
        Whether to add b.
    name, trainable
        As for `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.
    """

    units: int = checked(size)
    activation: str | Layer | None = checked(checked_activation, default=None)

    def specifications(self) -> list[dict[str, Any]]:
        """Return specifications for the engine: the product, then the activation, if any."""
        return self._with_activation({"type": "dense", "units": self.units})

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return the shapes of W, b and alpha, and that of the output."""
        return self._shapes((self.units, *sample), (self.units,))
