"""`Embedding`: a learned vector for each category."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any

from .._description import checked
from .._validation import size
from ..initializers import Initializer, Normal
from ..initializers import get as get_initializer
from .activation import checked_initializer
from .base import Layer, Shape


class Embedding(Layer):
    """A learned vector for each category: ``y = W[x]`` with W of shape (input_dim, output_dim).

    The inputs are integer codes: columns of X that come first in the model, or first in a branch
    of a `Columns` that does. Several columns share W, and (n, columns) codes become
    (n, columns * output_dim) numbers. Codes below 0, codes of `input_dim` and above, and fractions
    are refused before training or prediction begins. There is no gradient of X.

    Parameters
    ----------
    input_dim : int
        Number of categories. Codes are 0 to ``input_dim - 1``. At most 2**24 in float32, whose
        integers are exact up to there.
    output_dim : int
        Numbers that a code becomes.
    weight_init : float, str or Initializer, default Normal(stddev=1.0)
        Initializer of W.
    name, trainable
        As for `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.
    """

    input_dim: int = checked(size)
    output_dim: int = checked(size)
    _: KW_ONLY
    weight_init: float | str | Initializer = checked(
        checked_initializer, default=Normal(stddev=1.0)
    )

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        own = {"categories": self.input_dim, "width": self.output_dim}
        return [{"type": "embedding", **own, "trainable": self.trainable}]

    def initializers(self) -> Mapping[str, Initializer]:
        """Return the initializer of W."""
        return {"weight": get_initializer(self.weight_init)}

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return the shapes of W and of the output."""
        weight = (self.input_dim, self.output_dim)
        return {"weight": weight}, (sample[0] * self.output_dim,)
