"""Running ONNX graphs: onnxruntime, and what stands in for the kernels that it lacks."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import scipy.special
from onnx.reference import ReferenceEvaluator

# Not in float64 in onnxruntime 1.32, as `Sequential.to_onnx` says.
FLOAT32_OPS = {"Conv", "Elu", "Erf", "Softplus", "Softsign"}


def session(content):
    """Return onnxruntime with a graph, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content.SerializeToString(), options)


def run(content, x):
    """Return what a graph with one input and one output gives for x."""
    if x.dtype == np.float64 and FLOAT32_OPS & {node.op_type for node in content.graph.node}:
        return _run_node_by_node(content, x)
    (outputs,) = session(content).run(None, {content.graph.input[0].name: x})
    return outputs


def _run_node_by_node(content, x):
    values = {value.name: onnx.numpy_helper.to_array(value) for value in content.graph.initializer}
    values[content.graph.input[0].name] = x
    for node in content.graph.node:
        operands = {name: values[name] for name in node.input}
        values[node.output[0]] = _result(node, operands, content.opset_import)
    return values[content.graph.output[0].name]


def _result(node, operands, opsets):
    if node.op_type == "Erf":  # the evaluator's rounds to float32
        return scipy.special.erf(*operands.values())
    if node.op_type in FLOAT32_OPS:
        return ReferenceEvaluator(node).run(None, operands)[0]
    infos = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, shape)
        for name, shape in [*((n, v.shape) for n, v in operands.items()), (node.output[0], None)]
    ]
    graph = onnx.helper.make_graph([node], "node", infos[:-1], infos[-1:])
    alone = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return session(alone).run(None, operands)[0]


def graph(nodes, shape, *, outputs=1, opset=17, dtype=np.float32, rows="rows", **constants):
    """Return a graph from x (rows, *shape) to y, its nodes written as ONNX's printer does.

    Parameters
    ----------
    nodes : list of str
        ``"y = LeakyRelu <alpha: float = 0.3> (x)"``.
    **constants : array_like
        By name; those that are no integers are rounded to the dtype.
    """
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    values = {name: np.asarray(value) for name, value in constants.items()}
    arrays = [
        onnx.numpy_helper.from_array(v if v.dtype.kind in "ib" else v.astype(dtype), name)
        for name, v in values.items()
    ]
    made = onnx.helper.make_graph(
        [onnx.parser.parse_node(node) for node in nodes],
        "graph",
        [onnx.helper.make_tensor_value_info("x", kind, [rows, *shape])],
        [onnx.helper.make_tensor_value_info("y", kind, ["n", "units"])] * outputs,
        arrays,
    )
    opsets = [onnx.helper.make_opsetid("", opset)]
    return onnx.helper.make_model(made, opset_imports=opsets, ir_version=9)
