"""ONNX files of fitted estimators, with one input for each column.

Columns are encoded in double until they are clipped, as `TableEncoder` encodes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..._extras import require
from ..._files import replacing
from ...export.onnx import add_layers
from ...export.onnx_graph import OPSET, GraphWriter, model_bytes
from ...tables import (
    CategoryEncoder,
    CodeEncoder,
    DateEncoder,
    Encoder,
    NumberEncoder,
    TableEncoder,
)
from .member import Member

if TYPE_CHECKING:
    import onnx

Array = npt.NDArray[Any]

_ML, _ML_OPSET = "ai.onnx.ml", 2  # LabelEncoder of text to integers
_LARGEST, _CLIP = 1e100, 3.0  # as in RobustScale
_MISSING = np.iinfo(np.int64).min  # a date; NumPy's NaT
_HOUR, _DAY = 3_600_000_000, 86_400_000_000  # microseconds
_CYCLE = 146_097  # days of 400 years


def write(
    path: str,
    members: Sequence[Member],
    names: Sequence[str],
    classes: Array | None,
    *,
    function: str | None,
    ranks: list[int] | None,
) -> None:
    """Write what an estimator predicts to an ONNX file.

    Parameters
    ----------
    path : str
    members : sequence of Member
    names : sequence of str
        The inputs, one for each column.
    classes : ndarray or None
        The labels of a classifier.
    function : str or None
        The operator that converts the outputs of a member to predictions, if any.
    ranks : list of int or None
        The places of a member's outputs among the sorted ones, if they are to be sorted.

    Raises
    ------
    TypeError, ValueError
        If a column holds both text and numbers, or has no name or that of an output.
    """
    package = require("onnx", extra="io", purpose="an ONNX file")
    graph = _Graph(package)
    taken = {"label", "probabilities", "variable"} & set(names)
    if "" in names:
        raise ValueError("to_onnx: no column may have an empty name, the input's name, got ''")
    if taken:
        raise ValueError(f"to_onnx: no column may have the name of an output, got {min(taken)!r}")
    columns = zip(*(member.encoder.encoders for member in members), strict=True)
    for name, encoders in zip(names, columns, strict=True):
        graph.input(name, _input_dtype(name, encoders))
    found = [graph.member(member, names, place) for place, member in enumerate(members)]
    if function is not None:
        found = [graph.node(function, outputs) for outputs in found]
    if ranks is not None:
        found = [graph.sorted(outputs, ranks) for outputs in found]
    mean = found[0]
    if len(found) > 1:
        mean = graph.node("Div", graph.node("Sum", *found), graph.constant(float(len(found))))
    if classes is not None:
        best = graph.node("ArgMax", mean, axis=1, keepdims=0)
        graph.output(
            "label", graph.node("Gather", graph.constant(classes), best), classes.dtype, ()
        )
    numbers = graph.node("Cast", mean, to=package.TensorProto.FLOAT)
    name = "variable" if classes is None else "probabilities"
    graph.output(name, numbers, np.dtype(np.float32), (len(members[0].scaling.factor),))
    content = graph.serialized()
    with replacing(path) as stream:
        stream.write(content)


def _input_dtype(name: str, encoders: Sequence[Encoder]) -> np.dtype[Any]:
    """Return the dtype of a column's input: int64 for dates, object for text, or float64."""
    levels = []
    for encoder in encoders:
        if isinstance(encoder, DateEncoder):
            return np.dtype(np.int64)
        if not isinstance(encoder, CategoryEncoder):
            return np.dtype(np.float64)
        levels += encoder.levels
    text = [isinstance(level, str) for level in levels]
    if any(text) and not all(text):
        raise TypeError(f"to_onnx: column {name!r} must hold either text or numbers, not both")
    return np.dtype(object if all(text) else np.float64)


class _Graph:
    """An ONNX graph under construction; methods that add nodes return the name of their value."""

    def __init__(self, package: ModuleType) -> None:
        self._onnx = package
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._text: set[str] = set()
        self._dates: dict[str, list[str]] = {}  # the values of `dates` by column

    def input(self, name: str, dtype: np.dtype[Any]) -> None:
        """Add an input of shape (batch, 1)."""
        self._inputs.append(self._info(name, dtype, (1,)))
        if dtype.kind == "O":
            self._text.add(name)

    def output(self, name: str, value: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Make a value an output of shape (batch, *shape)."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name]))
        self._outputs.append(self._info(name, dtype, shape))

    def node(
        self, op: str, *operands: str, domain: str = "", outputs: int = 1, **attributes: object
    ) -> str:
        """Add a node; return its first output."""
        name = f"table/{op}_{len(self._nodes)}"
        names = [name, *(f"{name}_{place}" for place in range(1, outputs))]
        node = self._onnx.helper.make_node(
            op, list(operands), names, name=name, domain=domain, **attributes
        )
        self._nodes.append(node)
        return name

    def constant(self, values: npt.ArrayLike) -> str:
        """Add a constant with the dtype of `values`."""
        name = f"table/constant_{len(self._constants)}"
        array = np.asarray(values)
        if array.dtype.kind == "U":
            array = array.astype(object)
        self._constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def sorted(self, value: str, ranks: list[int]) -> str:
        """Sort each row, then arrange it by `ranks`."""
        count = self.constant(np.array([len(ranks)], np.int64))
        ascending = self.node("TopK", value, count, axis=1, largest=0, outputs=2)
        return self.node("Gather", ascending, self.constant(np.array(ranks, np.int64)), axis=1)

    def member(self, member: Member, names: Sequence[str], place: int) -> str:
        """Add a network with the encoding of its inputs and the scaling of its outputs."""
        encoder, package = member.encoder, self._onnx
        each = [(e, self.column(n, e)) for n, e in zip(names, encoder.encoders, strict=True)]
        numbers = [part for e, parts in each if not isinstance(e, CodeEncoder) for part in parts]
        codes = [part for e, parts in each if isinstance(e, CodeEncoder) for part in parts]
        encoded = [self.scaled(numbers, encoder)] if numbers else []
        x = self.node("Concat", *encoded, *codes, axis=1)
        if codes:
            places = [p for p in range(encoder.width) if p not in encoder.codes]
            order = np.argsort([*places, *encoder.codes], kind="stable").astype(np.int64)
            x = self.node("Gather", x, self.constant(order), axis=1)
        dtype = np.dtype(member.network.variable_dtype)
        x = self.node("Cast", x, to=package.helper.np_dtype_to_tensor_dtype(dtype))
        writer = GraphWriter(package, (encoder.width,), dtype.name, value=x)
        prefix = f"member_{place}."
        add_layers(writer, member.network.layers, member.network.parameters(), prefix)
        self._nodes += writer.nodes
        # Numbers such as 2 pi have one name in all members.
        known = {constant.name for constant in self._constants}
        self._constants += [c for c in writer.constants if c.name not in known]
        double = self.node("Cast", writer.value, to=package.TensorProto.DOUBLE)
        scaling = member.scaling
        found = self.node("Mul", double, self.constant(scaling.factor))
        found = self.node("Add", found, self.constant(scaling.offset))
        if scaling.clips:
            found = self.node("Max", found, self.constant(scaling.low))
            found = self.node("Min", found, self.constant(scaling.high))
        return found

    def scaled(self, parts: Sequence[str], encoder: TableEncoder) -> str:
        """Add the scaling and clipping of encoded columns."""
        z = self.node(
            "Sub", self.node("Concat", *parts, axis=1), self.constant(encoder.scale.center)
        )
        z = self.node("Mul", z, self.constant(encoder.scale.factor))
        z = self.node("Clip", z, self.constant(-_LARGEST), self.constant(_LARGEST))
        third = self.node("Div", z, self.constant(_CLIP))
        one_more = self.node("Add", self.node("Mul", third, third), self.constant(1.0))
        return self.node("Div", z, self.node("Sqrt", one_more))

    def column(self, name: str, encoder: Encoder) -> list[str]:
        """Add the encoding of a column; return its parts."""
        double = self._onnx.TensorProto.DOUBLE
        if isinstance(encoder, NumberEncoder):
            missing = self.node("IsNaN", name)
            filled = self.node("Where", missing, self.constant(encoder.fill), name)
            return [filled, *([self.node("Cast", missing, to=double)] if encoder.gaps else [])]
        if isinstance(encoder, DateEncoder):
            return self.date(name, encoder)
        assert isinstance(encoder, CategoryEncoder)
        levels: Array = np.array(encoder.levels, object if name in self._text else np.float64)
        if name in self._text:
            name, levels = self._codes(name, encoder.levels), np.arange(len(levels))
        if not len(levels):
            levels = np.full(1, -2)  # no code
        one_hot = self.node("Cast", self.node("Equal", name, self.constant(levels)), to=double)
        if isinstance(encoder, CodeEncoder):
            codes = np.arange(1.0, len(levels) + 1.0)[:, np.newaxis]
            return [self.node("MatMul", one_hot, self.constant(codes))]
        if len(levels) != 2:
            return [one_hot]
        return [self.node("MatMul", one_hot, self.constant(np.array([[1.0], [-1.0]])))]

    def date(self, name: str, encoder: DateEncoder) -> list[str]:
        """Add the encoding of a column of dates; return its parts."""
        if name not in self._dates:
            self._dates[name] = self.dates(name)
        missing, micros, *calendar = self._dates[name]
        double = self._onnx.TensorProto.DOUBLE
        since = self.node("Sub", micros, self.constant(np.int64(encoder.first)))
        days = self.node("Div", self.node("Cast", since, to=double), self.constant(float(_DAY)))
        parts = [*(self.node("Cast", part, to=double) for part in calendar), days]
        filled = [
            self.node("Where", missing, self.constant(part.fill), value)
            for part, value in zip(encoder.parts, parts, strict=True)
        ]
        gaps = encoder.parts[-1].gaps
        return [*filled, *([self.node("Cast", missing, to=double)] if gaps else [])]

    def dates(self, name: str) -> list[str]:
        """Add the calendar of a column of dates [1]_.

        Returns
        -------
        list of str
            Whether a date is missing, microseconds since 1970, year, month, weekday and hour.

        References
        ----------
        .. [1] H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013, civil_from_days.
        """

        def add(op: str, value: str, *numbers: int) -> str:
            return self.node(op, value, *(self.constant(np.int64(n)) for n in numbers))

        def floor(value: str, divisor: int) -> str:  # Div rounds towards 0
            return add("Div", self.node("Sub", value, add("Mod", value, divisor)), divisor)

        missing = add("Equal", name, _MISSING)
        micros = self.node("Where", missing, self.constant(np.int64(0)), name)
        hour = add("Div", add("Mod", micros, _DAY), _HOUR)
        days = floor(micros, _DAY)
        weekday = add("Mod", add("Add", days, 3), 7)  # 1970 began on a Thursday
        march = add("Add", days, 719_468)  # since March 1 of year 0: leap days end its years
        day = add("Mod", march, _CYCLE)
        leaps = self.node("Sub", add("Div", day, 1460), add("Div", day, 36_524))
        leaps = self.node("Add", leaps, add("Div", day, _CYCLE - 1))
        year = add("Div", self.node("Sub", day, leaps), 365)
        before = self.node("Sub", add("Div", year, 4), add("Div", year, 100))
        before = self.node("Add", before, add("Mul", year, 365))
        month = add("Add", add("Mul", self.node("Sub", day, before), 5), 2)
        month = add("Div", month, 153)  # from March, 0
        year = self.node("Add", year, add("Mul", floor(march, _CYCLE), 400))
        year = self.node("Add", year, add("Div", month, 10))  # January and February
        month = add("Add", add("Mod", add("Add", month, 2), 12), 1)
        return [missing, micros, year, month, weekday, hour]

    def _codes(self, name: str, levels: Sequence[object]) -> str:
        """Return the number of each row's text; -1 if it is unknown."""
        return self.node(
            "LabelEncoder",
            name,
            domain=_ML,
            keys_strings=list(levels) or [""],
            values_int64s=list(range(len(levels))) or [-1],
            default_int64=-1,
        )

    def serialized(self) -> bytes:
        """Return the bytes of the file."""
        graph = self._onnx.helper.make_graph(
            self._nodes, "prelunet", self._inputs, self._outputs, self._constants
        )
        return model_bytes(self._onnx, graph, {"": OPSET, _ML: _ML_OPSET}, {})

    def _info(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> onnx.ValueInfoProto:
        helper = self._onnx.helper
        text = dtype.kind in "OU"
        kind = self._onnx.TensorProto.STRING if text else helper.np_dtype_to_tensor_dtype(dtype)
        return helper.make_tensor_value_info(name, kind, ["batch", *shape])
