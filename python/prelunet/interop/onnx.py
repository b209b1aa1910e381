"""`from_onnx`, which imports ONNX files."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .._extras import require
from .._files import naming, reading
from ..dtypes import CORES, variable_dtype
from ..formats import checked_path
from ..model import Sequential
from .chain import Chain
from .onnx_graph import GraphReader, Step
from .onnx_layers import TO_CHANNELS_LAST, Translation

if TYPE_CHECKING:
    import onnx

OLDEST_OPSET = 13  # of 2020; earlier opsets define Softmax and Squeeze differently


def from_onnx(path: str | os.PathLike[str]) -> Sequential:
    """Import an ONNX file whose graph is a chain of prelunet's layers.

    Supports the files of `Sequential.to_onnx` without a Parametric ELU or SELU of float64, and
    chains of operators written by PyTorch's exporter: Gemm, MatMul, Conv, MaxPool, PRelu, Relu,
    LeakyRelu, Elu, Selu, Gelu (also by Erf), Mish (also by Softplus), Softsign, ``x * sigmoid(x)``,
    Tanh, Sigmoid, Clip, LayerNormalization, Flatten, Reshape, Dropout, Identity, Transpose of
    images, factors and offsets, ``x + step * f(x)``, ``(1 - w) * x + w * f(x)`` (Parametric), a
    Where of constants and IsNaN (Imputation), rows of a constant (Embedding), groups of columns
    joined by Concat (Columns), and Softmax at the end.

    Parameters
    ----------
    path : path-like
        Must end in ``.onnx``. The graph must have opset 13 or later, and one input and one output
        of float32 or float64.

    Returns
    -------
    Sequential
        The model, with ``seed=0``; of a file of `Sequential.to_onnx`, with its `metadata`, its
        dtype, and the names of its layers, but without Dropout. Input images are (height, width,
        channels), even if those of the graph are (channels, height, width), as in PyTorch. A final
        Softmax is removed and the model is compiled with ``"softmax_cross_entropy"``, so that
        `Sequential.predict_proba` returns the output of the graph.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file is not an ONNX file, or no layer of prelunet is equivalent to a node; the
        message names the node.
    ImportError
        If the onnx package is not installed.
    """
    source = checked_path("from_onnx", path, (".onnx",))
    package = require("onnx", extra="io", purpose="an ONNX file")
    with reading("from_onnx", source) as stream:
        with naming("from_onnx", source, "is not an ONNX file, or is damaged"):
            content = _checked(package, stream.read(), os.path.dirname(source))
        return _translated(package, content)


def _translated(package: ModuleType, content: onnx.ModelProto) -> Sequential:
    opset = next((entry.version for entry in content.opset_import if not entry.domain), 0)
    if opset < OLDEST_OPSET:
        raise ValueError(f"must have opset {OLDEST_OPSET} or later, got {opset}")
    graph = GraphReader(package, content)
    dtype, rows, shape = _input(package, graph.input)
    steps = graph.steps()
    softmax = bool(steps) and steps[-1].op == "Softmax" and _is_last_axis(steps.pop())
    channels_first = len(shape) == 3 and _has_channels_first(steps)
    if channels_first:
        shape = (*shape[1:], shape[0])
    chain = Chain("from_onnx", shape)
    Translation(chain, rows, channels_first, own=graph.own).steps(steps)
    properties = {entry.key: entry.value for entry in content.metadata_props}
    if not graph.own:
        return chain.model(dtype, softmax=softmax)
    told = properties.get("dtype", dtype)
    if told not in CORES or variable_dtype(told) != dtype:
        raise ValueError(f"from_onnx: metadata_props have the dtype {told!r}, the input is {dtype}")
    model = chain.model(told, softmax=softmax)
    model.metadata = _metadata(properties.get("metadata", "{}"))
    return model


def _metadata(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("from_onnx: metadata_props must have a JSON object as metadata")
    return found


def _checked(package: ModuleType, content: bytes, folder: str) -> onnx.ModelProto:
    model: onnx.ModelProto = package.load_model_from_string(content)
    _read_external(package, model, folder)
    package.checker.check_model(model)
    return model


def _read_external(package: ModuleType, model: onnx.ModelProto, folder: str) -> None:
    """Read the initializers that are stored in other files, which must hold all of them."""
    helper = package.external_data_helper
    tensors = [value for value in model.graph.initializer if helper.uses_external_data(value)]
    sizes: dict[str, int] = {}
    total = 0
    for tensor in tensors:
        info = helper.ExternalDataInfo(tensor)
        about = os.stat(os.path.join(folder, info.location))
        if not stat.S_ISREG(about.st_mode):  # reading a pipe could block
            raise ValueError(f"{info.location!r} must be a regular file")
        size = sizes[info.location] = about.st_size
        start = info.offset or 0
        length = size - start if info.length is None else info.length
        total += length
        if min(start, length) < 0 or start + length > size or total > sum(sizes.values()):
            raise ValueError(
                f"initializer {tensor.name!r} has bytes {start} to {start + length} of "
                f"{info.location!r}, which has {size}"
            )
    for tensor in tensors:
        helper.load_external_data_for_tensor(tensor, folder)


def _input(package: ModuleType, value: onnx.ValueInfoProto) -> tuple[str, int, tuple[int, ...]]:
    """Return the dtype, batch size (0 if variable) and sample shape of the graph's input."""
    tensor, kinds = value.type.tensor_type, package.TensorProto
    dtype = {kinds.FLOAT: "float32", kinds.DOUBLE: "float64"}.get(tensor.elem_type)
    if dtype is None:
        got = kinds.DataType.Name(tensor.elem_type)
        raise ValueError(f"from_onnx: the input must be FLOAT or DOUBLE, got {got}")
    rows, *shape = [axis.dim_value for axis in tensor.shape.dim] or [0]
    if not shape or min(shape) < 1:
        got = ", ".join(axis.dim_param or str(axis.dim_value) for axis in tensor.shape.dim)
        raise ValueError(
            f"from_onnx: the input must have fixed sizes after its first axis, got ({got})"
        )
    return dtype, rows, tuple(shape)


def _is_last_axis(softmax: Step) -> bool:
    axis = softmax.attributes.get("axis", -1)
    if axis not in (-1, 1):
        raise ValueError(f"from_onnx: {softmax.where}: axis must be -1 or 1, got {axis}")
    return True


def _has_channels_first(steps: Sequence[Step]) -> bool:
    """Return whether the input images are (channels, height, width).

    The first step that depends on the axis order determines it.
    """
    step = _first_to_care(steps)
    if step is None:
        return False
    turns = step.op == "Transpose" and step.attributes.get("perm") == TO_CHANNELS_LAST
    return turns or step.op in ("Conv", "MaxPool")


def _first_to_care(steps: Sequence[Step]) -> Step | None:
    for step in steps:
        if step.op in ("Conv", "MaxPool", "Transpose", "Flatten", "Reshape", "Gemm", "MatMul"):
            return step
        inside = _first_to_care(step.inner)
        if inside is not None:
            return inside
    return None
