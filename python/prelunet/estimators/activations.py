"""The activation layers for the values of the parameter `activation`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from .._validation import choice
from ..layers import ACTIVATION_LAYERS, Activation, Layer, PReLU

_REGISTRY = {layer.activation: layer for layer in ACTIVATION_LAYERS.values()}

ACTIVATIONS: Mapping[str, Callable[[], Layer | None]] = MappingProxyType(
    {
        "identity": lambda: None,
        "logistic": _REGISTRY["sigmoid"],
        "prelu": lambda: PReLU("channel"),
        "prelu_shared": lambda: PReLU("shared"),
        **_REGISTRY,
    }
)
"""The accepted names, including scikit-learn's four."""


def activation_layers(
    owner: str,
    activation: str | Layer | Sequence[str | Layer],
    count: int,
    kinds: tuple[type[Layer], ...] = (Activation, PReLU),
) -> list[Layer | None]:
    """Return the activation of each of `count` hidden layers; None means the identity.

    `kinds` are the classes of layers that are accepted.
    """
    if not isinstance(activation, Sequence) or isinstance(activation, str):
        return [_layer(owner, activation, kinds)] * count
    if len(activation) != count:
        raise ValueError(
            f"{owner}: activation must be one, or a list of {count}, one for each hidden layer, "
            f"got {len(activation)}"
        )
    return [_layer(owner, each, kinds) for each in activation]


def _layer(owner: str, value: str | Layer, kinds: tuple[type[Layer], ...]) -> Layer | None:
    if isinstance(value, kinds):
        return value
    if not isinstance(value, str):
        raise TypeError(
            f"{owner}: activation must be a name, an activation layer or a list of these, "
            f"got {value!r}"
        )
    return ACTIVATIONS[choice(owner, "activation", value, ACTIVATIONS)]()


def initial_factor(activation: Layer | None) -> float:
    """Return c in the bound ``sqrt(c / (fan_in + fan_out))`` of scikit-learn's initial weights."""
    logistic = isinstance(activation, Activation) and activation.activation == "sigmoid"
    return 2.0 if logistic else 6.0
