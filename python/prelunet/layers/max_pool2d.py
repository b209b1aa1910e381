"""MaxPool2D: the largest entry of each window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._validation import choice, size_pair
from .base import Layer
from .conv2d import PADDINGS


class MaxPool2D(Layer):
    """The largest entry of each window of an image (height, width, channels), channel by channel.

    Of equal entries the first in row order counts and gets the gradient. Padding, where "same" has
    windows stick out, never wins; NaN does.

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
        If an argument is not what is said above.
    """

    def __init__(
        self,
        size: int | Sequence[int] = 2,
        stride: int | Sequence[int] | None = None,
        padding: str = "valid",
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.size = size_pair("MaxPool2D", "size", size)
        self.stride = self.size if stride is None else size_pair("MaxPool2D", "stride", stride)
        self.padding = choice("MaxPool2D", "padding", padding, PADDINGS)

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
