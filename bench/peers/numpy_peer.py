"""Optimized NumPy: no allocation in a step, in-place operations, one vector of parameters.

This is not the tests' reference implementation, which follows the equations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..cases.kernels import KernelCase
from ..cases.networks import Array
from ..cases.predictions import PredictCase
from ..cases.steps import StepCase
from . import Kernel, Peer, Training, refuse_bfloat16
from .kernels_numpy import kernel
from .numpy_layers import make_layers

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class NumPy(Peer):
    """Whole steps, with the matrix products in NumPy's BLAS."""

    def versions(self) -> dict[str, str]:
        """Return the versions of NumPy and its BLAS."""
        config: Any = np.show_config(mode="dicts")
        blas = config["Build Dependencies"]["blas"]
        return {"numpy": np.__version__, "blas": f"{blas['name']} {blas['version']}"}

    def training(self, case: StepCase) -> Training:
        """Allocate all memory of a step."""
        refuse_bfloat16(case.network)
        return NumPyTraining(case)

    def prediction(self, case: PredictCase) -> Callable[[], Array]:
        """Return a forward pass into preallocated memory."""
        refuse_bfloat16(case.network)
        X = case.data()
        layers = make_layers(case.network.without_dropout(), case.rows, case.network.parameters())

        def predict() -> Array:
            a = X
            for layer in layers:
                a = layer.forward(a)
            return a

        return predict

    def kernel(self, case: KernelCase) -> Kernel:
        """Return the NumPy version of the kernel."""
        return kernel(case)


class NumPyTraining:
    """Forward, backward, update; parameters, gradients and moments are one vector each."""

    def __init__(self, case: StepCase) -> None:
        self.case = case
        self.X, self.y = case.data()
        first = case.network.parameters()
        self.flat = np.concatenate([p.ravel() for p in first])
        self.gradient = np.empty_like(self.flat)
        self.views = views_of(self.flat, first)
        self.gradients = views_of(self.gradient, first)
        self.layers = make_layers(case.network, case.batch, self.views)
        self.delta = np.empty((case.batch, case.network.outputs), self.flat.dtype)
        self.rows = np.arange(case.batch)
        self.step = 0
        self.random = np.random.default_rng(0)
        self.x = np.empty((case.batch, *case.network.input_shape), self.flat.dtype)
        self.scale = self.flat.dtype.type(1 / 255)
        if case.optimizer == "adam":
            self.first_moment, self.second_moment = np.zeros((2, self.flat.size), self.flat.dtype)
            self.work = np.empty_like(self.flat)

    def parameters(self) -> list[Array]:
        """Return copies."""
        return [view.copy() for view in self.views]

    def train(self, passes: int) -> None:
        """Use the batches in the order of the data, or gather them in a shuffled order."""
        batch = self.case.batch
        for _ in range(passes):
            order = self.random.permutation(self.case.rows) if self.case.shuffle else None
            for begin in range(0, self.case.rows, batch):
                rows = slice(begin, begin + batch)
                if order is None:
                    self._step(self._scaled(self.X[rows]), self.y[rows])
                else:
                    numbers = order[rows]
                    np.take(self.X, numbers, axis=0, out=self.x, mode="clip")
                    self._step(self.x, self.y[numbers])

    def _scaled(self, x: Array) -> Array:
        if self.case.input_dtype is None:
            return x
        np.multiply(x, self.scale, out=self.x, dtype=self.x.dtype)
        return self.x

    def _step(self, x: Array, y: Array) -> None:
        for layer in self.layers:
            x = layer.forward(x)
        grad = self._loss_gradient(x, y)
        end = len(self.gradients)
        for layer in reversed(self.layers):
            begin = end - layer.count
            grad = layer.backward(grad, self.gradients[begin:end], first=begin == 0)
            end = begin
        if self.case.optimizer == "adam":
            self._adam()
        else:
            self.gradient *= self.case.learning_rate
            self.flat -= self.gradient

    def _loss_gradient(self, outputs: Array, y: Array) -> Array:
        """Write the gradient over the outputs, which are no longer needed, or next to them."""
        if self.case.loss == "softmax_cross_entropy":
            outputs -= outputs.max(1, keepdims=True)
            np.exp(outputs, out=outputs)
            outputs /= outputs.sum(1, keepdims=True)
            outputs[self.rows, y] -= 1
            outputs *= 1 / self.case.batch
            return outputs
        grad = np.subtract(outputs, y, out=self.delta)
        if self.case.loss == "batch_mean_squared_error":
            grad *= 2 / self.case.batch
        return grad

    def _adam(self) -> None:
        self.step += 1
        g, m, v, work = self.gradient, self.first_moment, self.second_moment, self.work
        m *= BETA_1
        m += np.multiply(g, 1 - BETA_1, out=work)
        v *= BETA_2
        np.square(g, out=g)
        g *= 1 - BETA_2
        v += g
        np.sqrt(v, out=g)
        g *= 1 / np.sqrt(1 - BETA_2**self.step)
        g += EPSILON
        np.divide(m, g, out=g)
        g *= self.case.learning_rate / (1 - BETA_1**self.step)
        self.flat -= g


def views_of(flat: Array, like: list[Array]) -> list[Array]:
    """Return views of `flat` with the shapes of `like`, one after another."""
    ends = np.cumsum([p.size for p in like])
    return [flat[end - p.size : end].reshape(p.shape) for p, end in zip(like, ends, strict=True)]
