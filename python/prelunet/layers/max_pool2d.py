"""`MaxPool2D`, max pooling of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._description import checked
from .._validation import choice, size_pair
from .base import Layer, Shape
from .conv2d import PADDINGS
from .windows import output_size


def _size_pair_or_none(owner: str, name: str, value: object) -> tuple[int, int] | None:
    return None if value is None else size_pair(owner, name, value)


class MaxPool2D(Layer):
    """Max pooling of images (height, width, channels): the maximum of each window and channel.

    If several entries of a window equal the maximum, the first in row-major order receives the
    gradient. NaN counts as larger than any number. Padding is never the maximum.

    Parameters
    ----------
    size : int or (int, int), default 2
        Height and width of the window.
    stride : int or (int, int), optional
        Step of the window along rows and columns; `size` by default.
    padding : {"valid", "same"}, default "valid"
        As for `Conv2D`.
    name, trainable
        As for `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.
    """

    size: int | Sequence[int] = checked(size_pair, default=2)
    stride: int | Sequence[int] | None = checked(_size_pair_or_none, default=None)
    padding: str = checked(choice, default="valid", options=PADDINGS)

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if self.stride is None:
            self.__dict__["stride"] = self.size

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        return [
            {
                "type": "max_pool2d",
                "window": self.size,
                "strides": self.stride,
                "same": self.padding == "same",
            }
        ]

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return no parameters, and the shape of the output."""
        windows = self.specifications()[0]
        axes = zip(sample[:2], windows["window"], windows["strides"], strict=True)
        return {}, (*(output_size(*axis, self.padding) for axis in axes), sample[2])
