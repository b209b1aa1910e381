"""A network and its data, in words that every peer understands."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SEED = 0


@dataclass(frozen=True)
class LayerSpec:
    """A dense layer and its activation: ``y = f(x W^T + b)``, or ``y = x + h f(x W^T + b)``.

    Parameters
    ----------
    units : int
    activation : {"prelu_channel", "prelu_shared", "relu", "sigmoid", "tanh"} or None
    residual : float, default 0.0
        h; 0 where the layer is not a residual one.
    """

    units: int
    activation: str | None = None
    residual: float = 0.0


@dataclass(frozen=True)
class Network:
    """Features in, layers one after another.

    Parameters
    ----------
    features : int
    layers : tuple of LayerSpec
    dtype : {"float32", "float64"}
    """

    features: int
    layers: tuple[LayerSpec, ...]
    dtype: str = "float32"

    @property
    def widths(self) -> tuple[int, ...]:
        """Features, then the units of each layer."""
        return (self.features, *(layer.units for layer in self.layers))

    @property
    def outputs(self) -> int:
        """The units of the last layer."""
        return self.widths[-1]

    def forward_flops(self, rows: int) -> float:
        """Return the operations of the matrix products that rows go through."""
        return 2.0 * rows * sum(a * b for a, b in pairwise(self.widths))

    def step_flops(self, rows: int) -> float:
        """Return the same for a training step: forward, and back to weights and to inputs.

        Nobody needs the gradient of the data, so the first layer has two products and not three.
        """
        return 3.0 * self.forward_flops(rows) - 2.0 * rows * self.widths[0] * self.widths[1]

    def parameters(self) -> list[Array]:
        """Draw weight (units, features), bias and, for PReLU, alpha of each layer in turn.

        Weights have the variance that keeps activations in bounds (He et al. 2015); in a residual
        layer, whose input goes on beside them, they count once over all such layers.
        """
        rng = np.random.default_rng(SEED)
        found: list[Array] = []
        for layer, (features, units) in zip(self.layers, pairwise(self.widths), strict=True):
            variance = (2.0 if layer.activation in RECTIFIERS else 1.0) / features
            found.append(rng.normal(0.0, np.sqrt(variance), (units, features)))
            found.append(rng.normal(0.0, 0.1, units))
            if layer.activation == "prelu_channel":
                found.append(np.full(units, 0.25))
            elif layer.activation == "prelu_shared":
                found.append(np.full(1, 0.25))
        # Through float32, so that networks of both dtypes start from the same numbers.
        return [p.astype(np.float32).astype(self.dtype) for p in found]

    def inputs(self, rows: int, dtype: str | None = None) -> Array:
        """Draw rows: numbers of [0, 1), or bytes for "uint8"."""
        rng = np.random.default_rng(SEED + 1)
        if dtype == "uint8":
            return rng.integers(256, size=(rows, self.features), dtype=np.uint8)
        drawn = rng.random((rows, self.features), dtype=np.float32)
        return drawn.astype(self.dtype, copy=False)


RECTIFIERS = ("prelu_channel", "prelu_shared", "relu")


def dense(*units: int, activation: str, output: str | None = None) -> tuple[LayerSpec, ...]:
    """Return hidden layers with one activation, and the last with its own."""
    hidden = (LayerSpec(count, activation) for count in units[:-1])
    return (*hidden, LayerSpec(units[-1], output))
