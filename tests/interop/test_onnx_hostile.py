"""ONNX files that demand more than they hold, and the constants that are computed from others."""

from __future__ import annotations

import os
import time
import tracemalloc

import numpy as np
import onnx
import onnx.reference
import pytest

import prelunet as pn
from onnx_runs import graph
from prelunet.interop.onnx_constants import Constants

MEGABYTE = 1 << 20
NORMAL = np.random.default_rng(3).standard_normal


def assert_small(path, content, refusal=None):
    """Assert that a graph is imported, or refused, with little memory; return the model."""
    onnx.save(content, path)
    model, start = None, time.process_time()
    tracemalloc.start()
    try:
        if refusal is None:
            model = pn.from_onnx(path)
        else:
            with pytest.raises(ValueError, match=rf"^from_onnx: .*graph\.onnx: .*{refusal}"):
                pn.from_onnx(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * path.stat().st_size + 64 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < 60  # seconds: not the square of the number of nodes
    return model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "graph.onnx"


LARGE = {"a": np.ones((30_000, 1), "f4"), "b": np.ones((1, 30_000), "f4")}


def test_constants_that_grow_are_refused(path):
    """240 kB took 3.5 GB."""
    content = graph(["c = Add(a, b)", "y = MatMul(x, c)"], (30_000,), **LARGE)
    assert_small(path, content, "would take much more memory than the file")


def test_factors_that_grow_are_refused(path):
    content = graph(["c = Mul(x, a)", "y = Mul(c, b)"], (30_000,), **LARGE)
    assert_small(path, content, "would take much more memory than the file")


def test_constants_that_nothing_uses_are_not_computed(path):
    content = graph(["c = Add(a, b)", "y = Relu(x)"], (6,), **LARGE)
    assert assert_small(path, content).layers == (pn.layers.ReLU(),)


def test_a_long_chain_is_imported(path):
    nodes = ["v0 = Relu(x)", *(f"v{n} = Relu(v{n - 1})" for n in range(1, 3000))]
    model = assert_small(path, graph([*nodes, "y = Identity(v2999)"], (6,)))
    assert len(model.layers) == 3000


def test_a_long_chain_of_factors_is_one_layer(path):
    nodes = ["v0 = Mul(x, f)", *(f"v{n} = Mul(v{n - 1}, f)" for n in range(1, 3000))]
    model = assert_small(path, graph([*nodes, "y = Identity(v2999)"], (6,), f=1.0))
    assert model.layers == (pn.Rescaling(1.0),)


def test_a_long_chain_of_constants_is_computed(path):
    nodes = ["v0 = Neg(f)", *(f"v{n} = Neg(v{n - 1})" for n in range(1, 3000))]
    model = assert_small(path, graph([*nodes, "y = Mul(x, v2999)"], (6,), f=2.0))
    assert model.layers == (pn.Rescaling(2.0),)


@pytest.mark.parametrize("levels", [32, 33, 400])
def test_sums_inside_sums(path, levels):
    nodes = ["v0 = Relu(x)"]
    for n in range(levels):
        nodes += [
            f"t{n} = Tanh(v{n})" if n == 0 else f"t{n} = Tanh(s{n - 1})",
            f"s{n} = Add(x, t{n})",
        ]
    content = graph([*nodes, f"y = Identity(s{levels - 1})"], (6,))
    refusal = None if levels <= 32 else "nested more than 32 deep"
    assert_small(path, content, refusal)


# ---- tensors in other files --------------------------------------------------------------------


def external(path, **changes):
    """Write a graph whose weight is in another file, with other entries about it."""
    content = graph(["y = MatMul(x, w)"], (6,), w=NORMAL((6, 3)).astype("f4"))
    onnx.save(content, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    content = onnx.load(path, load_external_data=False)
    for entry in content.graph.initializer[0].external_data:
        entry.value = changes.pop(entry.key, entry.value)
    onnx.save(content, path)


def test_tensors_may_be_in_another_file(path):
    external(path)
    assert pn.from_onnx(path).parameters()["0.weight"].shape == (3, 6)


@pytest.mark.parametrize(
    "change",
    [{"length": "1000000000000"}, {"offset": "-4"}, {"length": "-1"}, {"offset": "9" * 20}],
)
def test_more_than_the_other_file_holds(path, change):
    external(path, **change)
    with pytest.raises(ValueError, match=r"graph\.onnx is not an ONNX file, or is damaged: "):
        pn.from_onnx(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_another_file_that_is_a_pipe(path):
    external(path, length="0")
    (path.parent / "w.bin").unlink()
    os.mkfifo(path.parent / "w.bin")
    with pytest.raises(ValueError, match=r"'w\.bin' must be a regular file"):
        pn.from_onnx(path)


def test_another_file_that_is_missing(path):
    external(path)
    (path.parent / "w.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"w\.bin"):
        pn.from_onnx(path)


# ---- operators on constants --------------------------------------------------------------------

INTEGERS = np.array([[7, -7, 6], [-6, 5, 0]])
OPERATORS = {
    "Add": ("c = Add(a, b)", {"a": NORMAL((2, 3)), "b": NORMAL(3)}),
    "Sub": ("c = Sub(a, b)", {"a": NORMAL((2, 3)), "b": NORMAL(3)}),
    "Mul": ("c = Mul(a, b)", {"a": NORMAL((2, 3)), "b": NORMAL((2, 1))}),
    "Div": ("c = Div(a, b)", {"a": NORMAL((2, 3)), "b": NORMAL(3)}),
    "integer Div": ("c = Div(a, b)", {"a": INTEGERS, "b": np.array([2, 2, -4])}),
    "Neg": ("c = Neg(a)", {"a": NORMAL((2, 3))}),
    "Sqrt": ("c = Sqrt(a)", {"a": np.abs(NORMAL((2, 3)))}),
    "Identity": ("c = Identity(a)", {"a": NORMAL((2, 3))}),
    "Cast": ("c = Cast <to: int = 1> (a)", {"a": INTEGERS}),
    "Constant": ("c = Constant <value_ints: ints = [3, 4]> ()", {}),
    "Reshape": ("c = Reshape(a, t)", {"a": NORMAL((2, 6)), "t": np.array([0, -1, 3])}),
    "Squeeze": ("c = Squeeze(a, t)", {"a": NORMAL((1, 2, 1)), "t": np.array([0])}),
    "Squeeze of all": ("c = Squeeze(a)", {"a": NORMAL((1, 2, 1))}),
    "Unsqueeze": ("c = Unsqueeze(a, t)", {"a": NORMAL((2, 3)), "t": np.array([0, -1])}),
    "Transpose": ("c = Transpose <perm: ints = [1, 0]> (a)", {"a": NORMAL((2, 3))}),
    "Transpose of all": ("c = Transpose(a)", {"a": NORMAL((2, 3))}),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_on_constants_are_those_of_onnx(name):
    line, constants = OPERATORS[name]
    content = graph([line, "y = Relu(x)"], (6,), **constants)
    node = content.graph.node[0]
    alone = onnx.reference.ReferenceEvaluator(node, opsets={"": content.opset_import[0].version})
    stored = {value.name: onnx.numpy_helper.to_array(value) for value in content.graph.initializer}
    (expected,) = alone.run(None, stored)
    found = Constants(onnx, content)
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    assert found.fold(node, attributes)
    assert found["c"].dtype == expected.dtype
    np.testing.assert_array_equal(found["c"], expected)
