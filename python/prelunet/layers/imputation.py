"""`Imputation`: a number in place of missing values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._description import checked
from .._validation import numbers
from .base import Layer


class Imputation(Layer):
    """A number for each feature, in place of NaN: ``y = values where x is NaN, else x``.

    The features are the entries of the last axis. As the first layer, it lets a model read columns
    with gaps. The gradient with respect to a missing value is 0.

    Parameters
    ----------
    values : sequence of float
        One for each feature, such as its mean or median in the training data.
    name, trainable
        As for `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid. A model raises a ValueError if its samples have another number
        of features.
    """

    values: Sequence[float] = checked(numbers)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        return [{"type": "imputation", "values": np.array(self.values)}]
