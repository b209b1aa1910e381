"""Running ONNX graphs: onnxruntime, and what stands in for the kernels that it lacks."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import scipy.special
from onnx.reference import ReferenceEvaluator

# Not in float64 in onnxruntime 1.32, as `Sequential.to_onnx` says.
FLOAT32_OPS = {"Conv", "Elu", "Erf"}


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
