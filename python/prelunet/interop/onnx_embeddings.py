"""Nodes of an ONNX graph that form one layer: embeddings of numbers, imputation, one-hot codes.

Each function returns a step and the value that it reads, or None for other nodes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx

Array = npt.NDArray[Any]
Found = tuple[tuple[Array, ...], str]  # the constants of the layer, and the value that it reads


class Nodes(Protocol):
    """What these functions read of a graph."""

    @property
    def nodes(self) -> Mapping[str, onnx.NodeProto]:
        """The nodes by the names of their outputs."""

    @property
    def constants(self) -> Mapping[str, Array]:
        """The constants by name."""

    def attributes(self, node: onnx.NodeProto) -> dict[str, Any]:
        """Return the attributes of a node."""


class _OtherError(Exception):
    """A node is not the one expected."""


@dataclass(frozen=True)
class _Reader:
    """Steps from a value to the inputs of its node, which must be the one expected."""

    graph: Nodes

    def inputs(self, value: str, op: str, **attributes: object) -> Sequence[str]:
        """Return the inputs of a node with these attributes."""
        node = self.graph.nodes.get(value)
        if node is None or node.op_type != op or value != node.output[0]:
            raise _OtherError
        found = self.graph.attributes(node)
        if any(found.get(name) != expected for name, expected in attributes.items()):
            raise _OtherError
        names: Sequence[str] = node.input
        return names

    def data(self, value: str, op: str, **attributes: object) -> str:
        """Return the only input of a node."""
        (source,) = self.count(self.inputs(value, op, **attributes), 1)
        return source

    def with_constant(self, value: str, op: str, axes: int) -> tuple[str, Array]:
        """Return the first input of a node, and the second, a constant of so many axes."""
        source, name = self.count(self.inputs(value, op), 2)
        constant = self.graph.constants.get(name)
        if constant is None or constant.ndim != axes or source in self.graph.constants:
            raise _OtherError
        return source, constant

    def count(self, names: Sequence[str], number: int) -> Sequence[str]:
        """Return the names, which must be so many."""
        if len(names) != number:
            raise _OtherError
        return names

    def column(self, value: str) -> str:
        """Return the value of which this one has each number on an axis of its own."""
        source, axes = self.with_constant(value, "Unsqueeze", 1)
        if axes.tolist() != [2]:
            raise _OtherError
        return source

    def map(self, value: str) -> tuple[str, Array]:
        """Return the input and the weight of a product for each feature."""
        product = self.data(value, "Transpose", perm=[1, 0, 2])
        source, weight = self.with_constant(product, "MatMul", 3)
        return self.data(source, "Transpose", perm=[1, 0, 2]), weight


def read_periodic(graph: Nodes, value: str) -> Found | None:
    """Read a PeriodicEmbeddings: frequency, weight, bias and any phase."""
    reader = _Reader(graph)
    try:
        return _periodic(reader, reader.data(value, "Flatten", axis=1))
    except _OtherError:
        return None


def _periodic(reader: _Reader, value: str) -> Found:
    node = reader.graph.nodes.get(value)
    column, plr = None, node is not None and node.op_type == "Relu"
    if plr:
        value = reader.data(value, "Relu")
    else:
        value, column = reader.count(reader.inputs(value, "Concat", axis=2), 2)
    mapped, bias = reader.with_constant(value, "Add", 2)
    wave, weight = reader.map(mapped)
    sine = None
    if plr:
        wave, sine = reader.count(reader.inputs(wave, "Concat", axis=2), 2)
    angle = reader.data(wave, "Cos")
    if sine is not None and reader.data(sine, "Sin") != angle:
        raise _OtherError
    fraction, factor = reader.with_constant(angle, "Mul", 0)
    turns, rounded = reader.count(reader.inputs(fraction, "Sub"), 2)
    if reader.data(rounded, "Round") != turns or not math.isclose(factor, math.tau, rel_tol=1e-6):
        raise _OtherError
    phase = []
    if not plr:
        turns, offset = reader.with_constant(turns, "Add", 2)
        phase = [offset.astype(np.float64) * math.tau]
    source, frequency = reader.with_constant(turns, "Mul", 2)
    if column is not None and column != source:
        raise _OtherError
    return (frequency, weight.transpose(0, 2, 1), bias, *phase), reader.column(source)


def read_piecewise_linear(graph: Nodes, value: str) -> Found | None:
    """Read a PiecewiseLinearEmbeddings without its ReLU.

    The constants are left edges, widths, limits, weight, bias and any linear factor.
    """
    reader = _Reader(graph)
    try:
        return _piecewise_linear(reader, reader.data(value, "Flatten", axis=1))
    except _OtherError:
        return None


def _piecewise_linear(reader: _Reader, value: str) -> Found:
    linear, column = [], None
    first, second = reader.count(reader.inputs(value, "Add"), 2)
    if second not in reader.graph.constants:
        column, factor = reader.with_constant(first, "Mul", 2)
        linear, value = [factor], second
    mapped, bias = reader.with_constant(value, "Add", 2)
    encoded, weight = reader.map(mapped)
    found: list[Array] = []
    for op in ("Min", "Max", "Div", "Sub"):
        encoded, constant = reader.with_constant(encoded, op, 2)
        found.append(constant)
    if column is not None and column != encoded:
        raise _OtherError
    return (*found[::-1], weight, bias, *linear), reader.column(encoded)


def read_imputation(graph: Nodes, value: str) -> Found | None:
    """Read an Imputation, ``Where(IsNaN(x), values, x)``."""
    reader = _Reader(graph)
    try:
        missing, values, x = reader.count(reader.inputs(value, "Where"), 3)
        if reader.data(missing, "IsNaN") != x or values not in graph.constants:
            return None
    except _OtherError:
        return None
    return (graph.constants[values],), x


def read_one_hot(graph: Nodes, value: str) -> Found | None:
    """Read a OneHot, columns that are compared with categories: their positions, categories."""
    reader = _Reader(graph)
    try:
        equal = reader.data(value, "Cast")
        column, categories = reader.with_constant(equal, "Equal", 1)
        source, places = reader.count(reader.inputs(column, "Gather", axis=1), 2)
    except _OtherError:
        return None
    positions = graph.constants.get(places)
    if positions is None or positions.shape != categories.shape or source in graph.constants:
        return None
    return (positions, categories), source
