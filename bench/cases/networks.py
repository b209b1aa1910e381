"""A library-independent description of a network and its data."""

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
MIXED = "mixed_bfloat16"  # float32, with products of bfloat16 operands where the library has them
POOL = 2  # rows and columns of pooling windows
RECTIFIERS = ("prelu_channel", "prelu_shared", "relu")


@dataclass(frozen=True)
class LayerSpec:
    """A dense layer and its activation: ``y = f(x W^T + b)``, or ``y = x + h f(x W^T + b)``."""

    units: int
    activation: str | None = None  # one of RECTIFIERS, "sigmoid" or "tanh"
    residual: float = 0.0  # h; 0 for a layer that is not residual
    dropout: float = 0.0  # fraction of outputs set to 0 in training; the others are scaled up

    def weight_shape(self, shape: Shape) -> Shape:
        """Return the shape of W for an input shape; images are flattened."""
        return (self.units, math.prod(shape))

    def output_shape(self, shape: Shape) -> Shape:
        """Return the output shape for an input shape."""
        return (self.units,)

    def places(self, shape: Shape) -> int:
        """Return how many times W is applied per row."""
        return 1

    @property
    def fan_out(self) -> int:
        """The number of sums that use an input."""
        return self.units

    @property
    def choices(self) -> int:
        """The number of comparisons that decide the path of an output's gradient."""
        return int(self.activation in RECTIFIERS)


@dataclass(frozen=True)
class ConvSpec(LayerSpec):
    """A size-preserving convolution of `units` filters, its activation, then 2x2 max-pooling."""

    kernel: int = 5  # rows and columns of a filter; must be odd

    def weight_shape(self, shape: Shape) -> Shape:
        """Return (filters, kernel height, kernel width, channels)."""
        return (self.units, self.kernel, self.kernel, shape[-1])

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, filters) after pooling."""
        return (shape[0] // POOL, shape[1] // POOL, self.units)

    def places(self, shape: Shape) -> int:
        """Return the number of windows of an image."""
        return shape[0] * shape[1]

    @property
    def fan_out(self) -> int:
        """The number of sums that use an input: the windows containing it, times filters."""
        return self.units * self.kernel**2

    @property
    def choices(self) -> int:
        """Comparisons within a pooling window, then the activation's."""
        return POOL**2 - 1 + super().choices


@dataclass(frozen=True)
class Network:
    """A sequence of layers."""

    input_shape: Shape  # of a row: (features,), or (height, width, channels) for images
    layers: tuple[LayerSpec, ...]
    dtype: str = "float32"  # or "float64" or MIXED

    @property
    def variable_dtype(self) -> str:
        """The dtype of parameters and data."""
        return "float32" if self.dtype == MIXED else self.dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype of the operands of matrix products."""
        return "bfloat16" if self.dtype == MIXED else self.dtype

    @property
    def shapes(self) -> list[Shape]:
        """The shape of a row before the first layer and after each layer."""
        steps = accumulate(
            self.layers, lambda shape, layer: layer.output_shape(shape), initial=self.input_shape
        )
        return list(steps)

    @property
    def outputs(self) -> int:
        """Number of units of the last layer."""
        return self.layers[-1].units

    def products(self, rows: int) -> list[tuple[int, int, int]]:
        """Return m, n, k of each layer's product: rows times positions, units, terms of a sum."""
        return [
            (rows * layer.places(shape), layer.units, math.prod(layer.weight_shape(shape)[1:]))
            for layer, shape in zip(self.layers, self.shapes[:-1], strict=True)
        ]

    def forward_flops(self, rows: int) -> float:
        """Return the operations of all matrix products of a forward pass."""
        return 2.0 * sum(m * n * k for m, n, k in self.products(rows))

    def step_flops(self, rows: int) -> float:
        """Return the operations of a training step: forward, weight gradients, input gradients.

        The first layer has two products instead of three: nothing needs the gradient of the data.
        """
        return 3.0 * self.forward_flops(rows) - 2.0 * math.prod(self.products(rows)[0])

    def without_dropout(self) -> Network:
        """Return the network without dropout, for prediction."""
        return replace(self, layers=tuple(replace(layer, dropout=0.0) for layer in self.layers))

    def parameters(self) -> list[Array]:
        """Generate weight, bias and, for PReLU, alpha of each layer in turn.

        Weights have the variance that keeps activations bounded (He et al. 2015).
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
        # Rounded to float32, so that networks of both dtypes start from the same numbers.
        return [p.astype(np.float32).astype(self.variable_dtype) for p in found]

    def inputs(self, rows: int, dtype: str | None = None) -> Array:
        """Generate rows: numbers in [0, 1), or bytes for "uint8"."""
        rng = np.random.default_rng(SEED + 1)
        shape = (rows, *self.input_shape)
        if dtype == "uint8":
            return rng.integers(256, size=shape, dtype=np.uint8)
        drawn = rng.random(shape, dtype=np.float32)
        return drawn.astype(self.variable_dtype, copy=False)


def dense(*units: int, activation: str, output: str | None = None) -> tuple[LayerSpec, ...]:
    """Return dense layers with one activation; the last layer has its own."""
    hidden = (LayerSpec(count, activation) for count in units[:-1])
    return (*hidden, LayerSpec(units[-1], output))
