"""Dense: every unit sees every feature."""

from __future__ import annotations

from typing import Any

from .._validation import size
from ..initializers import Initializer
from .base import Layer
from .weighted import Weighted


class Dense(Weighted):
    """A fully connected layer, ``y = f(x W^T + b)`` with W of shape (units, features).

    Parameters
    ----------
    units : int
        Outputs, at least 1.
    activation : str or activation layer, optional
        f: a name (``"relu"``, ``"tanh"``, ``"prelu"``, ...) or a layer such as
        ``PReLU("shared")``. As a layer of its own it does the same at the same speed.
    weight_init : str or Initializer, default "glorot_uniform"
    bias_init : str, float or Initializer, default "zeros"
    use_bias : bool, default True
    name, trainable
        As for every `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above.
    """

    def __init__(
        self,
        units: int,
        activation: str | Layer | None = None,
        *,
        weight_init: str | float | Initializer = "glorot_uniform",
        bias_init: str | float | Initializer = "zeros",
        use_bias: bool = True,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        self.units = size("Dense", "units", units)
        super().__init__(
            activation=activation,
            weight_init=weight_init,
            bias_init=bias_init,
            use_bias=use_bias,
            name=name,
            trainable=trainable,
        )

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description: the products, then the activation if there is one."""
        return self._with_activation({"type": "dense", "units": self.units})
