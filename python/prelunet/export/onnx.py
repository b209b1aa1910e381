"""Export of layers and their parameters to an ONNX [1]_ file.

References
----------
.. [1] https://onnx.ai/onnx/operators/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import layers
from .._extras import require
from .._files import replacing
from ..layers.stacking import layer_keys
from ..layers.weighted import Weighted
from ..layers.windows import output_size, same_padding
from .onnx_graph import GraphWriter

Array = npt.NDArray[Any]

PROBABILITIES = {"softmax": "Softmax", "sigmoid": "Sigmoid"}


def write(
    path: str,
    stack: Sequence[layers.Layer],
    parameters: Mapping[str, Array],
    *,
    input_shape: tuple[int, ...],
    dtype: str,
    probabilities: str | None,
    properties: Mapping[str, str],
) -> None:
    """Write the forward pass of a network to an ONNX file.

    `probabilities` is the function to apply to the outputs, "softmax" or "sigmoid", if any, and
    `properties` are the file's `metadata_props`. A layer or activation that ONNX cannot represent
    is a TypeError or ValueError that names it.
    """
    onnx = require("onnx", extra="io", purpose="an ONNX file")
    graph = GraphWriter(onnx, input_shape, dtype)
    add_layers(graph, stack, parameters, "")
    output = "outputs" if probabilities is None else "probabilities"
    if probabilities is not None:
        graph.add(PROBABILITIES[probabilities], output)
    content = graph.serialized(output, properties)
    with replacing(path) as stream:
        stream.write(content)


def add_layers(
    graph: GraphWriter, stack: Sequence[layers.Layer], parameters: Mapping[str, Array], prefix: str
) -> None:
    """Add layers to a graph, whose names begin with `prefix`."""
    named = {prefix + name: values for name, values in parameters.items()}
    _Export(graph, named).stack(stack, prefix)


class _Export:
    """Methods with arguments (layer, name), one per layer class, that add nodes to a graph."""

    def __init__(self, graph: GraphWriter, parameters: Mapping[str, Array]) -> None:
        self.graph, self.parameters = graph, parameters

    def stack(self, stack: Sequence[layers.Layer], prefix: str) -> None:
        """Add layers in order."""
        for key, layer in zip(layer_keys(stack), stack, strict=True):
            self.layer(layer, prefix + key)

    def layer(self, layer: layers.Layer, name: str) -> None:
        """Add one layer and its fused activation."""
        writer = next((w for kind, w in _WRITERS.items() if isinstance(layer, kind)), None)
        if writer is None:
            kind = type(layer).__name__
            raise TypeError(f"to_onnx: layer {name} is a {kind}, which no ONNX file can hold")
        writer(self, layer, name)
        activation = getattr(layer, "fused_activation", None)
        if activation is not None:
            self.layer(activation, name)

    def dense(self, layer: layers.Dense, name: str) -> None:
        weight = self.graph.constant(f"{name}.weight", self.parameters[f"{name}.weight"])
        self.graph.add("Gemm", name, weight, *self.bias(layer, name), transB=1)
        self.graph.shape = (layer.units,)

    def conv2d(self, layer: layers.Conv2D, name: str) -> None:
        values = self.parameters[f"{name}.weight"].transpose(0, 3, 1, 2)
        weight = self.graph.constant(f"{name}.weight", values)
        operands = [weight, *self.bias(layer, name)]
        self.windows("Conv", name, operands, layer.specifications()[0], layer.padding)
        self.graph.shape = (*self.graph.shape[:2], layer.filters)

    def max_pool2d(self, layer: layers.MaxPool2D, name: str) -> None:
        self.windows("MaxPool", name, [], layer.specifications()[0], layer.padding)

    def bias(self, layer: Weighted, name: str) -> list[str]:
        key = f"{name}.bias"
        return [self.graph.constant(key, self.parameters[key])] if layer.use_bias else []

    def windows(
        self, op: str, name: str, operands: list[str], layer: dict[str, Any], padding: str
    ) -> None:
        graph, size, stride = self.graph, layer["window"], layer["strides"]
        graph.arrange(name, channels_first=True)
        rows, columns = zip(graph.shape[:2], size, stride, strict=True)
        same = padding == "same"
        top, bottom = same_padding(*rows) if same else (0, 0)
        left, right = same_padding(*columns) if same else (0, 0)
        pads = [top, left, bottom, right]
        graph.add(op, name, *operands, kernel_shape=size, strides=stride, pads=pads)
        height, width = output_size(*rows, padding), output_size(*columns, padding)
        graph.shape = (height, width, graph.shape[2])

    def prelu(self, layer: layers.PReLU, name: str) -> None:
        key = f"{name}.alpha"
        self.graph.add("PRelu", name, self.graph.slopes(key, self.parameters[key]))

    def scale(self, layer: layers.Scale, name: str) -> None:
        key = f"{name}.weight"
        self.graph.add("Mul", name, self.graph.slopes(key, self.parameters[key]))

    def parametric(self, layer: layers.Parametric, name: str) -> None:
        """Add ``weight * f(x) + (1 - weight) * x``."""
        graph, weight = self.graph, self.parameters[f"{name}.weight"]
        x = graph.value
        self.activation(layer.inner, name)
        graph.add("Mul", name, graph.slopes(f"{name}.weight", weight))
        share = graph.value
        graph.join("Mul", name, x, graph.slopes(f"{name}.rest", 1 - weight))
        graph.add("Add", name, share)

    def layer_norm(self, layer: layers.LayerNorm, name: str) -> None:
        graph, values = self.graph, self.parameters
        graph.arrange(name, channels_first=False)
        axes = layer.specifications()[0]["axes"]
        epsilon = layer.epsilon
        if not graph.holds(epsilon):
            # A variance of factor^2 times the size takes an epsilon that the attribute holds. The
            # factor is about 2: onnxruntime removes factors that are 1 in float32.
            epsilon = float(np.float32(4.0 * layer.epsilon))
            factor = math.sqrt(epsilon / layer.epsilon)
            graph.add("Mul", name, graph.constant(f"{name}.factor", factor))
        gamma = values[f"{name}.gamma"] if layer.scale else np.ones(graph.shape[-axes:])
        operands = [graph.constant(f"{name}.gamma", gamma)]
        if layer.center:
            operands.append(graph.constant(f"{name}.beta", values[f"{name}.beta"]))
        graph.add("LayerNormalization", name, *operands, axis=-axes, epsilon=epsilon)

    def clip(self, layer: layers.Clip, name: str) -> None:
        graph = self.graph
        limits = [graph.constant(f"{name}.{key}", getattr(layer, key)) for key in ("low", "high")]
        graph.add("Clip", name, *limits)

    def rescaling(self, layer: layers.Rescaling, name: str) -> None:
        self.graph.add("Mul", name, self.numbers(f"{name}.scale", layer.scale))
        if np.any(layer.offset):
            self.graph.add("Add", name, self.numbers(f"{name}.offset", layer.offset))

    def numbers(self, key: str, values: float | Sequence[float]) -> str:
        """Store one number, or one for each entry of the last axis."""
        if isinstance(values, float):
            return self.graph.constant(key, values)
        return self.graph.slopes(key, np.array(values))

    def imputation(self, layer: layers.Imputation, name: str) -> None:
        graph = self.graph
        x = graph.value
        graph.add("IsNaN", name)
        graph.join("Where", name, graph.value, self.numbers(f"{name}.values", layer.values), x)

    def one_hot(self, layer: layers.OneHot, name: str) -> None:
        graph = self.graph
        places = np.repeat(range(len(layer.categories)), list(map(len, layer.categories)))
        graph.add("Gather", name, graph.places(f"{name}.features", places), axis=1)
        values = np.concatenate(layer.categories)
        graph.add("Equal", name, graph.constant(f"{name}.categories", values))
        graph.cast_to_dtype(name)
        graph.shape = (len(values),)

    def flatten(self, layer: layers.Flatten, name: str) -> None:
        shape = self.graph.shape
        if len(shape) == 3 and shape[2] > 1 and shape[:2] != (1, 1):  # else both orders agree
            self.graph.arrange(name, channels_first=False)
        if len(shape) > 1:
            self.graph.add("Flatten", name, axis=1)
        self.graph.shape, self.graph.channels_first = (math.prod(shape),), False

    def dropout(self, layer: layers.Dropout, name: str) -> None:
        """Add nothing, since dropout is active only in training."""

    def residual(self, layer: layers.Residual, name: str) -> None:
        graph = self.graph
        start, channels_first = graph.value, graph.channels_first
        self.stack(layer.layers, f"{name}.")
        graph.arrange(name, channels_first=channels_first)
        if layer.step != 1.0:
            graph.add("Mul", name, graph.constant(f"{name}.step", layer.step))
        graph.join("Add", name, start, graph.value)

    def columns(self, layer: layers.Columns, name: str) -> None:
        graph = self.graph
        start, count = graph.value, graph.shape[0]
        parts, width = [], 0
        groups = [(f"{name}.{b.name}", b.positions(count), b.layers) for b in layer.inner_layers()]
        if rest := layer.rest(count):
            groups.append((f"{name}.remainder", rest, ()))
        for key, positions, inside in groups:
            graph.value, graph.shape = start, (len(positions),)
            graph.add("Gather", key, graph.places(f"{key}.columns", positions), axis=1)
            self.stack(inside, f"{key}.")
            parts.append(graph.value)
            width += graph.shape[0]
        graph.join("Concat", name, *parts, axis=1)
        graph.shape = (width,)

    def embedding(self, layer: layers.Embedding, name: str) -> None:
        graph, key = self.graph, f"{name}.weight"
        weight = graph.constant(key, self.parameters[key])
        graph.cast_to_integer(name)
        graph.join("Gather", name, weight, graph.value, axis=0)
        graph.add("Flatten", name, axis=1)
        graph.shape = (graph.shape[0] * layer.output_dim,)

    def periodic_embeddings(self, layer: layers.PeriodicEmbeddings, name: str) -> None:
        """Add ``cos(2 pi (t - round(t)))``, whose argument is small, of turns t, and the maps."""
        graph, plr, values = self.graph, layer.kind == "plr", self.parameters
        features = graph.shape[0]
        graph.add("Unsqueeze", name, graph.places(f"{name}.axis", [2]))
        column = graph.value
        graph.add("Mul", name, graph.constant(f"{name}.frequency", values[f"{name}.frequency"]))
        if not plr:
            phase = values[f"{name}.phase"].astype(np.float64) / (2 * np.pi)
            graph.add("Add", name, graph.constant(f"{name}.phase", phase))
        turns = graph.value
        graph.add("Round", name)
        graph.join("Sub", name, turns, graph.value)
        graph.add("Mul", name, graph.constant("2 pi", 2 * np.pi))
        angle = graph.value
        graph.add("Cos", name)
        if plr:
            cosines = graph.value
            graph.join("Sin", name, angle)
            graph.join("Concat", name, cosines, graph.value, axis=2)
        self.map_features(name, values[f"{name}.weight"].transpose(0, 2, 1))
        graph.add("Add", name, graph.constant(f"{name}.bias", values[f"{name}.bias"]))
        if plr:
            graph.add("Relu", name)
        else:
            graph.add("Concat", name, column, axis=2)
        graph.add("Flatten", name, axis=1)
        graph.shape = (features * layer.d_embedding,)

    def map_features(self, name: str, weight: Array) -> None:
        """Add a product for each feature: of (rows, features, k) and (features, k, outputs)."""
        self.graph.add("Transpose", name, perm=(1, 0, 2))
        self.graph.add("MatMul", name, self.graph.constant(f"{name}.weight", weight))
        self.graph.add("Transpose", name, perm=(1, 0, 2))

    def piecewise_linear_embeddings(
        self, layer: layers.PiecewiseLinearEmbeddings, name: str
    ) -> None:
        """Add the encodings of features, with as many bins each, and the maps.

        A feature has bins that are always 0 in place of those that it lacks.
        """
        graph, values, counts = self.graph, self.parameters, layer.bin_counts
        features = len(counts)
        left, low, high = np.zeros((3, features, max(counts)))
        width = np.ones_like(left)
        weight = np.zeros((features, max(counts), layer.d_embedding))
        rows = np.split(values[f"{name}.weight"], np.cumsum(counts)[:-1])
        for f, (edges, count) in enumerate(zip(layer.bins, counts, strict=True)):
            left[f, :count], width[f, :count], high[f, :count] = edges[:-1], np.diff(edges), 1.0
            low[f, 0], high[f, count - 1] = -np.inf, np.inf
            weight[f, :count] = rows[f]
        graph.add("Unsqueeze", name, graph.places(f"{name}.axis", [2]))
        column = graph.value
        graph.add("Sub", name, graph.constant(f"{name}.left", left))
        graph.add("Div", name, graph.constant(f"{name}.width", width))
        graph.add("Max", name, graph.constant(f"{name}.low", low))
        graph.add("Min", name, graph.constant(f"{name}.high", high))
        self.map_features(name, weight)
        graph.add("Add", name, graph.constant(f"{name}.bias", values[f"{name}.bias"]))
        if layer.version == "B":
            bent = graph.value
            linear = graph.constant(f"{name}.linear", values[f"{name}.linear"])
            graph.join("Mul", name, column, linear)
            graph.add("Add", name, bent)
        graph.add("Flatten", name, axis=1)
        graph.shape = (features * layer.d_embedding,)

    def activation(self, layer: layers.Activation, name: str) -> None:
        write_activation = _ACTIVATIONS.get(layer.activation)
        if write_activation is None:
            raise ValueError(
                f"to_onnx: layer {name} has the activation {layer.activation!r}; the ONNX "
                f"exporter knows {', '.join(_ACTIVATIONS)}"
            )
        constant = getattr(layer, layer.parameter) if layer.parameter else 0.0
        write_activation(self.graph, name, constant)


_WRITERS: dict[type[Any], Callable[[_Export, Any, str], None]] = {
    layers.Dense: _Export.dense,
    layers.Conv2D: _Export.conv2d,
    layers.MaxPool2D: _Export.max_pool2d,
    layers.PReLU: _Export.prelu,
    layers.Activation: _Export.activation,
    layers.Scale: _Export.scale,
    layers.Parametric: _Export.parametric,
    layers.LayerNorm: _Export.layer_norm,
    layers.Clip: _Export.clip,
    layers.Rescaling: _Export.rescaling,
    layers.Imputation: _Export.imputation,
    layers.OneHot: _Export.one_hot,
    layers.Flatten: _Export.flatten,
    layers.Dropout: _Export.dropout,
    layers.Residual: _Export.residual,
    layers.Columns: _Export.columns,
    layers.Embedding: _Export.embedding,
    layers.PeriodicEmbeddings: _Export.periodic_embeddings,
    layers.PiecewiseLinearEmbeddings: _Export.piecewise_linear_embeddings,
}


# ---- activations -------------------------------------------------------------------------------


def _plain(op: str) -> Callable[[GraphWriter, str, float], None]:
    return lambda graph, name, constant: graph.add(op, name)


def _leaky_relu(graph: GraphWriter, name: str, slope: float) -> None:
    if graph.holds(slope):
        graph.add("LeakyRelu", name, alpha=slope)
    else:
        graph.add("PRelu", name, graph.slopes(f"{name}.slope", np.array(slope)))


def _elu(graph: GraphWriter, name: str, scale: float) -> None:
    if graph.holds(scale):
        graph.add("Elu", name, alpha=scale)
    else:
        graph.add("Elu", name, alpha=1.0)
        graph.add("PRelu", name, graph.slopes(f"{name}.scale", np.array(scale)))


def _silu(graph: GraphWriter, name: str, constant: float) -> None:
    x = graph.value
    graph.add("Sigmoid", name)
    graph.join("Mul", name, x, graph.value)


def _gelu(graph: GraphWriter, name: str, constant: float) -> None:
    """Add ``x * (1 + erf(x / sqrt(2))) / 2``, since the opset has no Gelu operator."""
    x = graph.value
    graph.add("Div", name, graph.constant("sqrt(2)", math.sqrt(2.0)))
    graph.add("Erf", name)
    graph.add("Add", name, graph.constant("1", 1.0))
    graph.join("Mul", name, x, graph.value)
    graph.add("Mul", name, graph.constant("1/2", 0.5))


def _selu(graph: GraphWriter, name: str, constant: float) -> None:
    """Add Selu if its float32 constants are exact enough, otherwise Elu and a factor."""
    scale = 1.0507009873554804934193349852946
    if graph.holds(scale):
        graph.add("Selu", name)
    else:
        _elu(graph, name, 1.6732632423543772848170429916717)
        graph.add("Mul", name, graph.constant(f"{name}.gain", scale))


def _mish(graph: GraphWriter, name: str, constant: float) -> None:
    """Add ``x * tanh(softplus(x))``, since the opset has no Mish operator."""
    x = graph.value
    graph.add("Softplus", name)
    graph.add("Tanh", name)
    graph.join("Mul", name, x, graph.value)


_ACTIVATIONS: dict[str, Callable[[GraphWriter, str, float], None]] = {
    "relu": _plain("Relu"),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": _gelu,
    "silu": _silu,
    "tanh": _plain("Tanh"),
    "sigmoid": _plain("Sigmoid"),
    "softsign": _plain("Softsign"),
    "mish": _mish,
    "selu": _selu,
}
