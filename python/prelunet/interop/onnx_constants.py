"""`Constants`, the values of an ONNX graph that do not depend on its input."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx

Array = npt.NDArray[Any]

SPARE_BYTES = 32 << 20  # of computed constants; more are allowed to a model of more than this


class Constants(Mapping[str, Array]):
    """The constants of a graph by name: initializers, and results of operators on constants.

    Exporters leave such operators in the graph. A constant is read from the model when it is used.

    Parameters
    ----------
    package : module
        The package onnx.
    model : onnx.ModelProto
    """

    def __init__(self, package: ModuleType, model: onnx.ModelProto) -> None:
        self._onnx = package
        self._stored = {value.name: value for value in model.graph.initializer}
        self._values: dict[str, Array] = {}
        self._bytes_left = SPARE_BYTES + 2 * model.ByteSize()

    def __getitem__(self, name: str) -> Array:
        if name not in self._values:
            self._values[name] = self._onnx.numpy_helper.to_array(self._stored[name])
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values or name in self._stored

    def __iter__(self) -> Any:
        return iter(self._stored.keys() | self._values.keys())

    def __len__(self) -> int:
        return len(self._stored.keys() | self._values.keys())

    def fold(self, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> bool:
        """Compute the output of a node if it is an operator on constants.

        Returns
        -------
        bool
            Whether the output of the node is a constant.

        Raises
        ------
        ValueError
            If the constants of the graph would take much more memory than the model.
        """
        evaluate = _FOLDED.get(node.op_type)
        if evaluate is None or not all(name in self for name in node.input):
            return False
        operands = [self[name] for name in node.input]
        self._values[node.output[0]] = evaluate(self, attributes, *operands)
        return True

    def compute(self, function: Callable[..., Array], *operands: Array) -> Array:
        """Return an elementwise function of arrays, if it is not too large."""
        shape = np.broadcast_shapes(*(operand.shape for operand in operands))
        self._spend(math.prod(shape) * np.result_type(*operands).itemsize)
        with np.errstate(all="ignore"):
            return np.asarray(function(*operands))

    def _spend(self, size: int) -> None:
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise ValueError("its constants would take much more memory than the file")

    # ---- operators -----------------------------------------------------------------------------

    def _divide(self, attributes: Mapping[str, Any], a: Array, b: Array) -> Array:
        if a.dtype.kind in "iu":  # towards zero
            return self.compute(lambda x, y: x // y + ((x % y != 0) & ((x < 0) != (y < 0))), a, b)
        return self.compute(np.divide, a, b)

    def _cast(self, attributes: Mapping[str, Any], x: Array) -> Array:
        dtype = self._onnx.helper.tensor_dtype_to_np_dtype(attributes["to"])
        if dtype.kind not in "biuf":
            raise ValueError(f"a constant must be cast to numbers, got {dtype}")
        self._spend(x.size * dtype.itemsize)
        with np.errstate(all="ignore"):
            return x.astype(dtype)

    def _constant(self, attributes: Mapping[str, Any]) -> Array:
        if "value" in attributes:
            values: Array = self._onnx.numpy_helper.to_array(attributes["value"])
            return values
        for name, dtype in (("value_float", "f4"), ("value_int", "i8")):
            for key in (name, f"{name}s"):
                if key in attributes:
                    return np.array(attributes[key], dtype)
        raise ValueError(f"a constant must hold numbers, got {', '.join(attributes) or 'none'}")

    def _reshape(self, attributes: Mapping[str, Any], x: Array, shape: Array) -> Array:
        sizes = shape.tolist()
        if not attributes.get("allowzero", 0):
            sizes = [size or x.shape[axis] for axis, size in enumerate(sizes)]
        self._spend(x.nbytes)
        return x.reshape(sizes)

    def _squeeze(self, attributes: Mapping[str, Any], x: Array, axes: Array | None = None) -> Array:
        return x.squeeze(None if axes is None else tuple(axes.tolist()))

    def _unsqueeze(self, attributes: Mapping[str, Any], x: Array, axes: Array) -> Array:
        return np.expand_dims(x, tuple(axes.tolist()))

    def _transpose(self, attributes: Mapping[str, Any], x: Array) -> Array:
        order: Sequence[int] | None = attributes.get("perm")
        return x.transpose(order)

    def _identity(self, attributes: Mapping[str, Any], x: Array) -> Array:
        return x


def _elementwise(function: Callable[..., Array]) -> Callable[..., Array]:
    return lambda constants, attributes, *operands: constants.compute(function, *operands)


_FOLDED: dict[str, Callable[..., Array]] = {
    "Add": _elementwise(np.add),
    "Cast": Constants._cast,
    "Constant": Constants._constant,
    "Div": Constants._divide,
    "Identity": Constants._identity,
    "Mul": _elementwise(np.multiply),
    "Neg": _elementwise(np.negative),
    "Reshape": Constants._reshape,
    "Sqrt": _elementwise(np.sqrt),
    "Squeeze": Constants._squeeze,
    "Sub": _elementwise(np.subtract),
    "Transpose": Constants._transpose,
    "Unsqueeze": Constants._unsqueeze,
}
