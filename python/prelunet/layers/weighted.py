"""`Weighted`, the base class of layers with a weight, a bias and an activation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any

from .._description import checked
from .._validation import boolean
from ..initializers import Initializer
from ..initializers import get as get_initializer
from .activation import checked_initializer
from .base import Layer, Shape, frozen


class Weighted(Layer):
    """Base class of `Dense` and `Conv2D`, which document the arguments."""

    _: KW_ONLY
    weight_init: str | float | Initializer = checked(checked_initializer, default="glorot_uniform")
    bias_init: str | float | Initializer = checked(checked_initializer, default="zeros")
    use_bias: bool = checked(boolean, default=True)

    @property
    def fused_activation(self) -> Layer | None:
        """The activation f, or None."""
        activation = vars(self)["activation"]  # an argument of both subclasses
        assert activation is None or isinstance(activation, Layer)
        return activation

    def _with_activation(self, products: dict[str, Any]) -> list[dict[str, Any]]:
        """Return specifications for the engine: `products`, then the activation, if any."""
        own = {**products, "use_bias": self.use_bias, "trainable": self.trainable}
        if self.fused_activation is None:
            return [own]
        rest = self.fused_activation.specifications()
        return [own, *(rest if self.trainable else frozen(rest))]

    def _shapes(self, weight: Shape, output: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return the result of `shapes` for a weight, whose first axis is that of the outputs."""
        found = {"weight": weight} | ({"bias": weight[:1]} if self.use_bias else {})
        activation = self.fused_activation
        return found | ({} if activation is None else activation.shapes(output)[0]), output

    def initializers(self) -> Mapping[str, Initializer]:
        """Return the initializers of the weight, the bias and the activation's alpha."""
        inner = {} if self.fused_activation is None else self.fused_activation.initializers()
        weight, bias = get_initializer(self.weight_init), get_initializer(self.bias_init)
        return {"weight": weight, "bias": bias, **inner}
