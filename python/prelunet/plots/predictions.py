"""The classes that a model predicts, and flat rows as images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from prelunet.model import Sequential

Array = npt.NDArray[Any]


def predicted_classes(model: Sequential, X: npt.ArrayLike) -> Array:
    """Return the class of the largest output, or whether the only output, a logit, is above 0."""
    outputs = model.predict(X)
    several = outputs.shape[1] > 1
    classes: Array = outputs.argmax(axis=1) if several else (outputs[:, 0] > 0).astype(int)
    return classes


def as_images(owner: str, X: npt.ArrayLike, shape: tuple[int, int] | None) -> Array:
    """Return images as they are, and flat rows as images, by default square ones."""
    rows = np.asarray(X)
    if rows.ndim != 2:
        return rows
    side = math.isqrt(rows.shape[1])
    height, width = (side, side) if shape is None else shape
    if height * width != rows.shape[1]:
        raise ValueError(
            f"{owner}: image_shape must have {rows.shape[1]} pixels, got {(height, width)}"
        )
    return rows.reshape(len(rows), height, width)
