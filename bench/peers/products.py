"""The matrix products of a step alone, in NumPy's BLAS.

They are a lower bound for every step that uses this BLAS.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from ..cases.networks import Array, Network, Shape
from ..cases.predictions import PredictCase
from ..cases.steps import StepCase
from . import Training, UnsupportedError, refuse_bfloat16
from .numpy_peer import NumPy


class Products(NumPy):
    """The matrix products of a case."""

    def stand_in(self, case: StepCase | PredictCase) -> str:
        """Return what the products leave out."""
        return "matrix products alone"

    def training(self, case: StepCase) -> Training:
        """Allocate memory for the products."""
        if case.input_dtype is not None or case.shuffle:
            raise UnsupportedError("measured for prelunet alone")
        refuse_bfloat16(case.network)
        return ProductsTraining(case)

    def prediction(self, case: PredictCase) -> Callable[[], Array]:
        """Return the products of a forward pass."""
        refuse_bfloat16(case.network)
        X, weights = case.data(), weights_of(case.network)
        outputs = [np.empty((case.rows, w.shape[0]), w.dtype) for w in weights]

        def predict() -> Array:
            x = X
            for weight, out in zip(weights, outputs, strict=True):
                x = np.matmul(x, weight.T, out=out)
            return x

        return predict


def weights_of(network: Network) -> list[Array]:
    """Return the weights as matrices, (units, terms of a sum)."""
    return [p.reshape(len(p), -1) for p in network.parameters() if p.ndim > 1]


class ProductsTraining:
    """Forward, weight-gradient and input-gradient products of each layer, in fixed arrays."""

    def __init__(self, case: StepCase) -> None:
        self.weights = weights_of(case.network)
        self.gradients = [np.empty_like(w) for w in self.weights]
        dtype = case.network.dtype
        (m, _, k), *rest = shapes = case.network.products(case.batch)
        self.values = [np.ones((m, n), dtype) for m, n, _ in shapes]
        self.deltas = [np.full((m, n), 1e-6, dtype) for m, n, _ in shapes]
        # A layer reads and returns the arrays of the previous layer, unless windows are copied or
        # pooled in between.
        matrices = [(m, k) for m, _, k in rest]
        self.inputs = [fitting(v, s) for v, s in zip(self.values[:-1], matrices, strict=True)]
        self.passed = [fitting(d, s) for d, s in zip(self.deltas[:-1], matrices, strict=True)]
        X = np.split(case.data()[0], case.steps)
        self.batches = X if X[0].shape == (m, k) else [np.ones((m, k), dtype)] * case.steps
        self.pairs = list(pairwise(range(len(self.weights))))

    def parameters(self) -> list[Array]:
        """Return nothing: there are no parameters."""
        return []

    def train(self, passes: int) -> None:
        """Compute the products."""
        for _ in range(passes):
            for x in self.batches:
                self._step(x)

    def _step(self, x: Array) -> None:
        weights, gradients = self.weights, self.gradients
        values, deltas = self.values, self.deltas
        np.matmul(x, weights[0].T, out=values[0])
        for i, j in self.pairs:
            np.matmul(self.inputs[i], weights[j].T, out=values[j])
        for i, j in reversed(self.pairs):
            np.matmul(deltas[j].T, self.inputs[i], out=gradients[j])
            np.matmul(deltas[j], weights[j], out=self.passed[i])
        np.matmul(deltas[0].T, x, out=gradients[0])


def fitting(array: Array, shape: Shape) -> Array:
    """Return the array if it has that shape, else a constant array of that shape."""
    return array if array.shape == shape else np.full(shape, array.flat[0])
