"""The base of layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from .._description import Description
from .._validation import boolean
from ..initializers import Initializer


def _checked_name(owner: str, name: object) -> str:
    expected = f"{owner}: name must be None or a string without dots, got {name!r}"
    if not isinstance(name, str):
        raise TypeError(expected)
    if not name or "." in name:
        raise ValueError(expected)
    return name


class Layer(Description, ABC):
    """A step of a network.

    Parameters
    ----------
    name : str, optional
        What its parameters are called by, ``"<name>.weight"``; by default its place in the list of
        layers.
    trainable : bool, default True
        Whether training changes its parameters.
    """

    def __init__(self, *, name: str | None = None, trainable: bool = True) -> None:
        owner = type(self).__name__
        self.name = None if name is None else _checked_name(owner, name)
        self.trainable = boolean(owner, "trainable", trainable)

    @abstractmethod
    def specifications(self) -> list[dict[str, Any]]:
        """Return what the engine needs to know: one entry for each of its layers."""

    def initializers(self) -> Mapping[str, Initializer]:
        """Return where each of its own parameters starts, by name."""
        return {}

    def inner_layers(self) -> Sequence[Layer]:
        """Return the layers inside it that have a place and a name of their own."""
        return ()


def frozen(specifications: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the specifications with nothing to learn, those inside them too."""
    return [
        {**spec, "trainable": False}
        | ({"layers": frozen(spec["layers"])} if "layers" in spec else {})
        for spec in specifications
    ]
