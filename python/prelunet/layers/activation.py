"""Activations: PReLU with its learned slope, and a layer for every row of the core's registry."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from .._core import ops as _ops
from .._validation import choice, real
from ..initializers import Initializer
from ..initializers import get as get_initializer
from .base import Layer


class PReLU(Layer):
    """Parametric ReLU: ``y = x where x > 0, else alpha * x``, with alpha learned [1]_.

    At ``x <= 0`` the derivative by x is alpha and by alpha it is x.

    Parameters
    ----------
    kind : {"channel", "shared"}, default "channel"
        One alpha for each entry of the last axis (a unit of Dense, a filter of a convolution), or
        one for the whole layer.
    init : float or Initializer, default 0.25
        Where alpha starts.
    name, trainable
        As for every `Layer`.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Delving Deep into Rectifiers: Surpassing
       Human-Level Performance on ImageNet Classification", ICCV 2015, arXiv:1502.01852.
    """

    def __init__(
        self,
        kind: str = "channel",
        init: float | str | Initializer = 0.25,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.kind = choice("PReLU", "kind", kind, ("channel", "shared"))
        self.init = get_initializer(init, owner="PReLU", name="init")

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description."""
        channel = self.kind == "channel"
        return [{"type": "prelu", "channel": channel, "trainable": self.trainable}]

    def initializers(self) -> Mapping[str, Initializer]:
        """Return where alpha starts."""
        return {"alpha": self.init}


class Activation(Layer):
    """An activation without learned parameters: a row of the core's registry.

    Attributes
    ----------
    activation : str
        Its name in `prelunet.ops` and in ``Dense(activation=...)``.
    parameter : str
        The name of its constant, ``""`` where it has none.
    """

    activation: ClassVar[str]
    parameter: ClassVar[str]

    @abstractmethod
    def __init__(self, *, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name=name, trainable=trainable)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description."""
        constant = getattr(self, self.parameter) if self.parameter else 0.0
        return [{"type": "activation", "activation": self.activation, "constant": constant}]


def _layer_class(
    name: str, class_name: str, parameter: str, default: float, equation: str
) -> type[Activation]:
    """Make the layer of one row, with the signature ``(parameter=default, *, name, trainable)``."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    arguments = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    if parameter:
        either = inspect.Parameter.POSITIONAL_OR_KEYWORD
        arguments.append(inspect.Parameter(parameter, either, default=default))
    arguments.append(inspect.Parameter("name", keyword, default=None))
    arguments.append(inspect.Parameter("trainable", keyword, default=True))
    signature = inspect.Signature(arguments)

    def initialize(self: Activation, *args: Any, **kwargs: Any) -> None:
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{class_name}: {error}") from None
        bound.apply_defaults()
        own = bound.arguments
        Activation.__init__(self, name=own["name"], trainable=own["trainable"])
        if parameter:
            setattr(self, parameter, real(class_name, parameter, own[parameter]))

    initialize.__signature__ = signature  # type: ignore[attr-defined]
    told = f"    {parameter} : float, default {default:g}\n" if parameter else ""
    return type(
        class_name,
        (Activation,),
        {
            "__doc__": f"{equation}.\n\n    Parameters\n    ----------\n{told}"
            "    name, trainable\n        As for every `Layer`.\n    ",
            "__init__": initialize,
            "__module__": __name__,
            "activation": name,
            "parameter": parameter,
        },
    )


ACTIVATION_LAYERS: Mapping[str, type[Activation]] = MappingProxyType(
    {row[1]: _layer_class(*row) for row in _ops.ACTIVATIONS}
)
"""The layers of the registry by class name."""

_BY_NAME = {layer.activation: layer for layer in ACTIVATION_LAYERS.values()}


def get(value: Layer | str) -> Layer:
    """Return the activation that `value` stands for: itself, or a name with default arguments.

    Raises
    ------
    TypeError
        If `value` is neither a string nor an activation.
    ValueError
        If the name is unknown.
    """
    if isinstance(value, (Activation, PReLU)):
        return value
    if not isinstance(value, str):
        raise TypeError(f"Dense: activation must be a name or an activation layer, got {value!r}")
    name = choice("Dense", "activation", value, ("prelu", *_BY_NAME))
    return PReLU() if name == "prelu" else _BY_NAME[name]()


def __getattr__(name: str) -> type[Activation]:
    if name in ACTIVATION_LAYERS:
        return ACTIVATION_LAYERS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
