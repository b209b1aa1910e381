"""The matrix products of a step and nothing else, in the BLAS that NumPy was built with.

No step on this BLAS can undercut them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from ..cases.networks import Array, Network
from ..cases.predictions import PredictCase
from ..cases.steps import StepCase
from . import Training, UnsupportedError
from .numpy_peer import NumPy


class Products(NumPy):
    """The products of a case."""

    def stand_in(self, case: StepCase | PredictCase) -> str:
        """Say what this is not."""
        return "matrix products alone"

    def training(self, case: StepCase) -> Training:
        """Take memory for the products."""
        if case.input_dtype is not None or case.shuffle:
            raise UnsupportedError("measured for prelunet alone")
        return ProductsTraining(case)

    def prediction(self, case: PredictCase) -> Callable[[], Array]:
        """Return the products of a forward pass."""
        X, weights = case.data(), weights_of(case.network)
        outputs = [np.empty((case.rows, w.shape[0]), w.dtype) for w in weights]

        def predict() -> Array:
            x = X
            for weight, out in zip(weights, outputs, strict=True):
                x = np.matmul(x, weight.T, out=out)
            return x

        return predict


def weights_of(network: Network) -> list[Array]:
    """Return the matrices among the parameters."""
    return [p for p in network.parameters() if p.ndim == 2]


class ProductsTraining:
    """Forward, weight gradient and input gradient of each layer, from and into fixed arrays."""

    def __init__(self, case: StepCase) -> None:
        self.case = case
        self.X, _ = case.data()
        self.weights = weights_of(case.network)
        self.gradients = [np.empty_like(w) for w in self.weights]
        dtype = case.network.dtype
        widths = case.network.widths
        self.values = [np.ones((case.batch, width), dtype) for width in widths[1:]]
        self.deltas = [np.full((case.batch, width), 1e-6, dtype) for width in widths[1:]]
        self.pairs = list(pairwise(range(len(self.weights))))

    def parameters(self) -> list[Array]:
        """Return nothing: nothing is trained."""
        return []

    def train(self, passes: int) -> None:
        """Multiply."""
        batch = self.case.batch
        for _ in range(passes):
            for begin in range(0, self.case.rows, batch):
                self._step(self.X[begin : begin + batch])

    def _step(self, x: Array) -> None:
        weights, gradients = self.weights, self.gradients
        values, deltas = self.values, self.deltas
        np.matmul(x, weights[0].T, out=values[0])
        for i, j in self.pairs:
            np.matmul(values[i], weights[j].T, out=values[j])
        for i, j in reversed(self.pairs):
            np.matmul(deltas[j].T, values[i], out=gradients[j])
            np.matmul(deltas[j], weights[j], out=deltas[i])
        np.matmul(deltas[0].T, x, out=gradients[0])
