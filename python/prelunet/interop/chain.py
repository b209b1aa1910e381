"""Layers of another library one after another, as they become a model of prelunet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..layers import Conv2D, Dense, Flatten, Layer, MaxPool2D, PReLU, Rescaling, Residual
from ..model import Sequential
from .windows import Pair, output_size, padding_name

Array = npt.NDArray[Any]


class Chain:
    """Layers, the values of their parameters, and the shape that the last of them gives.

    Where the other library has images as (channels, height, width), Flatten gives it the features
    in another order than here. A chain remembers that, and turns what is learned for each feature.

    Parameters
    ----------
    operation : str
        Who asks, for messages.
    shape : tuple of int
        Of one sample, as prelunet has it: images are (height, width, channels).

    Attributes
    ----------
    shape : tuple of int
        Of one sample of what the last layer gives.
    """

    def __init__(self, operation: str, shape: tuple[int, ...]) -> None:
        self.operation, self.shape = operation, shape
        self._input_shape = shape
        self._turned: tuple[int, int, int] | None = None  # (height, width, channels) of features
        self._layers: list[Layer] = []
        self._values: list[dict[str, Array]] = []

    def fault(self, where: str, message: str) -> ValueError:
        """Return the error that a part of the other model cannot be taken over."""
        return ValueError(f"{self.operation}: {where}: {message}")

    def add(self, layer: Layer, **values: Array | None) -> None:
        """Add a layer that gives the shape it takes, with the values of its parameters."""
        self._layers.append(layer)
        self._values.append({name: v for name, v in values.items() if v is not None})

    def dense(
        self, where: str, weight: Array, bias: Array | None, *, trainable: bool = True
    ) -> None:
        """Add a Dense layer: weight (units, features), bias (units,)."""
        units, features = weight.shape
        if self.shape != (features,):
            raise self.fault(where, f"input must have shape ({features},), got {self.shape}")
        layer = Dense(units, use_bias=bias is not None, trainable=trainable)
        self.add(layer, weight=self._in_our_order(weight), bias=bias)
        self.shape, self._turned = (units,), None

    def conv2d(
        self,
        where: str,
        weight: Array,
        bias: Array | None,
        *,
        stride: Pair,
        padding: str | Sequence[Pair],
        trainable: bool = True,
    ) -> None:
        """Add a Conv2D layer: weight (filters, height, width, channels).

        `padding` is what is added before and after each axis, or a name.
        """
        filters, *size, channels = weight.shape
        if len(self.shape) != 3 or self.shape[2] != channels:
            expected = f"(height, width, {channels})"
            raise self.fault(where, f"input must have shape {expected}, got {self.shape}")
        name = self._padding(where, size, stride, padding)
        layer = Conv2D(filters, size, stride, name, use_bias=bias is not None, trainable=trainable)
        self.add(layer, weight=weight, bias=bias)
        self._walk(size, stride, name, filters)

    def max_pool2d(
        self, where: str, *, size: Pair, stride: Pair, padding: str | Sequence[Pair]
    ) -> None:
        """Add a MaxPool2D layer; `padding` as for `conv2d`."""
        if len(self.shape) != 3:
            raise self.fault(where, f"input must be an image, got shape {self.shape}")
        name = self._padding(where, size, stride, padding)
        self.add(MaxPool2D(size, stride, name))
        self._walk(size, stride, name, self.shape[2])

    def prelu(self, where: str, alpha: Array, *, trainable: bool = True) -> None:
        """Add a PReLU: alpha (1,) for all, or (channels,)."""
        if alpha.shape == (1,):
            self.add(PReLU("shared", trainable=trainable), alpha=alpha)
        elif alpha.shape == self.shape[-1:]:
            self.add(PReLU("channel", trainable=trainable), alpha=self._in_our_order(alpha))
        else:
            expected = f"one slope, or one for each of {self.shape[-1]} channels"
            raise self.fault(where, f"must have {expected}, got shape {alpha.shape}")

    def rescale(self, scale: float, offset: float) -> None:
        """Add a Rescaling layer; a factor before an offset makes one with it."""
        last = self._layers[-1] if self._layers else None
        if scale == 1.0 and isinstance(last, Rescaling) and last.offset == 0.0:
            self._layers[-1] = Rescaling(last.scale, offset)
        else:
            self.add(Rescaling(scale, offset))

    def flatten(self, *, channels_first: bool) -> None:
        """Add a Flatten layer, unless samples are flat already."""
        if len(self.shape) == 1:
            return
        self.add(Flatten())
        if channels_first and len(self.shape) == 3:
            height, width, channels = self.shape
            if min(height * width, channels) > 1:  # else any order is the same
                self._turned = (height, width, channels)
        self.shape = (math.prod(self.shape),)

    def branch(self) -> Chain:
        """Return an empty chain that takes what this one gives."""
        inner = Chain(self.operation, self.shape)
        inner._turned = self._turned
        return inner

    def residual(self, where: str, inner: Chain, step: float) -> None:
        """Add ``x + step * inner(x)``, `inner` being what `branch` returned, filled."""
        if inner.shape != self.shape:
            message = f"what is added must have shape {self.shape}, got {inner.shape}"
            raise self.fault(where, message)
        if inner._turned != self._turned:
            raise self.fault(where, "adds to features of an image, which have another order here")
        self.add(Residual(inner._layers, step), **inner._parameters())

    def model(self, dtype: str, *, softmax: bool = False) -> Sequential:
        """Return the model; with softmax, compiled so that `predict_proba` gives it."""
        if self._turned is not None:
            raise self.fault(
                "the outputs", "an image is flattened and no layer with weights follows"
            )
        made = Sequential(self._layers, input_shape=self._input_shape, dtype=dtype, seed=0)
        made.set_parameters(self._parameters())
        if softmax:
            made.compile(loss="softmax_cross_entropy", metrics=["accuracy"])
        return made

    # ---- inside --------------------------------------------------------------------------------

    def _parameters(self) -> dict[str, Array]:
        named = enumerate(self._values)
        return {f"{place}.{name}": v for place, values in named for name, v in values.items()}

    def _in_our_order(self, values: Array) -> Array:
        """Return what is learned for each feature, on the last axis, with features in our order."""
        if self._turned is None:
            return values
        height, width, channels = self._turned
        pixels = values.reshape(-1, channels, height * width)
        return np.ascontiguousarray(pixels.swapaxes(1, 2)).reshape(values.shape)

    def _padding(
        self, where: str, size: Sequence[int], stride: Pair, padding: str | Sequence[Pair]
    ) -> str:
        if isinstance(padding, str):
            return padding
        name = padding_name(self.shape[:2], size, stride, padding)
        if name is None:
            raise self.fault(
                where,
                f"padding must be none, or what 'same' adds around an image {self.shape[:2]}, got "
                f"{tuple(padding)} before and after rows and columns",
            )
        return name

    def _walk(self, size: Sequence[int], stride: Pair, padding: str, channels: int) -> None:
        height, width = (
            output_size(*axis, padding) for axis in zip(self.shape[:2], size, stride, strict=True)
        )
        self.shape = (height, width, channels)
