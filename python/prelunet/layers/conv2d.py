"""Conv2D: every filter sees a window of the image at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._validation import boolean, choice, size, size_pair
from ..initializers import Initializer
from ..initializers import get as get_initializer
from .activation import get as get_activation
from .base import Layer, frozen

PADDINGS = ("valid", "same")


class Conv2D(Layer):
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
        super().__init__(name=name, trainable=trainable)
        self.filters = size("Conv2D", "filters", filters)
        self.kernel_size = size_pair("Conv2D", "kernel_size", kernel_size)
        self.stride = size_pair("Conv2D", "stride", stride)
        self.padding = choice("Conv2D", "padding", padding, PADDINGS)
        self.activation = None if activation is None else get_activation(activation)
        self.weight_init = get_initializer(weight_init, owner="Conv2D", name="weight_init")
        self.bias_init = get_initializer(bias_init, owner="Conv2D", name="bias_init")
        self.use_bias = boolean("Conv2D", "use_bias", use_bias)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description: the products, then the activation if there is one."""
        convolution = {
            "type": "conv2d",
            "units": self.filters,
            "window": self.kernel_size,
            "strides": self.stride,
            "same": self.padding == "same",
            "use_bias": self.use_bias,
            "trainable": self.trainable,
        }
        if self.activation is None:
            return [convolution]
        rest = self.activation.specifications()
        return [convolution, *(rest if self.trainable else frozen(rest))]

    def initializers(self) -> Mapping[str, Initializer]:
        """Return where weight, bias and the activation's alpha start."""
        inner = {} if self.activation is None else self.activation.initializers()
        return {"weight": self.weight_init, "bias": self.bias_init, **inner}
