"""Layers in NumPy, with preallocated memory.

Among equivalent NumPy expressions the fastest one was chosen by measurement: a row of zeros instead
of the number 0 (11 us against 25 us for 128 x 400), arithmetic with masks instead of ``where`` (25
us against 240 us), ``ones @ x`` instead of ``x.sum(0)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..cases.networks import POOL, SEED, Array, ConvSpec, LayerSpec, Network, Shape
from .numpy_images import Convolution, max_pool2d_backward, max_pool2d_forward


class Layer:
    """Parameters and arrays of a layer: z and a are (rows, units)."""

    def __init__(self, spec: LayerSpec, parameters: list[Array], work: Workspace) -> None:
        self.spec = spec
        self.count = len(parameters)
        self.weight, self.bias, *alpha = parameters
        self.alpha = alpha[0] if alpha else np.zeros(1, self.weight.dtype)
        self.z, self.a = work.own(spec.units), work.own(spec.units)
        self.out = work.own(spec.units) if spec.residual else self.a
        self.passed = work.shared("passed", spec.units)
        self.mask = work.shared("mask", spec.units, bool)
        self.work = work.shared("work", spec.units)
        self.ones = work.ones
        self.zeros = np.zeros(spec.units, self.weight.dtype)


class DenseLayer(Layer):
    """``y = f(x W^T + b)`` or ``y = x + h f(x W^T + b)``; all layers share `work`."""

    def __init__(
        self, spec: LayerSpec, number: int, parameters: list[Array], work: Workspace
    ) -> None:
        super().__init__(spec, parameters, work)
        # Two alternating arrays: a layer reads one and writes the other.
        self.grad_x = work.shared(f"gradient {number % 2}", self.weight.shape[1])
        self.step = self.weight.dtype.type(spec.residual)

    def forward(self, x: Array) -> Array:
        """Return the layer's output."""
        self.x = x
        np.matmul(x, self.weight.T, out=self.z)
        self.z += self.bias
        ACTIVATE[self.spec.activation](self)
        if self.spec.residual:
            np.multiply(self.a, self.step, out=self.out)
            self.out += x
        return self.out

    def backward(self, grad: Array, gradients: list[Array], first: bool) -> Array:
        """Write the parameter gradients; return the gradient of x, unless x is the data."""
        grad_weight, grad_bias, *grad_alpha = gradients
        delta = np.multiply(grad, self.step, out=self.passed) if self.spec.residual else grad
        DERIVE[self.spec.activation](self, delta, *grad_alpha)
        np.matmul(delta.T, self.x, out=grad_weight)
        np.matmul(self.ones, delta, out=grad_bias)
        if first:
            return grad
        np.matmul(delta, self.weight, out=self.grad_x)
        if self.spec.residual:
            self.grad_x += grad
        return self.grad_x


class ConvLayer(Layer):
    """A convolution, max-pooling and an activation.

    Activations are monotonic, so pooling may precede bias and activation, which then process a
    quarter of the elements.
    """

    def __init__(self, spec: ConvSpec, shape: Shape, parameters: list[Array], rows: int) -> None:
        height, width, _ = shape
        dtype = parameters[0].dtype
        pooled = (rows, height // POOL, width // POOL, spec.units)
        super().__init__(spec, parameters, Workspace(math.prod(pooled[:3]), dtype))
        self.convolution = Convolution((rows, *shape), self.weight.shape, dtype)
        self.sums = np.empty((rows, height, width, spec.units), dtype)
        self.grad_sums = np.empty_like(self.sums)
        self.pooled = np.empty(pooled, dtype)

    def forward(self, x: Array) -> Array:
        """Return the layer's output, one image per row."""
        units = self.spec.units
        self.convolution.gather(x)
        self.convolution.forward(self.weight, self.sums.reshape(-1, units))
        max_pool2d_forward(self.sums, self.pooled)
        np.add(self.pooled.reshape(-1, units), self.bias, out=self.z)
        ACTIVATE[self.spec.activation](self)
        return self.a.reshape(len(self.pooled), -1)

    def backward(self, grad: Array, gradients: list[Array], first: bool) -> Array:
        """Write the parameter gradients; return the gradient of x, unless x is the data."""
        grad_weight, grad_bias, *grad_alpha = gradients
        delta = self.passed.reshape(self.pooled.shape)
        delta[...] = grad.reshape(delta.shape)
        DERIVE[self.spec.activation](self, self.passed, *grad_alpha)
        np.matmul(self.ones, self.passed, out=grad_bias)
        mask = self.mask.reshape(delta.shape)
        max_pool2d_backward(delta, self.sums, self.pooled, self.grad_sums, mask)
        grad_sums = self.grad_sums.reshape(-1, self.spec.units)
        self.convolution.grad_weight(grad_sums, grad_weight)
        return grad if first else self.convolution.grad_x(grad_sums, self.weight)


class DropoutLayer:
    """Sets a fraction of x to 0 and scales up the rest."""

    count = 0

    def __init__(self, rate: float, shape: Shape, dtype: Any) -> None:
        self.random = np.random.default_rng(SEED)
        self.rate = rate
        self.scale = dtype.type(1 / (1 - rate))
        self.kept, self.out = np.empty((2, *shape), dtype)
        self.mask = np.empty(shape, bool)

    def forward(self, x: Array) -> Array:
        """Draw a mask; return x masked and scaled up."""
        self.random.random(out=self.kept, dtype=self.kept.dtype)
        np.greater_equal(self.kept, self.rate, out=self.mask)
        np.multiply(self.mask, self.scale, out=self.kept)
        out: Array = np.multiply(x, self.kept, out=self.out)
        return out

    def backward(self, grad: Array, gradients: list[Array], first: bool) -> Array:
        """Return the gradient of x, written over the gradient of the output."""
        grad *= self.kept
        return grad


def _prelu(layer: Layer) -> None:
    negative = np.minimum(layer.z, layer.zeros, out=layer.work)
    np.subtract(layer.z, negative, out=layer.a)
    layer.z[...] = negative  # all that backward needs
    negative *= layer.alpha
    layer.a += negative


def _prelu_backward(layer: Layer, delta: Array, grad_alpha: Array) -> None:
    products = np.einsum("ij,ij->j", delta, layer.z)
    grad_alpha[...] = products if grad_alpha.size > 1 else products.sum()
    np.less(layer.z, layer.zeros, out=layer.mask)
    slope = layer.work
    slope[...] = layer.mask
    slope *= layer.alpha - 1
    slope += 1
    delta *= slope


def _relu(layer: Layer) -> None:
    np.maximum(layer.z, layer.zeros, out=layer.a)


def _relu_backward(layer: Layer, delta: Array) -> None:
    delta *= np.greater(layer.a, layer.zeros, out=layer.mask)


def _tanh(layer: Layer) -> None:
    np.tanh(layer.z, out=layer.a)


def _tanh_backward(layer: Layer, delta: Array) -> None:
    slope = np.square(layer.a, out=layer.work)
    np.subtract(1, slope, out=slope)
    delta *= slope


def _sigmoid(layer: Layer) -> None:
    a = np.negative(layer.z, out=layer.a)
    np.exp(a, out=a)
    a += 1
    np.reciprocal(a, out=a)


def _sigmoid_backward(layer: Layer, delta: Array) -> None:
    slope = np.subtract(1, layer.a, out=layer.work)
    slope *= layer.a
    delta *= slope


def _identity(layer: Layer) -> None:
    layer.a = layer.out = layer.z


def _identity_backward(layer: Layer, delta: Array) -> None:
    pass


ACTIVATE: dict[str | None, Callable[[Layer], None]] = {
    None: _identity,
    "prelu_channel": _prelu,
    "prelu_shared": _prelu,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
}
DERIVE: dict[str | None, Callable[..., None]] = {
    None: _identity_backward,
    "prelu_channel": _prelu_backward,
    "prelu_shared": _prelu_backward,
    "relu": _relu_backward,
    "sigmoid": _sigmoid_backward,
    "tanh": _tanh_backward,
}


class Workspace:
    """Memory of a step: arrays of `rows` rows; layers of equal width share some of them."""

    def __init__(self, rows: int, dtype: Any) -> None:
        self.rows = rows
        self.dtype = dtype
        self.ones = np.ones(rows, dtype)
        self._shared: dict[tuple[str, int], Array] = {}

    def own(self, columns: int) -> Array:
        """Return a new array."""
        return np.empty((self.rows, columns), self.dtype)

    def shared(self, name: str, columns: int, dtype: Any = None) -> Array:
        """Return the shared array of a name and width."""
        key = (name, columns)
        if key not in self._shared:
            self._shared[key] = np.empty((self.rows, columns), dtype or self.dtype)
        return self._shared[key]


def parameters_of(spec: LayerSpec) -> int:
    """Return the number of parameter arrays of a layer."""
    return 3 if str(spec.activation).startswith("prelu") else 2


def make_layers(
    network: Network, rows: int, parameters: list[Array]
) -> list[DenseLayer | ConvLayer | DropoutLayer]:
    """Return the layers with the given parameters."""
    rest = iter(parameters)
    work = Workspace(rows, parameters[0].dtype)
    made: list[DenseLayer | ConvLayer | DropoutLayer] = []
    for number, (spec, shape) in enumerate(zip(network.layers, network.shapes[:-1], strict=True)):
        own = [next(rest) for _ in range(parameters_of(spec))]
        if isinstance(spec, ConvSpec):
            made.append(ConvLayer(spec, shape, own, rows))
        else:
            made.append(DenseLayer(spec, number, own, work))
        if spec.dropout:
            made.append(DropoutLayer(spec.dropout, (rows, spec.units), work.dtype))
    return made
