"""A network and its data, in words that every peer understands."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

SEED = 0
POOL = 2  # rows and columns of the windows that are pooled
RECTIFIERS = ("prelu_channel", "prelu_shared", "relu")


@dataclass(frozen=True)
class LayerSpec:
    """A dense layer and its activation: ``y = f(x W^T + b)``, or ``y = x + h f(x W^T + b)``.

    Parameters
    ----------
    units : int
    activation : {"prelu_channel", "prelu_shared", "relu", "sigmoid", "tanh"} or None
    residual : float, default 0.0
        h; 0 where the layer is not a residual one.
    dropout : float, default 0.0
        The share of the outputs that a training step sets to 0, the others being scaled up.
    """

    units: int
    activation: str | None = None
    residual: float = 0.0
    dropout: float = 0.0

    def weight_shape(self, shape: Shape) -> Shape:
        """Return the shape of W for inputs of that shape; what is no vector is flattened."""
        return (self.units, math.prod(shape))

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of what a row becomes."""
        return (self.units,)

    def places(self, shape: Shape) -> int:
        """Return how often W is applied to a row."""
        return 1

    @property
    def fan_out(self) -> int:
        """How many sums an input enters."""
        return self.units

    @property
    def choices(self) -> int:
        """How many comparisons decide where the gradient of an output goes."""
        return int(self.activation in RECTIFIERS)


@dataclass(frozen=True)
class ConvSpec(LayerSpec):
    """A convolution that keeps the image's size, its activation, then 2x2 max-pooling.

    Parameters
    ----------
    units : int
        Filters.
    activation
        As for `LayerSpec`.
    kernel : int, default 5
        Rows and columns of a filter, an odd number.
    """

    kernel: int = 5

    def weight_shape(self, shape: Shape) -> Shape:
        """Return (filters, kernel height, kernel width, channels)."""
        return (self.units, self.kernel, self.kernel, shape[-1])

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, filters) after pooling."""
        return (shape[0] // POOL, shape[1] // POOL, self.units)

    def places(self, shape: Shape) -> int:
        """Return the windows of an image."""
        return shape[0] * shape[1]

    @property
    def fan_out(self) -> int:
        """How many sums an input enters: windows that hold it, times filters."""
        return self.units * self.kernel**2

    @property
    def choices(self) -> int:
        """Which entry of a window is the largest, then its activation's."""
        return POOL**2 - 1 + super().choices


@dataclass(frozen=True)
class Network:
    """Rows in, layers one after another.

    Parameters
    ----------
    input_shape : tuple of int
        Of a row: (features,), or (height, width, channels) of an image.
    layers : tuple of LayerSpec
    dtype : {"float32", "float64"}
    """

    input_shape: Shape
    layers: tuple[LayerSpec, ...]
    dtype: str = "float32"

    @property
    def shapes(self) -> list[Shape]:
        """What a row is before the first layer and after each."""
        steps = accumulate(
            self.layers, lambda shape, layer: layer.output_shape(shape), initial=self.input_shape
        )
        return list(steps)

    @property
    def outputs(self) -> int:
        """The units of the last layer."""
        return self.layers[-1].units

    def products(self, rows: int) -> list[tuple[int, int, int]]:
        """Return m, n and k of each layer's product: rows and places, units, terms of a sum."""
        return [
            (rows * layer.places(shape), layer.units, math.prod(layer.weight_shape(shape)[1:]))
            for layer, shape in zip(self.layers, self.shapes[:-1], strict=True)
        ]

    def forward_flops(self, rows: int) -> float:
        """Return the operations of the matrix products that rows go through."""
        return 2.0 * sum(m * n * k for m, n, k in self.products(rows))

    def step_flops(self, rows: int) -> float:
        """Return the same for a training step: forward, and back to weights and to inputs.

        Nobody needs the gradient of the data, so the first layer has two products and not three.
        """
        return 3.0 * self.forward_flops(rows) - 2.0 * math.prod(self.products(rows)[0])

    def without_dropout(self) -> Network:
        """Return the network as it predicts."""
        return replace(self, layers=tuple(replace(layer, dropout=0.0) for layer in self.layers))

    def parameters(self) -> list[Array]:
        """Draw weight, bias and, for PReLU, alpha of each layer in turn.

        Weights have the variance that keeps activations in bounds (He et al. 2015); in a residual
        layer, whose input goes on beside them, they count once over all such layers.
        """
        rng = np.random.default_rng(SEED)
        found: list[Array] = []
        for layer, shape in zip(self.layers, self.shapes[:-1], strict=True):
            weight = layer.weight_shape(shape)
            gain = 2.0 if layer.activation in RECTIFIERS else 1.0
            found.append(rng.normal(0.0, np.sqrt(gain / math.prod(weight[1:])), weight))
            found.append(rng.normal(0.0, 0.1, layer.units))
            if layer.activation == "prelu_channel":
                found.append(np.full(layer.units, 0.25))
            elif layer.activation == "prelu_shared":
                found.append(np.full(1, 0.25))
        # Through float32, so that networks of both dtypes start from the same numbers.
        return [p.astype(np.float32).astype(self.dtype) for p in found]

    def inputs(self, rows: int, dtype: str | None = None) -> Array:
        """Draw rows: numbers of [0, 1), or bytes for "uint8"."""
        rng = np.random.default_rng(SEED + 1)
        shape = (rows, *self.input_shape)
        if dtype == "uint8":
            return rng.integers(256, size=shape, dtype=np.uint8)
        drawn = rng.random(shape, dtype=np.float32)
        return drawn.astype(self.dtype, copy=False)


def dense(*units: int, activation: str, output: str | None = None) -> tuple[LayerSpec, ...]:
    """Return hidden layers with one activation, and the last with its own."""
    hidden = (LayerSpec(count, activation) for count in units[:-1])
    return (*hidden, LayerSpec(units[-1], output))
