"""The base of layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from .._description import Description
from .._validation import boolean
from ..initializers import Initializer


class Layer(Description, ABC):
    """A step of a network.

    Parameters
    ----------
    name : str, optional
        What its parameters are called by, ``"<name>.weight"``, and `Sequential.trace`'s keys; by
        default its place in the list of layers.
    trainable : bool, default True
        Whether training changes its parameters.
    """

    def __init__(self, *, name: str | None = None, trainable: bool = True) -> None:
        owner = type(self).__name__
        if name is not None and (not isinstance(name, str) or not name or "." in name):
            kind = ValueError if isinstance(name, str) else TypeError
            raise kind(f"{owner}: name must be a string without dots, or None, got {name!r}")
        self.name = name
        self.trainable = boolean(owner, "trainable", trainable)

    @abstractmethod
    def specifications(self) -> list[dict[str, Any]]:
        """Return what the engine needs to know: one entry for each of its layers."""

    def initializers(self) -> Mapping[str, Initializer]:
        """Return where each parameter starts, by name."""
        return {}
