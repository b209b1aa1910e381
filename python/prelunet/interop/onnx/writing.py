"""A graph of ONNX as it is written: nodes one after another, constants, the order of axes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from ... import _core

Array = npt.NDArray[Any]

OPSET = 17
IR_VERSION = 8  # what ONNX 1.12 brought together with that opset, in 2022


class GraphWriter:
    """Nodes, and the value that the last of them gives.

    Parameters
    ----------
    onnx : module
    shape : tuple of int
        The shape of one sample of the input, which is called ``"x"``.
    dtype : dtype
        Of all values.

    Attributes
    ----------
    value : str
        The name of what the last node gives.
    shape : tuple of int
        What one sample of it has in the model: images are (height, width, channels).
    channels_first : bool
        Whether the graph has that image as (channels, height, width), as ONNX's convolutions do.
    """

    def __init__(self, onnx: ModuleType, shape: tuple[int, ...], dtype: str) -> None:
        self._onnx, self._dtype = onnx, np.dtype(dtype)
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._inputs = [self._info("x", shape)]
        self.value, self.shape, self.channels_first = "x", shape, False

    def add(self, op: str, layer: str, *operands: str, **attributes: Any) -> None:
        """Add a node that takes the value, then `operands`; its result is the value then."""
        self.join(op, layer, self.value, *operands, **attributes)

    def join(self, op: str, layer: str, *operands: str, **attributes: Any) -> None:
        """Add a node that takes `operands` alone; its result is the value then."""
        name = f"{layer}/{op}_{len(self._nodes)}"
        node = self._onnx.helper.make_node(op, list(operands), [name], name=name, **attributes)
        self._nodes.append(node)
        self.value = name

    def constant(self, name: str, values: npt.ArrayLike) -> str:
        """Keep an array under a name, and return the name."""
        array = np.array(values, dtype=self._dtype, order="C")
        self._constants[name] = self._onnx.numpy_helper.from_array(array, name)
        return name

    def holds(self, number: float) -> bool:
        """Return whether an attribute, which is float32, is as good as a constant of the dtype."""
        return self._dtype == np.float32 or float(np.float32(number)) == number

    def slopes(self, name: str, values: Array) -> str:
        """Keep slopes for the channels, or one for all, with as many axes as the value has."""
        shape = [1] * (len(self.shape) + 1)
        shape[1 if self.channels_first else -1] = values.size
        return self.constant(name, values.reshape(shape))

    def arrange(self, layer: str, *, channels_first: bool) -> None:
        """Have the axes of an image in one order or the other."""
        if len(self.shape) == 3 and self.channels_first != channels_first:
            self.add("Transpose", layer, perm=(0, 3, 1, 2) if channels_first else (0, 2, 3, 1))
            self.channels_first = channels_first

    def finished(self, output: str) -> Any:
        """Return the whole as ONNX's model, with a name for what it gives."""
        if not self._nodes or self.value != self._nodes[-1].output[0]:
            self.add("Identity", output)
        self._nodes[-1].output[0] = output
        helper = self._onnx.helper
        outputs = [self._info(output, self.shape)]
        constants = list(self._constants.values())
        model = helper.make_model(
            helper.make_graph(self._nodes, "prelunet", self._inputs, outputs, constants),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="prelunet",
            producer_version=_core.__version__,
        )
        helper.set_model_props(model, {"prelunet": _core.__version__})
        return model

    def _info(self, name: str, shape: tuple[int, ...]) -> Any:
        helper = self._onnx.helper
        kind = helper.np_dtype_to_tensor_dtype(self._dtype)
        return helper.make_tensor_value_info(name, kind, ["batch", *shape])
