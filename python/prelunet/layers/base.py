"""`Layer`, the base class of layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from typing import Any, ClassVar

from .._description import Description, checked
from .._validation import boolean
from ..initializers import Initializer


def checked_name(owner: str, name: str, value: str | None) -> str | None:
    """Return `value` if it can be the name of a layer."""
    expected = (
        f"{owner}: {name} must be None or a string without dots, NUL and surrogates, got {value!r}"
    )
    if value is not None and not isinstance(value, str):
        raise TypeError(expected)
    if value is not None and (not value or any(map(_is_refused, value))):
        raise ValueError(expected)
    return value


def _is_refused(character: str) -> bool:
    """Return whether names of parameters, or of entries in files, cannot hold a character."""
    return character in ".\0" or "\ud800" <= character <= "\udfff"


Shape = tuple[int, ...]


class Layer(Description, ABC):
    """Base class of layers.

    Parameters
    ----------
    name : str, optional
        Prefix of the names of its parameters, as in ``"<name>.weight"``; by default its index in
        the list of layers.
    trainable : bool, default True
        Whether training updates its parameters.
    """

    parallel: ClassVar[bool] = False  # whether all inner layers have the same input

    _: KW_ONLY
    name: str | None = checked(checked_name, default=None)
    trainable: bool = checked(boolean, default=True)

    @property
    def label(self) -> str:
        """The layer in tables: its class name."""
        return type(self).__name__

    @property
    def holds_function(self) -> bool:
        """Whether an argument is a Python function, which no file can hold."""
        return False

    @abstractmethod
    def specifications(self) -> list[dict[str, Any]]:
        """Return specifications for the engine, one for each engine layer."""

    def initializers(self) -> Mapping[str, Initializer]:
        """Return the initializers of the layer's own parameters, by name."""
        return {}

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return the shapes of the layer's own parameters by name, and of one sample of its output.

        `sample` is the shape of one input sample, which the layer must accept.
        """
        return {}, sample

    def inner_layers(self) -> Sequence[Layer]:
        """Return the layers inside this layer that have their own names."""
        return ()

    def inner_sample(self, sample: Shape) -> Shape:
        """Return the shape of one input sample of the layers inside, from that of this layer."""
        return sample


def frozen(specifications: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the specifications, including nested ones, with ``trainable=False``."""
    return [
        {**spec, "trainable": False}
        | ({"layers": frozen(spec["layers"])} if "layers" in spec else {})
        for spec in specifications
    ]
