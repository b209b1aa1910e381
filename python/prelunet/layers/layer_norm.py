"""LayerNorm: layer normalization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from typing import Any

from .._description import checked
from .._validation import boolean, real
from ..initializers import Initializer
from ..initializers import get as get_initializer
from .activation import checked_initializer
from .base import Layer, Shape


def _last_axes(owner: str, name: str, value: int | Sequence[int]) -> tuple[int, ...]:
    """Return the axes in order; they must be the last ones, counted from the end."""
    expected = f"{owner}: {name} must be -1 or the last axes, such as (-2, -1), got {value!r}"
    given = value if isinstance(value, (tuple, list)) else (value,)
    try:
        axes = sorted(axis.__index__() for axis in given)  # NumPy's integers too
    except (AttributeError, TypeError):
        raise TypeError(expected) from None
    if not axes or axes != list(range(-len(axes), 0)) or any(axis is True for axis in given):
        raise ValueError(expected)
    return tuple(axes)


class LayerNorm(Layer):
    """Layer normalization, ``y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`` [1]_.

    Mean and biased variance are those of the normalized axes, for each sample and each index of its
    other axes. The variance is the mean square of ``x - mean``. Both are summed in float64.
    Training and prediction compute the same.

    Parameters
    ----------
    axes : int or tuple of int, default -1
        The normalized axes: the last ones of a sample, counted from the end. ``(-3, -2, -1)``
        normalizes a whole image.
    epsilon : float, default 1e-3
        PyTorch's default is 1e-5.
    center : bool, default True
        Whether there is a learned beta, of the shape of the normalized axes.
    scale : bool, default True
        Whether there is a learned gamma, of the same shape.
    gamma_init : float, str or Initializer, default 1.0
    beta_init : float, str or Initializer, default "zeros"
    name, trainable
        As for every `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument has another type or value.

    References
    ----------
    .. [1] J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer Normalization", 2016, arXiv:1607.06450.
    """

    axes: int | Sequence[int] = checked(_last_axes, default=-1)
    epsilon: float = checked(real, default=1e-3, exclusive_minimum=0.0)
    _: KW_ONLY
    center: bool = checked(boolean, default=True)
    scale: bool = checked(boolean, default=True)
    gamma_init: float | str | Initializer = checked(checked_initializer, default=1.0)
    beta_init: float | str | Initializer = checked(checked_initializer, default="zeros")

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description."""
        return [
            {
                "type": "layer_norm",
                "axes": len(_last_axes("LayerNorm", "axes", self.axes)),
                "epsilon": self.epsilon,
                "center": self.center,
                "scale": self.scale,
                "trainable": self.trainable,
            }
        ]

    def initializers(self) -> Mapping[str, Initializer]:
        """Return the initializers of gamma and beta."""
        return {"gamma": get_initializer(self.gamma_init), "beta": get_initializer(self.beta_init)}

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return the shapes of gamma and beta, and that of the output."""
        axes = sample[-self.specifications()[0]["axes"] :]
        held = {"gamma": self.scale, "beta": self.center}
        return {name: axes for name, has in held.items() if has}, sample
