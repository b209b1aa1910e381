"""Columns and Embedding: outputs, gradients, bits, files and refusals."""

from __future__ import annotations

import re

import numpy as np
import pytest

import prelunet as pn
from gradient_checks import assert_agrees_with_the_oracle, assert_gradients_are_derivatives
from interop_models import assert_ported
from network_models import dense, targets, twin
from reference import network as oracle
from tolerances import ORACLE_GRADIENT, assert_same_bits, assert_within

CATEGORIES = 5
INPUTS = 7  # columns 0 and 4 hold codes


def periodic(kind, **options):
    return pn.PeriodicEmbeddings(4, n_frequencies=5, frequency_init_scale=0.4, kind=kind, **options)


def rows(rng, count):
    """Return rows whose columns 0 and 4 hold codes."""
    X = rng.standard_normal((count, INPUTS))
    X[:, [0, 4]] = rng.integers(CATEGORIES, size=(count, 2))
    return X


STACKS = {
    "wide and deep": lambda: [
        pn.Columns(
            [
                ("wide", [], [6, 1]),
                ("deep", [dense(5, activation="tanh"), dense(3), pn.PReLU()], slice(1, 4)),
                ("codes", [pn.Embedding(CATEGORIES, 3)], [4, 0]),
            ]
        )
    ],
    "passthrough": lambda: [
        pn.Columns([("x", [pn.Flatten(), dense(2)], slice(0, 6, 2))], remainder="passthrough")
    ],
    "columns in columns": lambda: [
        pn.Columns(
            [
                ("a", [pn.Columns([("e", [pn.Embedding(CATEGORIES, 2), dense(2)], 1)])], [3, 0]),
                ("b", [pn.Residual([dense(3), pn.PReLU("shared")], 0.5)], [1, 2, 3]),
            ],
            "passthrough",
        )
    ],
    "above a layer": lambda: [
        dense(INPUTS),
        pn.Columns([("a", [dense(3)], [0, 5]), ("b", [pn.SiLU()], [5, 2, 1])], "passthrough"),
        pn.Tanh(),
    ],
    "pbld": lambda: [pn.Columns([("x", [periodic("pbld")], [1, 2, 5])], "passthrough")],
    "plr": lambda: [pn.Columns([("x", [periodic("plr")], [1, 2, 5])], "passthrough")],
    "embedding": lambda: [
        pn.Columns([("codes", [pn.Embedding(CATEGORIES, 3)], [0, 4])]),
        dense(4, activation="tanh"),
    ],
}


def network(name, dtype="float64", **compiled):
    model = pn.Sequential([*STACKS[name](), dense(3)], input_shape=(INPUTS,), dtype=dtype, seed=4)
    model.compile(**{"loss": "softmax_cross_entropy", **compiled})
    return model


@pytest.mark.parametrize("count", [1, 30, 300])
@pytest.mark.parametrize("name", STACKS)
def test_agrees_with_the_oracle(rng, name, count):
    model, weights = network(name), rng.uniform(size=count)
    X, y = rows(rng, count), targets(rng, count, 3)
    assert_agrees_with_the_oracle(model, X, y, weights, tolerance=ORACLE_GRADIENT)
    outputs, backward = model.vjp(X)
    seed = rng.standard_normal(outputs.shape)
    grad_x, _ = backward(seed)
    layers = twin(model).layers
    expected, _ = oracle.backward(layers, oracle.forward(layers, X), seed)
    scale = max(1.0, np.abs(expected).max())
    assert_within(grad_x, expected, ORACLE_GRADIENT * scale, name)


@pytest.mark.parametrize("name", STACKS)
def test_gradients_are_central_differences(rng, name):
    model = network(name)
    assert_gradients_are_derivatives(model, rows(rng, 9), targets(rng, 9, 3))


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("fused", [True, False])
def test_any_number_of_threads_trains_the_same_bits(rng, dtype, name, fused):
    X, y = rows(rng, 300), targets(rng, 300, 3)
    found = []
    for threads in (1, 2):
        pn.set_num_threads(threads)
        clip = None if fused else 0.1
        optimizer = pn.AdamW(0.01, weight_decay=0.1, clip_norm=clip)
        model = network(name, np.dtype(dtype).name, optimizer=optimizer)
        model.fit(X, y, epochs=2, batch_size=280)  # two blocks of rows
        found.append({**model.parameters(), "predict": model.predict(X)})
        alone = model.predict(X[7:8])
        assert_same_bits(alone[0], found[-1]["predict"][7])
    for key, values in found[0].items():
        assert_same_bits(found[1][key], values, key)


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_files_keep_the_model(rng, tmp_path, ending, name):
    if ending == "safetensors":
        pytest.importorskip("safetensors")
    model, X = network(name), rows(rng, 20)
    model.save(tmp_path / f"m.{ending}")
    loaded = pn.load(tmp_path / f"m.{ending}")
    assert loaded.layers == model.layers
    assert_same_bits(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize("name", STACKS)
def test_onnx_files_give_the_same_outputs(rng, dtype, tmp_path, name):
    onnx, runs = pytest.importorskip("onnx"), pytest.importorskip("onnx_runs")
    model = network(name, np.dtype(dtype).name)
    X = rows(rng, 20).astype(dtype)
    model.to_onnx(tmp_path / "m.onnx")
    content = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(content, full_check=True)
    assert_ported(runs.run(content, X), model.predict(X), name)


@pytest.mark.parametrize("name", STACKS)
def test_trace_and_summary_name_every_layer(rng, name):
    model, X = network(name), rows(rng, 5)
    traced = model.trace(X, targets(rng, 5, 3))
    assert_same_bits(traced[f"{len(model.layers) - 1}.a"], model.predict(X))
    for key in model.parameters():
        assert f"{key.rpartition('.')[0]}.z" in traced
        assert key.rpartition(".")[0] in str(model.summary())


def test_names_shapes_and_frozen_branches():
    model = network("wide and deep")
    assert {name: p.shape for name, p in model.parameters().items()} == {
        "0.deep.0.weight": (5, 3),
        "0.deep.0.bias": (5,),
        "0.deep.1.weight": (3, 5),
        "0.deep.1.bias": (3,),
        "0.deep.2.alpha": (3,),
        "0.codes.0.weight": (CATEGORIES, 3),
        "1.weight": (3, 2 + 3 + 6),
        "1.bias": (3,),
    }
    frozen = pn.Columns([("a", [pn.Dense(2)], 0)], trainable=False)
    model = pn.Sequential([frozen, pn.Dense(1)], input_shape=(2,))
    model.compile(loss="mean_squared_error")
    _, gradients = model.loss_and_gradients(np.ones((3, 2)), np.ones(3))
    assert list(gradients) == ["1.weight", "1.bias"]


def test_columns_may_be_the_last_layer(rng):
    X = rng.standard_normal((5, 3))
    last = pn.Columns([("one", [pn.ReLU()], [0, 2]), ("two", [], [1])])
    expected = np.column_stack([np.maximum(X[:, [0, 2]], 0.0), X[:, 1]])
    for layers, whole in (
        ([last], expected),
        ([pn.Columns([("all", [last], slice(None))])], expected),
        ([pn.Residual([last])], X + expected),
    ):
        model = pn.Sequential(layers, input_shape=(3,), dtype="float64")
        assert model.output_shape == (3,)
        assert_same_bits(model.predict(X), whole)


def test_sparse_rows_have_the_bits_of_dense_rows(rng):
    sparse = pytest.importorskip("scipy.sparse")
    X = rows(rng, 40) * (rng.random((40, INPUTS)) < 0.5)
    model = network("wide and deep")
    assert_same_bits(model.predict(sparse.csr_array(X)), model.predict(X))
    X[3, 4] = CATEGORIES
    with pytest.raises(ValueError, match="codes from 0 to 4 in column 4, got 5 in row 3"):
        model.predict(sparse.csr_array(X))


@pytest.mark.parametrize("code", [-1.0, float(CATEGORIES), 0.5, np.nan, np.inf])
@pytest.mark.parametrize("layout", ["rows", "columns", "strided"])
def test_what_is_no_code_is_refused_before_anything_moves(rng, dtype, code, layout):
    model = network("columns in columns", np.dtype(dtype).name)
    X, y = rows(rng, 30).astype(dtype), targets(rng, 30, 3)
    X = np.asfortranarray(X) if layout == "columns" else X
    X = np.repeat(X, 2, axis=1)[:, ::2] if layout == "strided" else X
    X[11, 0] = code
    before = {name: values.copy() for name, values in model.parameters().items()}
    for call in (model.fit, model.train_on_batch, model.evaluate, model.loss_and_gradients):
        with pytest.raises(ValueError, match=r"X must hold integer codes from 0 to 4 in column 0"):
            call(X, y)
    with pytest.raises(ValueError, match=r"predict: X must hold .*, got .* in row 11"):
        model.predict(X)
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)


def test_a_fraction_near_a_code_has_its_digits_in_the_message():
    model = pn.Sequential([pn.Embedding(3, 2)], input_shape=(1,), seed=0)
    with pytest.raises(ValueError, match=r"got 1\.0000000001 in row 0"):
        model.predict(np.array([[1.0000000001]]))


def test_rows_of_an_embedding_are_those_of_its_weight():
    model = pn.Sequential([pn.Embedding(3, 2)], input_shape=(2,), seed=0)
    weight = model.parameters()["0.weight"]
    assert_same_bits(model.predict([[2, 0]])[0], np.concatenate([weight[2], weight[0]]))
    assert weight.std() > 0.1


def build(*layers, shape=(INPUTS,), dtype="float32"):
    return pn.Sequential(list(layers), input_shape=shape, dtype=dtype)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: build(pn.Columns([("a", [], 7)])), "layer 0.a (Columns): columns must be below 7"),
        (lambda: build(pn.Columns([("a", [], slice(7, 9))])), "columns must be at least one of"),
        (lambda: build(pn.Columns([("a", [], slice(0, 0))])), "columns must be at least one of"),
        (
            lambda: build(pn.Columns([("a", [], 1)]), pn.Dense(2), shape=(2, 3)),
            "layer 0 (Columns): input must have shape (columns,), got (2,3)",
        ),
        (lambda: build(pn.Dense(3), pn.Embedding(4, 2)), "must be the first layer of the model"),
        (
            lambda: build(pn.Columns([("a", [pn.Tanh(), pn.Embedding(4, 2)], 1)])),
            "layer 0.a.1 (Embedding): must be the first layer",
        ),
        (lambda: build(pn.Embedding(2**24 + 1, 1)), "input_dim must be at most 16777216"),
        (lambda: pn.Columns([("a.b", [], 1)]), "without dots"),
        (lambda: pn.Columns([("a", [], 1), ("a", [], 2)]), "differ in name"),
        (lambda: pn.Columns([("a", [], [1, 1])]), "different positions"),
        (lambda: pn.Columns([("a", [], -1)]), "must be an integer >= 0"),
        (lambda: pn.Columns([("a", [], slice(None, -1))]), "stop must be an integer >= 0"),
        (lambda: pn.Columns([("a", [], slice(3, None, 2**64 - 1))]), "step must be an integer"),
        (lambda: pn.Columns([("a", [], slice(2**64, None))]), "start must be an integer"),
        (lambda: pn.Columns([("a", [])]), "list of (name, layers, columns)"),
        (lambda: pn.Columns([]), "list of (name, layers, columns)"),
        (lambda: pn.Columns([("a", [], 1)], "keep"), "remainder must be one of"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("columns", [{0, 1}, frozenset({2}), {0: 1}, iter([0, 1]), "01"])
def test_columns_without_an_order_are_refused(columns):
    with pytest.raises(
        TypeError, match=r"^Columns: columns must be (a position, a list of|an int)"
    ):
        pn.Columns([("a", [], columns)])


def test_messages_name_columns_only():
    for branch in (("a", [], [1, 1]), ("a", [1], 0), ("a.b", [], 0), ("a", [], -1), ("", [], 0)):
        with pytest.raises((TypeError, ValueError), match=r"^Columns: ") as found:
            pn.Columns([branch])
        assert "Branch" not in str(found.value)


def test_weights_of_dense_rows_of_codes(rng):
    """Each row of the gradient is the sum over the rows of the batch with its code, in order."""
    model = pn.Sequential([pn.Embedding(4, 3)], input_shape=(1,), dtype="float32", seed=1)
    model.compile(loss="half_squared_error")
    X, y = rng.integers(4, size=(700, 1)), rng.standard_normal((700, 3)).astype(np.float32)
    _, gradients = model.loss_and_gradients(X, y)
    expected = np.zeros((4, 3), np.float32)
    for code, row in zip(X[:, 0], model.predict(X) - y, strict=True):
        expected[code] += row
    assert_same_bits(gradients["0.weight"], expected)


def test_check_gradients_leaves_codes_out(rng):
    X, y = rows(rng, 12), rng.standard_normal((12, 2))
    model = build(*STACKS["wide and deep"](), pn.Dense(2), dtype="float64")
    model.compile(loss="mean_squared_error")
    found = pn.check_gradients(model, X, y, entries=12 * INPUTS)
    assert found.passed
    assert found["X"].tried == 12 * (INPUTS - 2)
    nested = build(*STACKS["columns in columns"](), pn.Dense(2), dtype="float64")
    nested.compile(loss="mean_squared_error")
    assert pn.check_gradients(nested, X, y, entries=12 * INPUTS)["X"].tried == 12 * (INPUTS - 1)
    codes = build(pn.Flatten(), pn.Embedding(CATEGORIES, 2), shape=(1, 2))
    codes.compile(loss="mean_squared_error")
    assert [*pn.check_gradients(codes, X[:, np.newaxis, [0, 4]], np.ones((12, 4)))] == ["1.weight"]


# ---- shapes ------------------------------------------------------------------------------------


def test_the_width_is_that_of_the_listed_columns(rng):
    for _ in range(300):
        count = int(rng.integers(1, 9))
        branches = []
        for number in range(int(rng.integers(1, 4))):
            if rng.random() < 0.5:
                columns = slice(int(rng.integers(count)), None, int(rng.integers(1, 3)))
            else:
                size = int(rng.integers(1, count + 1))
                columns = rng.choice(count, size, replace=False).tolist()
            branches.append((f"branch_{number}", [], columns))
        layer = pn.Columns(branches, remainder="passthrough")
        read = sum(len(branch.positions(count)) for branch in layer.inner_layers())
        assert layer.shapes((count,))[1] == (read + len(layer.rest(count)),)


def test_columns_that_no_machine_has_take_no_memory():
    branches = [("first", [], slice(1, 3)), ("others", [], slice(5, None)), ("one", [], 7)]
    layer = pn.Columns(branches, remainder="passthrough")
    assert layer.shapes((2**50,))[1] == (2**50 + 1,)
    with pytest.raises(MemoryError, match="not enough memory"):
        pn.Sequential([layer, pn.Dense(1)], input_shape=(2**45,))
