"""ONNX files that hold what no layer here does: an error that names the node."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import prelunet as pn
from onnx_runs import graph

NORMAL = np.random.default_rng(7).standard_normal
IMAGE = (3, 8, 6)  # channels first


def imported(content, path):
    """Write a graph to a file and read it."""
    onnx.save(content, path / "graph.onnx")
    return pn.from_onnx(path / "graph.onnx")


W = {"w": NORMAL((6, 3)), "shape": (6,)}
REFUSED = {
    "an operator": (["y = Cos(x)"], {}, r"node 'y' \(Cos\): no layer does this; there are Gemm"),
    "two inputs": (["a = Relu(x)", "y = Max(x, a)"], {}, r"node 'y' \(Max\): must have one input"),
    "no input": (["y = RandomNormal <shape: ints = [1, 6]> ()"], {}, "RandomNormal.*one input"),
    "a constant": (["y = Identity(s)"], {"s": 1.0}, "the graph: joins other values"),
    "no residual": (
        ["a = Relu(x)", "b = Tanh(x)", "y = Add(a, b)"],
        {},
        r"\(Add\): joins other values than x",
    ),
    "twice the same": (["y = Add(x, x)"], {}, r"\(Add\): must add x and f\(x\)"),
    "a product": (
        ["a = Tanh(x)", "y = Mul(x, a)"],
        {},
        r"\(Mul\): must multiply by constants, or x",
    ),
    "a product of three": (
        ["a = Sigmoid(x)", "b = Mul(x, a)", "y = Mul(b, x)"],
        {},
        "must multiply",
    ),
    "a quotient": (["y = Div(s, x)"], {"s": 1.0}, r"\(Div\): must divide by a constant"),
    "erf": (
        ["a = Div(x, r)", "b = Erf(a)", "c = Add(b, one)", "y = Mul(x, c)"],
        {"r": 2.0, "one": 1.0},
        "must multiply by constants",
    ),
    "not erf": (["c = Add(x, one)", "y = Mul(x, c)"], {"one": 1.0}, "must multiply by constants"),
    "factors of channels": (
        ["y = Mul(x, s)"],
        {"s": NORMAL((1, 3))},
        r"must have one factor for each of 6 channels, got shape \(3,\)",
    ),
    "offsets of channels": (
        ["y = Add(x, s)"],
        {"s": NORMAL((1, 3))},
        r"must have one number, or one for each of 6 channels, got shape \(3,\)",
    ),
    "weights from the left": (["y = MatMul(w, x)"], {"w": NORMAL((6, 6))}, "weights must be"),
    "weights from the left and a bias": (
        ["a = MatMul(w, x)", "y = Add(a, b)"],
        {"w": NORMAL((6, 6)), "b": 1.0},
        "weights must be",
    ),
    "weights of three axes": (["y = MatMul(x, w)"], {"w": NORMAL((1, 6, 6))}, "of 2 axes"),
    "features": (["y = MatMul(x, w)"], W | {"shape": (2, 6)}, r"shape \(6,\), got \(2, 6\)"),
    "transA": (["y = Gemm <transA: int = 1> (x, w)"], W, "transA must be 0, got 1"),
    "a bias of rows": (["y = Gemm(x, w, b)"], W | {"b": NORMAL((7, 1))}, r"bias .*got \(7, 1\)"),
    "slopes that vary": (["a = Relu(x)", "y = PRelu(x, a)"], {}, "must have one input that is no"),
    "x as slopes": (["y = PRelu(s, x)"], {"s": NORMAL(6)}, "slopes must be constants"),
    "tanh's GELU": (
        ['y = Gelu <approximate: string = "tanh"> (x)'],
        {"opset": 20},
        "must be none, got tanh",
    ),
    "layer norm of columns": (
        ["h = Conv(x, w)", "y = LayerNormalization(h, s)"],
        {"shape": IMAGE, "w": NORMAL((4, 3, 1, 1)), "s": NORMAL(6)},
        r"must normalize all axes \(4, 8, 6\), got sizes \(6,\)",
    ),
    "layer norm of rows": (
        ["y = LayerNormalization <axis: int = 0> (x, s)"],
        {"s": NORMAL((7, 6)), "rows": 7},
        "axis must not be that of the rows, got 0",
    ),
    "gamma of another shape": (
        ["y = LayerNormalization(x, s)"],
        {"s": [0.5]},
        r"gamma must have shape \(6,\), got \(1,\)",
    ),
    "x as gamma": (
        ["y = LayerNormalization(s, x)"],
        {"s": NORMAL(6)},
        "scale and bias must be constants",
    ),
    "dropout": (
        ["y = Dropout(x, r, t)"],
        {"r": 0.5, "t": np.array(True)},
        "training_mode must be false",
    ),
    "softmax inside": (
        ["a = Softmax(x)", "y = Relu(a)"],
        {},
        r"node 'a' \(Softmax\): .*at the end",
    ),
    "softmax of columns": (["y = Softmax <axis: int = 0> (x)"], {}, "axis must be -1 or 1, got 0"),
    "second outputs": (["a, y = Dropout(x)"], {}, "only its first output can be used"),
    "transposed rows": (
        ["y = Transpose(x)"],
        {},
        r"must permute the axes of an image by \[0, 3, 1, 2\]",
    ),
    "a flattened batch": (["y = Flatten <axis: int = 0> (x)"], {}, "axis must be 1, got 0"),
    "a reshaped batch": (
        ["y = Reshape(x, t)"],
        {"t": [-1, 3]},
        r"must give \(rows, 6\), got shape \[-1, 3\]",
    ),
    "a shape from elsewhere": (
        ["n = Shape(x)", "t = Mul(n, i)", "y = Reshape(x, t)"],
        {"i": [1, 1], "rows": 7},
        "must have one input that is no",
    ),
    "zero rows": (
        ["y = Reshape <allowzero: int = 1> (x, t)"],
        {"t": [0, 6]},
        r"got shape \[0, 6\]",
    ),
    "uneven residual": (
        ["a = MatMul(x, w)", "y = Add(x, a)"],
        {"w": NORMAL((6, 1))},
        r"shape \(6,\), got \(1,\)",
    ),
}
REFUSED_IMAGES = {
    "groups": (
        ["y = Conv <group: int = 3> (x, w)"],
        NORMAL((3, 1, 3, 3)),
        "group must be 1, got 3",
    ),
    "dilations": (
        ["y = Conv <dilations: ints = [2, 2]> (x, w)"],
        NORMAL((2, 3, 3, 3)),
        "dilations must be",
    ),
    "padding": (
        ["y = Conv <pads: ints = [2, 2, 2, 2]> (x, w)"],
        NORMAL((2, 3, 3, 3)),
        "padding must be none, or",
    ),
    "half of padding": (
        ["y = Conv <pads: ints = [1, 0, 1, 0]> (x, w)"],
        NORMAL((2, 3, 3, 3)),
        "padding must be",
    ),
    "lower padding": (
        ['y = Conv <auto_pad: string = "SAME_LOWER"> (x, w)'],
        NORMAL((2, 3, 3, 3)),
        "auto_pad must not be SAME_LOWER",
    ),
    "one axis": (["y = Conv(x, w)"], NORMAL((2, 3, 3)), "weights must be constants of 4 axes"),
    "ceil_mode": (
        ["y = MaxPool <kernel_shape: ints = [2, 2], ceil_mode: int = 1> (x)"],
        [0.0],
        "ceil_mode must be 0, got 1",
    ),
    "channels": (
        ["y = Conv(x, w)"],
        NORMAL((2, 4, 3, 3)),
        r"shape \(height, width, 4\), got \(8, 6, 3\)",
    ),
    "an image at the end": (["y = Conv(x, w)"], NORMAL((2, 3, 3, 3)), "add Flatten"),
    "nothing that cares for an image": (["y = Relu(x)"], 0.0, "add Flatten"),
    "features in their order": (
        ["a = Conv(x, w)", "y = Flatten(a)"],
        NORMAL((2, 3, 3, 3)),
        "the outputs: an image is flattened",
    ),
    "features that are added to": (
        ["a = Conv(x, w)", "b = Flatten(a)", "c = MatMul(b, m)", "y = Add(b, c)"],
        NORMAL((2, 3, 3, 3)),
        "adds to features of an image, which have another order here",
    ),
    "slopes of pixels": (
        ["a = Conv(x, w)", "y = PRelu(a, s)"],
        NORMAL((2, 3, 3, 3)),
        r"for each channel, got shape \(2, 6, 4\)",
    ),
    "turned twice": (
        ["a = Conv(x, w)", "y = Transpose <perm: ints = [0, 1, 3, 2]> (a)"],
        NORMAL((2, 3, 3, 3)),
        r"by \[0, 2, 3, 1\]",
    ),
    "not turned": (
        ["a = Transpose <perm: ints = [0, 2, 3, 1]> (x)", "y = Conv(a, w)"],
        NORMAL((2, 6, 3, 3)),
        "input must be an image",
    ),
}


@pytest.mark.parametrize("name", [*REFUSED, *REFUSED_IMAGES])
def test_what_no_layer_does_is_refused_by_name(name, tmp_path):
    if name in REFUSED:
        nodes, options, message = REFUSED[name]
        content = graph(nodes, **({"shape": (6,)} | options))
    else:
        nodes, weights, message = REFUSED_IMAGES[name]
        content = graph(nodes, IMAGE, w=weights, s=NORMAL((2, 6, 4)), m=NORMAL((48, 48)))
    with pytest.raises(ValueError, match=message):
        imported(content, tmp_path)


def test_graphs_that_are_not_from_one_array_to_one(tmp_path):
    content = graph(["y = Relu(x)"], (6,), outputs=2)
    del content.graph.output[1]
    content.graph.output.append(onnx.helper.make_tensor_value_info("x", 1, ["rows", 6]))
    with pytest.raises(
        ValueError, match=r"^from_onnx: .*graph\.onnx: the graph must have one .*got 1 and 2"
    ):
        imported(content, tmp_path)
    for shape, message in (
        ((None,), r"\(rows, 0\)"),
        (("width",), r"\(rows, width\)"),
        ((), "(rows)"),
    ):
        with pytest.raises(ValueError, match="fixed sizes after its first axis, got .*" + message):
            imported(graph(["y = Relu(x)"], shape), tmp_path)
    with pytest.raises(ValueError, match="the input must be FLOAT or DOUBLE, got FLOAT16"):
        imported(graph(["y = Relu(x)"], (6,), dtype=np.float16), tmp_path)
    with pytest.raises(ValueError, match="must have opset 13 or later, got 12"):
        imported(graph(["y = Relu(x)"], (6,), opset=12), tmp_path)
    content = graph(["y = Relu(x)"], (6,))
    content.graph.node[0].domain = "com.microsoft"
    content.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    with pytest.raises(ValueError, match=r"domain must be ONNX's, got 'com.microsoft'"):
        imported(content, tmp_path)


def test_files_that_are_not_of_onnx(tmp_path):
    path = tmp_path / "m.onnx"
    with pytest.raises(FileNotFoundError):
        pn.from_onnx(path)
    for content in (b"", b"what is this?", b"\x00" * 100):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"^from_onnx: .*m\.onnx is not an ONNX file, or is"):
            pn.from_onnx(path)
    with pytest.raises(ValueError, match=r"^from_onnx: path must end in \.onnx, got 'm\.npz'"):
        pn.from_onnx("m.npz")


# ---- columns, embeddings, parametric activations -----------------------------------------------

FIRST = "a = Gather <axis: int = 1> (x, first)"
COLUMN_GRAPHS = {
    "one part is no group of columns": (
        [FIRST, "y = Concat <axis: int = 1> (a, x)"],
        "must join, along axis 1, parts that begin with a Gather",
    ),
    "joined rows": ([FIRST, "y = Concat <axis: int = 0> (a, a)"], "must join, along axis 1"),
    "columns that are not there": (
        ["a = Gather <axis: int = 1> (x, far)", "y = Concat <axis: int = 1> (a)"],
        "columns must be among 3, got [7]",
    ),
    "columns of two values": (
        [
            FIRST,
            "r = Relu(x)",
            "b = Gather <axis: int = 1> (r, first)",
            "y = Concat <axis: int = 1> (a, b)",
        ],
        "columns of the same value",
    ),
    "no integers": (
        ["a = Gather <axis: int = 0> (table, x)", "y = Flatten(a)"],
        "numbers that a Cast converts to INT64",
    ),
    "weights that do not add up to 1": (
        ["t = Tanh(x)", "a = Mul(t, half)", "b = Mul(x, quarter)", "y = Add(a, b)"],
        "joins other values than x and f(x)",
    ),
    "a part that is read twice": (
        [FIRST, "b = Concat <axis: int = 1> (a, a)", "y = Concat <axis: int = 1> (b, b)"],
        "must be read by one part",
    ),
}


@pytest.mark.parametrize("name", COLUMN_GRAPHS)
def test_columns_that_are_no_layers(name, tmp_path):
    nodes, message = COLUMN_GRAPHS[name]
    constants = {"first": [0, 1], "far": [7], "half": [0.5], "quarter": [0.25]}
    content = graph(nodes, (3,), table=np.ones((4, 2)), **constants)
    with pytest.raises(ValueError, match=r"^from_onnx: ") as found:
        imported(content, tmp_path)
    assert message in str(found.value)
