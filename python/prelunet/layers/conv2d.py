"""Conv2D: every filter sees a window of the image at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._validation import choice, size, size_pair
from ..initializers import Initializer
from .base import Layer
from .weighted import Weighted

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
        If an argument is not what is said above.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-Based Learning Applied to
       Document Recognition", Proceedings of the IEEE 86 (1998), 2278-2324.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: str = "valid",
        activation: str | Layer | None = None,
        *,
        weight_init: str | float | Initializer = "glorot_uniform",
        bias_init: str | float | Initializer = "zeros",
        use_bias: bool = True,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        self.filters = size("Conv2D", "filters", filters)
        self.kernel_size = size_pair("Conv2D", "kernel_size", kernel_size)
        self.stride = size_pair("Conv2D", "stride", stride)
        self.padding = choice("Conv2D", "padding", padding, PADDINGS)
        super().__init__(
            activation=activation,
            weight_init=weight_init,
            bias_init=bias_init,
            use_bias=use_bias,
            name=name,
            trainable=trainable,
        )

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
