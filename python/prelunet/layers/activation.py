"""Activation layers: `PReLU`, and a class for each row of the core's registry."""

from __future__ import annotations

import types
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from .._core import ops as _ops
from .._description import checked
from .._validation import choice, real
from ..initializers import Initializer
from ..initializers import get as get_initializer
from .base import Layer, Shape

_HINTS = {
    "softmax": "softmax belongs to the loss 'softmax_cross_entropy'; leave the activation out, and "
    "predict_proba gives probabilities",
    "linear": "leave the activation out",
    "identity": "leave the activation out",
    "swish": "it is 'silu' here",
    "logistic": "it is 'sigmoid' here",
    "leakyrelu": "it is 'leaky_relu' here",
}  # names of other libraries


def checked_initializer(owner: str, name: str, value: float | str | Initializer) -> Initializer:
    """Return `value` as an initializer."""
    return get_initializer(value, owner=owner, name=name)


class PReLU(Layer, name="prelu"):
    """Parametric ReLU: ``y = x where x > 0, else alpha * x``, with alpha learned [1]_.

    For ``x <= 0`` the derivative with respect to x is alpha, and with respect to alpha it is x.

    Parameters
    ----------
    kind : {"channel", "shared"}, default "channel"
        Whether to learn one alpha per entry of the last axis (a unit of a Dense layer, a filter of
        a convolution), or one for the whole layer.
    init : float, str or Initializer, default 0.25
        Initial value of alpha.
    name, trainable
        As for `Layer`.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Delving Deep into Rectifiers: Surpassing
       Human-Level Performance on ImageNet Classification", ICCV 2015, arXiv:1502.01852.
    """

    kind: str = checked(choice, default="channel", options=("channel", "shared"))
    init: float | str | Initializer = checked(checked_initializer, default=0.25)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        channel = self.kind == "channel"
        return [{"type": "prelu", "channel": channel, "trainable": self.trainable}]

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return the shape of alpha, and that of the output."""
        return {"alpha": sample[-1:] if self.kind == "channel" else (1,)}, sample

    def initializers(self) -> Mapping[str, Initializer]:
        """Return the initializer of alpha."""
        return {"alpha": get_initializer(self.init)}


class Activation(Layer):
    """Base class of activations without learned parameters, one for each row of the registry.

    Attributes
    ----------
    activation : str
        Name in `prelunet.ops` and in ``Dense(activation=...)``.
    parameter : str
        Name of the activation's constant; ``""`` if it has none.
    """

    activation: ClassVar[str]
    parameter: ClassVar[str]


def _specifications(self: Activation) -> list[dict[str, Any]]:
    """Return the layer's specification for the engine."""
    constant = getattr(self, self.parameter) if self.parameter else 0.0
    return [{"type": "activation", "activation": self.activation, "constant": constant}]


def _layer_class(
    name: str, class_name: str, parameter: str, default: float, equation: str
) -> type[Activation]:
    """Create a row's layer class, with signature ``(parameter=default, *, name, trainable)``."""
    entry = f"    {parameter} : float, default {default:g}\n" if parameter else ""
    body: dict[str, Any] = {
        "__doc__": f"{equation}.\n\n    Parameters\n    ----------\n{entry}"
        "    name, trainable\n        As for `Layer`.\n    ",
        "__module__": __name__,
        "__annotations__": {parameter: float} if parameter else {},
        "activation": name,
        "parameter": parameter,
        "specifications": _specifications,
    }
    if parameter:
        body[parameter] = checked(real, default=default)
    return types.new_class(class_name, (Activation,), {"name": name}, lambda ns: ns.update(body))


ACTIVATION_LAYERS: Mapping[str, type[Activation]] = MappingProxyType(
    {row[1]: _layer_class(*row) for row in _ops.ACTIVATIONS}
)
"""The layers of the core's registry by class name."""


def checked_activation(owner: str, name: str, value: Layer | str | None) -> Layer | None:
    """Return `value` as an activation layer, or None."""
    if value is None or isinstance(value, (Activation, PReLU)):
        return value
    if not isinstance(value, str):
        raise TypeError(f"{owner}: {name} must be a name or an activation layer, got {value!r}")
    named = Layer.named()
    return named[choice(owner, name, value, named, _HINTS)]()


def __getattr__(name: str) -> type[Activation]:
    if name in ACTIVATION_LAYERS:
        return ACTIVATION_LAYERS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
