"""MaxPool2D: the largest entry of each window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._description import checked
from .._validation import choice, size_pair
from .base import Layer
from .conv2d import PADDINGS


def _size_pair_or_none(owner: str, name: str, value: object) -> tuple[int, int] | None:
    return None if value is None else size_pair(owner, name, value)


class MaxPool2D(Layer):
    """The largest entry of each window of an image (height, width, channels), channel by channel.

    Of equal entries the first in row order gets the gradient. NaN is the largest; the padding of
    "same" is never the largest.

    Parameters
    ----------
    size : int or (int, int), default 2
        Rows and columns of the window.
    stride : int or (int, int), optional
        How far the window moves; `size` unless given.
    padding : {"valid", "same"}, default "valid"
        As for `Conv2D`.
    name, trainable
        As for every `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument has another type or value.
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
        """Return the engine's description."""
        return [
            {
                "type": "max_pool2d",
                "window": self.size,
                "strides": self.stride,
                "same": self.padding == "same",
            }
        ]
