"""What layers with a weight have in common: bias, activation, where they start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._validation import boolean
from ..initializers import Initializer
from ..initializers import get as get_initializer
from .activation import get as get_activation
from .base import Layer, frozen


class Weighted(Layer):
    """The base of `Dense` and `Conv2D`: ``f(products with the weight + b)``; arguments as there."""

    def __init__(
        self,
        *,
        activation: str | Layer | None,
        weight_init: str | float | Initializer,
        bias_init: str | float | Initializer,
        use_bias: bool,
        name: str | None,
        trainable: bool,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        owner = type(self).__name__
        self.activation = None if activation is None else get_activation(activation)
        self.weight_init = get_initializer(weight_init, owner=owner, name="weight_init")
        self.bias_init = get_initializer(bias_init, owner=owner, name="bias_init")
        self.use_bias = boolean(owner, "use_bias", use_bias)

    def _with_activation(self, products: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the engine's description: `products`, then the activation if there is one."""
        own = {**products, "use_bias": self.use_bias, "trainable": self.trainable}
        if self.activation is None:
            return [own]
        rest = self.activation.specifications()
        return [own, *(rest if self.trainable else frozen(rest))]

    def initializers(self) -> Mapping[str, Initializer]:
        """Return where weight, bias and the activation's alpha start."""
        inner = {} if self.activation is None else self.activation.initializers()
        return {"weight": self.weight_init, "bias": self.bias_init, **inner}
