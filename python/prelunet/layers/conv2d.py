"""`Conv2D`, a convolution of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._description import checked
from .._validation import choice, size, size_pair
from .activation import checked_activation
from .base import Layer, Shape
from .weighted import Weighted
from .windows import output_size

PADDINGS = ("valid", "same")


class Conv2D(Weighted):
    """A convolution of images (height, width, channels), ``y = f(x * W + b)`` [1]_.

    As in other frameworks, the operation is a cross-correlation: at row i, column j and filter f,
    ``x * W`` is ``sum_uvd x[i * stride + u, j * stride + v, d] * W[f, u, v, d]``. W has shape
    (filters, kernel height, kernel width, channels). The output has
    ``(size - kernel) // stride + 1`` rows and columns with padding "valid" and
    ``ceil(size / stride)`` with "same". "same" pads the image with zeros; if their number is odd,
    the extra row or column is added at the bottom or right.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or (int, int)
        Height and width of the kernel.
    stride : int or (int, int), default 1
        Step of the kernel along rows and columns.
    padding : {"valid", "same"}, default "valid"
        "valid" adds no padding; "same" pads with zeros.
    activation : str or activation layer, optional
        f, as for `Dense`. ``PReLU("channel")`` has one alpha per filter.
    weight_init : str, float or Initializer, default "glorot_uniform"
        Initializer of W.
    bias_init : str, float or Initializer, default "zeros"
        Initializer of b.
    use_bias : bool, default True
        Whether to add b.
    name, trainable
        As for `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-Based Learning Applied to
       Document Recognition", Proceedings of the IEEE 86 (1998), 2278-2324.
    """

    filters: int = checked(size)
    kernel_size: int | Sequence[int] = checked(size_pair)
    stride: int | Sequence[int] = checked(size_pair, default=1)
    padding: str = checked(choice, default="valid", options=PADDINGS)
    activation: str | Layer | None = checked(checked_activation, default=None)

    def specifications(self) -> list[dict[str, Any]]:
        """Return specifications for the engine: the convolution, then the activation, if any."""
        products = {
            "type": "conv2d",
            "units": self.filters,
            "window": self.kernel_size,
            "strides": self.stride,
            "same": self.padding == "same",
        }
        return self._with_activation(products)

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return the shapes of W, b and alpha, and that of the output."""
        windows = self.specifications()[0]
        axes = zip(sample[:2], windows["window"], windows["strides"], strict=True)
        output = (*(output_size(*axis, self.padding) for axis in axes), self.filters)
        return self._shapes((self.filters, *windows["window"], sample[2]), output)
