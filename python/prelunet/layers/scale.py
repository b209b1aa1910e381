"""Scale: a learned factor for each feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._description import checked
from ..initializers import Initializer
from ..initializers import get as get_initializer
from .activation import checked_initializer
from .base import Layer, Shape


class Scale(Layer):
    """A learned factor for each feature: ``y = x * weight``.

    The features are the entries of the last axis. As the first layer of a network for tables, it
    learns which columns matter. Weight decay and L2 leave its weight alone, unless the optimizer
    has ``decay_all=True``.

    Parameters
    ----------
    init : float, str or Initializer, default 1.0
        Initial weight.
    name, trainable
        As for `Layer`.
    """

    init: float | str | Initializer = checked(checked_initializer, default=1.0)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        return [{"type": "scale", "trainable": self.trainable}]

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return the shape of the weight, and that of the output."""
        return {"weight": sample[-1:]}, sample

    def initializers(self) -> Mapping[str, Initializer]:
        """Return the initializer of the weight."""
        return {"weight": get_initializer(self.init)}
