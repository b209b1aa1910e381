"""From a model to an ONNX file."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ... import layers
from ..._extras import require
from ..._validation import boolean
from ...formats import checked_path, replacing
from ...layers.stacking import layer_keys
from ...layers.weighted import Weighted
from ..windows import Pair, output_size, same_padding
from .writing import GraphWriter

if TYPE_CHECKING:
    from ...model import Sequential

Array = npt.NDArray[Any]

PROBABILITIES = {"softmax": "Softmax", "sigmoid": "Sigmoid"}


def to_onnx(
    model: Sequential, path: str | os.PathLike[str], *, probabilities: bool = False
) -> None:
    """Write a model's arithmetic to an ONNX file; see `Sequential.to_onnx`."""
    target = checked_path("to_onnx", path, (".onnx",))
    final = None
    if boolean("to_onnx", "probabilities", probabilities):
        final = model._probabilities("to_onnx")
    content = _encoded(model, final).SerializeToString()
    with replacing(target) as stream:
        stream.write(content)


def _encoded(model: Sequential, final: str | None) -> Any:
    onnx = require("onnx", extra="io", purpose="an ONNX file")
    parameters, shape = model._copies("to_onnx"), model.input_shape
    assert shape is not None  # or there were no parameters
    graph = GraphWriter(onnx, shape, model.dtype)
    _Export(graph, parameters).stack(model.layers, "")
    if final is None:
        return graph.finished("outputs")
    graph.add(PROBABILITIES[final], "probabilities")
    return graph.finished("probabilities")


class _Export:
    """What each kind of layer is in ONNX: methods (layer, its name) that add nodes to a graph."""

    def __init__(self, graph: GraphWriter, parameters: dict[str, Array]) -> None:
        self.graph, self.parameters = graph, parameters

    def stack(self, stack: Sequence[layers.Layer], prefix: str) -> None:
        """Add layers one after another."""
        for key, layer in zip(layer_keys(stack), stack, strict=True):
            self.layer(layer, prefix + key)

    def layer(self, layer: layers.Layer, name: str) -> None:
        """Add one layer, with the activation inside it."""
        writer = next((w for kind, w in _WRITERS.items() if isinstance(layer, kind)), None)
        if writer is None:
            kind = type(layer).__name__
            raise TypeError(f"to_onnx: layer {name} is a {kind}, which no ONNX file can hold")
        writer(self, layer, name)
        if isinstance(layer, Weighted) and layer.activation is not None:
            self.layer(layer.activation, name)

    def dense(self, layer: layers.Dense, name: str) -> None:
        weight = self.graph.constant(f"{name}.weight", self.parameters[f"{name}.weight"])
        self.graph.add("Gemm", name, weight, *self.bias(layer, name), transB=1)
        self.graph.shape = (layer.units,)

    def conv2d(self, layer: layers.Conv2D, name: str) -> None:
        values = self.parameters[f"{name}.weight"].transpose(0, 3, 1, 2)
        weight = self.graph.constant(f"{name}.weight", values)
        operands = [weight, *self.bias(layer, name)]
        self.windows("Conv", name, operands, layer.kernel_size, layer.stride, layer.padding)
        self.graph.shape = (*self.graph.shape[:2], layer.filters)

    def max_pool2d(self, layer: layers.MaxPool2D, name: str) -> None:
        self.windows("MaxPool", name, [], layer.size, layer.stride, layer.padding)

    def bias(self, layer: Weighted, name: str) -> list[str]:
        key = f"{name}.bias"
        return [self.graph.constant(key, self.parameters[key])] if layer.use_bias else []

    def windows(
        self, op: str, name: str, operands: list[str], size: Pair, stride: Pair, padding: str
    ) -> None:
        graph = self.graph
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

    def rescaling(self, layer: layers.Rescaling, name: str) -> None:
        self.graph.add("Mul", name, self.graph.constant(f"{name}.scale", layer.scale))
        if layer.offset != 0.0:
            self.graph.add("Add", name, self.graph.constant(f"{name}.offset", layer.offset))

    def flatten(self, layer: layers.Flatten, name: str) -> None:
        shape = self.graph.shape
        if len(shape) == 3 and shape[2] > 1 and shape[:2] != (1, 1):  # else any order is the same
            self.graph.arrange(name, channels_first=False)
        if len(shape) > 1:
            self.graph.add("Flatten", name, axis=1)
        self.graph.shape, self.graph.channels_first = (math.prod(shape),), False

    def dropout(self, layer: layers.Dropout, name: str) -> None:
        """Add nothing: it acts in training alone."""

    def residual(self, layer: layers.Residual, name: str) -> None:
        graph = self.graph
        start, channels_first = graph.value, graph.channels_first
        self.stack(layer.layers, f"{name}.")
        graph.arrange(name, channels_first=channels_first)
        if layer.step != 1.0:
            graph.add("Mul", name, graph.constant(f"{name}.step", layer.step))
        graph.join("Add", name, start, graph.value)

    def activation(self, layer: layers.Activation, name: str) -> None:
        constant = getattr(layer, layer.parameter) if layer.parameter else 0.0
        _ACTIVATIONS[layer.activation](self.graph, name, constant)


_WRITERS: dict[type[Any], Callable[[_Export, Any, str], None]] = {
    layers.Dense: _Export.dense,
    layers.Conv2D: _Export.conv2d,
    layers.MaxPool2D: _Export.max_pool2d,
    layers.PReLU: _Export.prelu,
    layers.Activation: _Export.activation,
    layers.Rescaling: _Export.rescaling,
    layers.Flatten: _Export.flatten,
    layers.Dropout: _Export.dropout,
    layers.Residual: _Export.residual,
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
    """Phi is ``(1 + erf(x / sqrt(2))) / 2``; the operator Gelu is younger than the opset."""
    x = graph.value
    graph.add("Div", name, graph.constant("sqrt(2)", math.sqrt(2.0)))
    graph.add("Erf", name)
    graph.add("Add", name, graph.constant("1", 1.0))
    graph.join("Mul", name, x, graph.value)
    graph.add("Mul", name, graph.constant("1/2", 0.5))


_ACTIVATIONS: dict[str, Callable[[GraphWriter, str, float], None]] = {
    "relu": _plain("Relu"),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": _gelu,
    "silu": _silu,
    "tanh": _plain("Tanh"),
    "sigmoid": _plain("Sigmoid"),
}
