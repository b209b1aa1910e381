"""`OneHot`: an output for each category of a feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._description import checked
from .._validation import is_sequence, numbers
from .base import Layer, Shape


def _checked_categories(owner: str, name: str, value: object) -> tuple[tuple[float, ...], ...]:
    if not is_sequence(value) or len(value) == 0:
        raise TypeError(f"{owner}: {name} must be a list of lists of numbers, got {value!r}")
    found = tuple(numbers(owner, f"an entry of {name}", one) for one in value)
    for one in found:
        if len(set(one)) < len(one):
            raise ValueError(f"{owner}: the categories of a feature must differ, got {one!r}")
    return found


class OneHot(Layer):
    """An output for each category of each feature: 1 if the feature has this value, else 0.

    The features are columns of numbers. A value that is no category, such as NaN, has only zeros.
    In float32, categories must differ after rounding. The gradient of the input is 0.

    Parameters
    ----------
    categories : sequence of sequence of float
        The values of each feature, in the order of the outputs.
    name, trainable
        As for `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid. A model raises a ValueError if its samples have another number
        of features, or more axes.
    """

    categories: Sequence[Sequence[float]] = checked(_checked_categories)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        counts = tuple(map(len, self.categories))
        return [{"type": "one_hot", "counts": counts, "values": np.concatenate(self.categories)}]

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return no parameters, and the shape of the output."""
        return {}, (sum(map(len, self.categories)),)
