"""`GraphReader`, which evaluates the constants of an ONNX graph and lists its other steps."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..layers.stacking import DEEPEST
from .onnx_constants import Constants
from .onnx_embeddings import read_imputation, read_one_hot, read_periodic, read_piecewise_linear

if TYPE_CHECKING:
    import onnx

Array = npt.NDArray[Any]


class Where(str):
    """A node's name and operator, for messages.

    `path` is the name before its last slash: in our own files the names of the layer and of those
    around it, between dots.
    """

    path: str

    def __new__(cls, node: onnx.NodeProto) -> Where:
        """Describe a node."""
        made = super().__new__(cls, f"node {node.name or node.output[0]!r} ({node.op_type})")
        made.path = node.name.rpartition("/")[0]
        return made

    @property
    def layer(self) -> str:
        """The last name of the path."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True)
class Step:
    """A node, or several nodes that form one layer."""

    # The ONNX operator; or "Affine" (operands scale and offset), the name of a layer of several
    # nodes, "Residual" with inner steps, or "Columns" with inner steps "Branch".
    op: str
    where: Where
    attributes: dict[str, Any]
    operands: tuple[Array | None, ...] = ()  # None for inputs that are not constants
    inner: tuple[Step, ...] = ()


class GraphReader:
    """A reader of the nodes between a graph's input and output, starting from the output.

    `own` tells whether the file is one of `Sequential.to_onnx`, whose names have a meaning.

    The model must have passed ONNX's checker, so its nodes are topologically sorted. Raises a
    ValueError if it does not have one input and one output, or has nodes of other domains than
    ONNX's.
    """

    def __init__(self, package: ModuleType, model: onnx.ModelProto) -> None:
        self._onnx, self._model, graph = package, model, model.graph
        self.own = any(entry.key == "prelunet" for entry in model.metadata_props)
        self._shapes: dict[str, Sequence[onnx.TensorShapeProto.Dimension]] | None = None
        self.constants = Constants(package, model)
        inputs = [value for value in graph.input if value.name not in self.constants]
        if len(inputs) != 1 or len(graph.output) != 1:
            raise ValueError(
                "from_onnx: the graph must have one input and one output, got "
                f"{len(inputs)} and {len(graph.output)}"
            )
        self.input, self.output = inputs[0], graph.output[0]
        self.nodes: dict[str, onnx.NodeProto] = {}  # by the names of their outputs
        self._places: dict[str, int] = {self.input.name: -1}
        self._uses = Counter([self.output.name])
        self._nesting = 0
        self._joined: set[str] = set()  # outputs of Concat nodes that a layer has
        for place, node in enumerate(_used(graph)):
            self._read(place, node)

    def _read(self, place: int, node: onnx.NodeProto) -> None:
        if node.domain not in ("", "ai.onnx"):
            raise ValueError(
                f"from_onnx: {Where(node)}: domain must be ONNX's, got {node.domain!r}"
            )
        if self.constants.fold(node, self.attributes(node)):
            return
        for name in node.output:
            self.nodes[name], self._places[name] = node, place
        self._uses.update(node.input)

    def steps(self) -> list[Step]:
        """Return all steps from the input to the output.

        Raises a ValueError if the nodes do not form a chain, possibly with residual connections.
        """
        return self._between(self.input.name, self.output.name, "the graph")

    def _between(self, start: str, value: str, where: str) -> list[Step]:
        found: list[Step] = []  # in reverse
        while value != start:
            if self._places.get(value, -2) < self._places[start]:
                raise ValueError(f"from_onnx: {where}: joins other values than x and f(x)")
            steps, value = self._before(value)
            found += reversed(steps)
        return found[::-1]

    def _before(self, value: str) -> tuple[list[Step], str]:
        """Return the steps that compute a value, and their input value."""
        node = self.nodes[value]
        if value != node.output[0]:
            raise ValueError(f"from_onnx: {Where(node)}: only its first output can be used")
        data = self._data(node)
        if node.op_type == "Mul":
            return self._product(node, value)
        if node.op_type == "Add" and len(data) == 2:
            return self._parametric(node, data) or self._sum(node, data)
        if node.op_type == "Concat":
            return self._columns(node)
        if node.op_type == "Flatten" and self._is(data[0], "Gather"):
            return self._embedding(node, self.nodes[data[0]])
        for op, (last, read) in _READERS.items():
            if node.op_type == last and (found := read(self, value)) is not None:
                return [Step(op, Where(node), {}, found[0])], found[1]
        if node.op_type == "Reshape" and len(data) == 2 and self._flattens(node):
            return [Step("Flatten", Where(node), {})], data[0]
        if len(data) != 1:
            raise ValueError(
                f"from_onnx: {Where(node)}: must have one input that is no constant, "
                f"got {len(data)}"
            )
        step, source = self._step(node), data[0]
        if step.op == "Affine" and self._is(source, "MatMul"):
            product = self.nodes[source]
            weight, (_, offset) = self._operands(product)[1], step.operands
            if _is_bias(step, weight):
                whole = Step("Gemm", Where(product), {}, (None, weight, offset))
                return [whole], self._data(product)[0]
        return [step], source

    def _sum(self, node: onnx.NodeProto, data: list[str]) -> tuple[list[Step], str]:
        """Return a Residual step ``x + f(x)``; x is the earlier value."""
        start, value = sorted(data, key=self._places.__getitem__)
        self._nest(node)
        inner = self._between(start, value, Where(node))
        self._nesting -= 1
        return [Step("Residual", Where(node), {}, (), tuple(inner))], start

    def _parametric(
        self, node: onnx.NodeProto, data: Sequence[str]
    ) -> tuple[list[Step], str] | None:
        """Return a Parametric step for ``(1 - w) x + w f(x)``; None for other sums."""
        for first, second in itertools.permutations(data):
            if not (self._is(first, "Mul") and self._is(second, "Mul")):
                return None
            rest, sources = self._factors(first)
            if len(sources) != 1:
                continue
            steps, value = self._before(second)
            if len(steps) == 1 and value in self.nodes and value != sources[0]:
                inner = self.nodes[value]
                if len(self._data(inner)) == 1 and inner.op_type != "Concat":
                    more, value = self._before(value)
                    steps = [*more, *steps]
            if value != sources[0] or len(steps) != 2 or steps[1].op != "Affine":
                continue
            weight = steps[1].operands[0]
            assert weight is not None
            if rest.size != weight.size or not np.allclose(rest + weight, 1.0, atol=1e-6):
                continue
            return [Step("Parametric", Where(node), {}, (weight,), (steps[0],))], value
        return None

    def _columns(self, node: onnx.NodeProto) -> tuple[list[Step], str]:
        """Return a Columns step: parts that begin with columns of the same value, side by side."""
        axis = self.attributes(node).get("axis")
        branches, sources = [], set()
        if node.output[0] in self._joined:  # reading it again may take exponential time
            raise ValueError(f"from_onnx: {Where(node)}: must be read by one part")
        self._joined.add(node.output[0])
        self._nest(node)
        for value in node.input:
            steps: list[Step] = []  # in reverse
            while not (positions := self._positions(value)):
                if value not in self.nodes:
                    break
                before, value = self._before(value)
                steps += reversed(before)
            else:
                source, places = positions
                where = Where(self.nodes[value])
                branches.append(Step("Branch", where, {}, (places,), tuple(steps[::-1])))
                sources.add(source)
        self._nesting -= 1
        if len(sources) != 1 or len(branches) < len(node.input) or axis not in (1, -1):
            raise ValueError(
                f"from_onnx: {Where(node)}: must join, along axis 1, parts that begin with a "
                "Gather of columns of the same value"
            )
        return [Step("Columns", Where(node), {}, (), tuple(branches))], sources.pop()

    def _positions(self, value: str) -> tuple[str, Array] | None:
        """Return the source and the positions of a Gather of columns; None for other values."""
        if not self._is(value, "Gather"):
            return None
        node = self.nodes[value]
        first, places = self._operands(node)
        if first is not None or places is None or places.ndim != 1:
            return None
        return (node.input[0], places) if self.attributes(node).get("axis", 0) == 1 else None

    def _embedding(self, node: onnx.NodeProto, gather: onnx.NodeProto) -> tuple[list[Step], str]:
        """Return an Embedding step for flattened rows of a constant, numbered by a Cast."""
        weight, codes = self._operands(gather)[0], gather.input[1]
        attributes = self.attributes(gather) | {"flat": self.attributes(node).get("axis", 1)}
        integers = self._is(codes, "Cast") and self.attributes(self.nodes[codes]).get("to") == int(
            self._onnx.TensorProto.INT64
        )
        if (
            (weight is None or weight.ndim != 2 or not integers)
            or attributes.get("axis", 0) != 0
            or attributes["flat"] != 1
        ):
            raise ValueError(
                f"from_onnx: {Where(gather)}: must give rows of a constant of two axes for "
                "numbers that a Cast converts to INT64"
            )
        return [Step("Embedding", Where(gather), {}, (weight,))], self.nodes[codes].input[0]

    def _nest(self, node: onnx.NodeProto) -> None:
        self._nesting += 1
        if self._nesting > DEEPEST:
            raise ValueError(f"from_onnx: {Where(node)}: is nested more than {DEEPEST} deep")

    def _product(self, node: onnx.NodeProto, value: str) -> tuple[list[Step], str]:
        """Return the steps of a product: a constant factor, or SiLU, Mish or GELU with a factor."""
        scale, data = self._factors(value)
        if len(data) == 1:
            fixed = any(name.endswith(".scale") for name in node.input)
            return [_scaled(node, scale, fixed=fixed)], data[0]
        for x, other in itertools.permutations(data, 2) if len(data) == 2 else ():
            if self._is_sigmoid(other, x):
                return [Step("SiLU", Where(node), {}), *_rest(node, scale)], x
            if self._is_mish_gate(other, x):
                return [Step("Mish", Where(node), {}), *_rest(node, scale)], x
            if self._is_twice_normal(other, x):
                return [Step("GELU", Where(node), {}), *_rest(node, 2 * scale)], x
        raise ValueError(
            f"from_onnx: {Where(node)}: must multiply by constants, or x by its sigmoid (SiLU), "
            "tanh(softplus(x)) (Mish) or 1 + erf(x / sqrt(2)) (GELU)"
        )

    def _step(self, node: onnx.NodeProto) -> Step:
        if node.op_type in _AFFINE:
            return self._affine(node)
        return Step(node.op_type, Where(node), self.attributes(node), self._operands(node))

    def _flattens(self, node: onnx.NodeProto) -> bool:
        """Return whether a Reshape to a computed shape flattens each row."""
        if self._shapes is None:
            inferred = self._onnx.shape_inference.infer_shapes(self._model, data_prop=True).graph
            known = [*inferred.input, *inferred.value_info, *inferred.output]
            self._shapes = {value.name: value.type.tensor_type.shape.dim for value in known}
        rows, found = self._shapes[self.input.name][0], self._shapes.get(node.output[0], ())
        return len(found) == 2 and bool(rows.dim_param) and found[0].dim_param == rows.dim_param

    def _factors(self, value: str) -> tuple[Array, list[str]]:
        """Return the constant factor of a value, and its other factors.

        In our own files the factors are those of one layer.
        """
        scale: Array = np.ones((), np.float64)
        data: list[str] = []
        products = [value]
        path = Where(self.nodes[value]).path
        while products:
            for name in self.nodes[products.pop()].input:
                if name in self.constants:
                    scale = self.constants.compute(np.multiply, scale, self.constants[name])
                elif (self._uses[name] == 1 and self._is(name, "Mul")) and (
                    not self.own or Where(self.nodes[name]).path == path
                ):
                    products.append(name)
                else:
                    data.append(name)
        return scale, data

    def _is_sigmoid(self, value: str, x: str) -> bool:
        return self._is(value, "Sigmoid") and list(self.nodes[value].input) == [x]

    def _is_mish_gate(self, value: str, x: str) -> bool:
        """Return whether a value is ``tanh(softplus(x))``."""
        if not self._is(value, "Tanh"):
            return False
        (inner,) = self.nodes[value].input
        return self._is(inner, "Softplus") and list(self.nodes[inner].input) == [x]

    def _is_twice_normal(self, value: str, x: str) -> bool:
        """Return whether a value is ``1 + erf(x / sqrt(2))``, twice the normal CDF."""
        erf = self._beside(value, "Add", 1.0)
        if erf is None or not self._is(erf, "Erf"):
            return False
        (inner,) = self.nodes[erf].input
        by_factor = self._beside(inner, "Mul", math.sqrt(0.5))
        return x in (by_factor, self._beside(inner, "Div", math.sqrt(2.0)))

    def _beside(self, value: str, op: str, constant: float) -> str | None:
        """Return the other input of an `op` node with this constant; None for other nodes."""
        if not self._is(value, op):
            return None
        names = list(self.nodes[value].input)
        known = [self.constants[name] for name in names if name in self.constants]
        if (
            len(known) != 1
            or known[0].size != 1
            or not math.isclose(known[0].item(), constant, rel_tol=1e-6)
        ):
            return None
        return self._data(self.nodes[value])[0]

    def _is(self, value: str, op: str) -> bool:
        return value in self.nodes and self.nodes[value].op_type == op

    def _affine(self, node: onnx.NodeProto) -> Step:
        first, second = self._operands(node)
        if node.op_type == "Add":
            return Step(
                "Affine", Where(node), {}, (np.ones(()), second if first is None else first)
            )
        if node.op_type == "Sub":
            if second is not None:
                return Step("Affine", Where(node), {}, (np.ones(()), -second))
            return Step("Affine", Where(node), {}, (-np.ones(()), first))
        if second is None:
            raise ValueError(f"from_onnx: {Where(node)}: must divide by a constant")
        return _scaled(node, 1.0 / second.astype(np.float64))

    def _data(self, node: onnx.NodeProto) -> list[str]:
        return [name for name in node.input if name and name not in self.constants]

    def _operands(self, node: onnx.NodeProto) -> tuple[Array | None, ...]:
        return tuple(self.constants.get(name) for name in node.input)

    def attributes(self, node: onnx.NodeProto) -> dict[str, Any]:
        """Return the attributes of a node, with strings decoded."""
        values = {a.name: self._onnx.helper.get_attribute_value(a) for a in node.attribute}
        return {name: v.decode() if isinstance(v, bytes) else v for name, v in values.items()}


def _is_bias(step: Step, weight: Array | None) -> bool:
    """Return whether a step adds a bias to the product with this weight."""
    scale, offset = step.operands
    if weight is None or weight.ndim != 2 or scale is None or offset is None:
        return False
    return bool(np.all(scale == 1.0)) and offset.shape in (weight.shape[1:], (1, *weight.shape[1:]))


_AFFINE = ("Add", "Sub", "Div")

# Layers of several nodes by name: the operator of the last node, and the function that reads them.
_READERS = {
    "PeriodicEmbeddings": ("Flatten", read_periodic),
    "PiecewiseLinearEmbeddings": ("Flatten", read_piecewise_linear),
    "Imputation": ("Where", read_imputation),
    "OneHot": ("Cast", read_one_hot),
}


def _used(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return the nodes that the outputs of a graph depend on, in the graph's order."""
    needed = {value.name for value in graph.output}
    found = []
    for node in reversed(graph.node):
        if any(name in needed for name in node.output):
            needed.update(filter(None, node.input))
            found.append(node)
    return found[::-1]


def _scaled(node: onnx.NodeProto, scale: Array, *, fixed: bool = False) -> Step:
    return Step("Affine", Where(node), {"fixed": fixed}, (scale, np.zeros(())))


def _rest(node: onnx.NodeProto, scale: Array) -> list[Step]:
    """Return a step for the factor, unless it is 1."""
    return [] if np.allclose(scale, 1.0, rtol=1e-6, atol=0.0) else [_scaled(node, scale)]
