"""Dense: every unit sees every feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._validation import boolean, size
from ..initializers import Initializer
from ..initializers import get as get_initializer
from .activation import get as get_activation
from .base import Layer, frozen


class Dense(Layer):
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
        super().__init__(name=name, trainable=trainable)
        self.units = size("Dense", "units", units)
        self.activation = None if activation is None else get_activation(activation)
        self.weight_init = get_initializer(weight_init, owner="Dense", name="weight_init")
        self.bias_init = get_initializer(bias_init, owner="Dense", name="bias_init")
        self.use_bias = boolean("Dense", "use_bias", use_bias)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description: the products, then the activation if there is one."""
        dense = {
            "type": "dense",
            "units": self.units,
            "use_bias": self.use_bias,
            "trainable": self.trainable,
        }
        if self.activation is None:
            return [dense]
        rest = self.activation.specifications()
        return [dense, *(rest if self.trainable else frozen(rest))]

    def initializers(self) -> Mapping[str, Initializer]:
        """Return where weight, bias and the activation's alpha start."""
        inner = {} if self.activation is None else self.activation.initializers()
        return {"weight": self.weight_init, "bias": self.bias_init, **inner}
