"""`GraphWriter`, which builds ONNX graphs and tracks the axis order of images."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _core

if TYPE_CHECKING:
    import onnx

Array = npt.NDArray[Any]

OPSET = 17
IR_VERSION = 8  # introduced by ONNX 1.12 (2022), like the opset


class GraphWriter:
    """An ONNX graph under construction, to which nodes are appended.

    `value` is the name of the current value, the output of the last node; at first it is ``"x"``,
    the input, or the given value of another graph. `shape` is the shape of one sample of it, with
    images as (height, width, channels). `channels_first` tells whether it is stored as (channels,
    height, width), as Conv requires.
    """

    def __init__(
        self, package: ModuleType, shape: tuple[int, ...], dtype: str, *, value: str = "x"
    ) -> None:
        self._onnx, self._dtype = package, np.dtype(dtype)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs = [self._info(value, shape)]
        self.value, self.shape, self.channels_first = value, shape, False

    @property
    def nodes(self) -> list[onnx.NodeProto]:
        """The nodes, in order."""
        return self._nodes

    @property
    def constants(self) -> list[onnx.TensorProto]:
        """The constants."""
        return list(self._constants.values())

    def add(self, op: str, layer: str, *operands: str, **attributes: object) -> None:
        """Add a node whose inputs are the current value and `operands`."""
        self.join(op, layer, self.value, *operands, **attributes)

    def join(self, op: str, layer: str, *operands: str, **attributes: object) -> None:
        """Add a node whose inputs are `operands`."""
        name = f"{layer}/{op}_{len(self._nodes)}"
        node = self._onnx.helper.make_node(op, list(operands), [name], name=name, **attributes)
        self._nodes.append(node)
        self.value = name

    def cast_to_integer(self, layer: str) -> None:
        """Add a node that converts the current value, integers in the dtype, to int64."""
        self.add("Cast", layer, to=self._onnx.TensorProto.INT64)

    def cast_to_dtype(self, layer: str) -> None:
        """Add a node that converts the current value to the dtype of the graph."""
        self.add("Cast", layer, to=self._onnx.helper.np_dtype_to_tensor_dtype(self._dtype))

    def constant(self, name: str, values: npt.ArrayLike) -> str:
        """Store a constant and return its name."""
        array = np.array(values, dtype=self._dtype, order="C")
        self._constants[name] = self._onnx.numpy_helper.from_array(array, name)
        return name

    def places(self, name: str, values: npt.ArrayLike) -> str:
        """Store integers, such as positions of columns, and return their name."""
        array = np.array(values, dtype=np.int64)
        self._constants[name] = self._onnx.numpy_helper.from_array(array, name)
        return name

    def holds(self, number: float) -> bool:
        """Return whether a float32 attribute represents the number exactly enough."""
        return self._dtype == np.float32 or float(np.float32(number)) == number

    def slopes(self, name: str, values: Array) -> str:
        """Store one number, or one per channel, so that it broadcasts with the current value."""
        shape = [1] * (len(self.shape) + 1)
        shape[1 if self.channels_first else -1] = values.size
        return self.constant(name, values.reshape(shape))

    def arrange(self, layer: str, *, channels_first: bool) -> None:
        """Transpose the current value if it is an image with another axis order."""
        if len(self.shape) == 3 and self.channels_first != channels_first:
            self.add("Transpose", layer, perm=(0, 3, 1, 2) if channels_first else (0, 2, 3, 1))
            self.channels_first = channels_first

    def serialized(self, output: str, properties: Mapping[str, str]) -> bytes:
        """Return the bytes of the ONNX file, with an output of this name and `metadata_props`."""
        if not self._nodes or self.value != self._nodes[-1].output[0]:
            self.add("Identity", output)
        self._nodes[-1].output[0] = output
        graph = self._onnx.helper.make_graph(
            self._nodes,
            "prelunet",
            self._inputs,
            [self._info(output, self.shape)],
            self.constants,
        )
        return model_bytes(self._onnx, graph, {"": OPSET}, properties)

    def _info(self, name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
        helper = self._onnx.helper
        kind = helper.np_dtype_to_tensor_dtype(self._dtype)
        return helper.make_tensor_value_info(name, kind, ["batch", *shape])


def model_bytes(
    package: ModuleType,
    graph: onnx.GraphProto,
    opsets: Mapping[str, int],
    properties: Mapping[str, str],
) -> bytes:
    """Return the bytes of an ONNX file with a graph.

    `opsets` are versions by domain, `properties` are its `metadata_props`.
    """
    helper = package.helper
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in opsets.items()],
        ir_version=IR_VERSION,
        producer_name="prelunet",
        producer_version=_core.__version__,
    )
    helper.set_model_props(model, {"prelunet": _core.__version__, **properties})
    return bytes(model.SerializeToString())
