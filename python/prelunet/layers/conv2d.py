"""Conv2D: convolution of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._description import checked
from .._validation import choice, size, size_pair
from .activation import get as get_activation
from .base import Layer
from .weighted import Weighted, activation

PADDINGS = ("valid", "same")


class Conv2D(Weighted):
    """A convolution of images (height, width, channels), ``y = f(x * W + b)`` [1]_.

    As in every framework it is a cross-correlation: at row i, column j and filter f, ``x * W`` is
    the sum of ``x[i * stride + u, j * stride + v, d] * W[f, u, v, d]``. W has the shape (filters,
    kernel height, kernel width, channels). The result has ``ceil(size / stride)`` rows and columns
    with padding "same", which adds zeros around the image, more of them below and right where
    their number is odd, and ``(size - kernel) // stride + 1`` with "valid".

    Parameters
    ----------
    filters : int
        Channels of the result.
    kernel_size : int or (int, int)
        Rows and columns of the window.
    stride : int or (int, int), default 1
        How far the window moves from one row, and column, of the result to the next.
    padding : {"valid", "same"}, default "valid"
    activation : str or activation layer, optional
        f, as for `Dense`; ``PReLU("channel")`` has one alpha for each filter.
    weight_init : str or Initializer, default "glorot_uniform"
    bias_init : str, float or Initializer, default "zeros"
    use_bias : bool, default True
    name, trainable
        As for every `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument has another type or value.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-Based Learning Applied to
       Document Recognition", Proceedings of the IEEE 86 (1998), 2278-2324.
    """

    filters: int = checked(size)
    kernel_size: int | Sequence[int] = checked(size_pair)
    stride: int | Sequence[int] = checked(size_pair, default=1)
    padding: str = checked(choice, default="valid", options=PADDINGS)
    activation: str | Layer | None = checked(activation, default=None)

    @property
    def fused_activation(self) -> Layer | None:
        """The activation f."""
        return None if self.activation is None else get_activation(self.activation)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description: the products, then the activation if there is one."""
        products = {
            "type": "conv2d",
            "units": self.filters,
            "window": self.kernel_size,
            "strides": self.stride,
            "same": self.padding == "same",
        }
        return self._with_activation(products)
