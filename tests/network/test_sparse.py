"""Sparse rows: the bits of the same rows dense, but for the sign of zero, in far less memory."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import prelunet as pn
from memory_use import needs_linux
from network_models import dense, mlp, oracle_loss_and_gradients
from reference.sparse import dense_rows
from sparse_rows import Csr, few
from subprocesses import run_code
from tolerances import assert_same_bits, assert_within, sum_tolerance

OUTPUTS = 3


def assert_same_numbers(found, expected, label=""):
    """Assert the same bits, with -0.0 as 0.0."""
    assert_same_bits(np.asarray(found) + 0.0, np.asarray(expected) + 0.0, label)


def state(model):
    """Return the parameters and the state of the optimizer."""
    values, slots, _ = model.engine.core.state("test")
    return [*values, *(values for slot in slots for values in slot)]


def assert_same_model(found, expected):
    """Assert the same parameters and state of the optimizer."""
    for got, wanted in zip(state(found), state(expected), strict=True):
        assert_same_numbers(got, wanted)


def network(features, units, dtype, optimizer=None, *, first=(), clip_delta=None):
    """Return a compiled network whose first weight is (units, features)."""
    layers = [*first, dense(units), pn.PReLU("channel"), pn.Dropout(0.2), dense(OUTPUTS)]
    model = pn.Sequential(layers, input_shape=(features,), dtype=dtype, seed=3)
    model.compile(optimizer or pn.Adam(1e-2), metrics=["accuracy"], clip_delta=clip_delta)
    return model


def labels(rng, rows):
    """Return a label for each row."""
    return rng.integers(OUTPUTS, size=rows)


# ---- the same bits -----------------------------------------------------------------------------


def test_gradients_are_the_oracles(rng):
    csr = Csr.of(few(rng, 30, 19))
    model = mlp(dtype="float64")
    y = rng.integers(5, size=30)
    rows = dense_rows(csr.indptr, csr.indices, csr.data, csr.shape)
    loss, gradients = model.loss_and_gradients(csr, y)
    _, expected, wanted = oracle_loss_and_gradients(model, rows, y)
    tolerance = sum_tolerance(30 * 100, np.float64)
    assert_within(loss, expected, tolerance * abs(expected))
    for name, values in wanted.items():
        assert_within(gradients[name], values, tolerance, name)


@pytest.mark.parametrize("features", [1, 7, 16, 49, 97, 200])
@pytest.mark.parametrize("units", [1, 3, 8, 17, 31, 48, 50, 65, 130])
def test_outputs_and_gradients_are_the_dense_ones(rng, dtype, units, features):
    X, y = few(rng, 70, features, dtype), labels(rng, 70)
    model, csr = network(features, units, dtype), Csr.of(X)
    assert_same_numbers(model.predict(csr), model.predict(X))
    assert model.evaluate(csr, y) == model.evaluate(X, y)
    for threads in (1, 2, 3):
        pn.set_num_threads(threads)
        loss, gradients = model.loss_and_gradients(csr, y)
        expected, wanted = model.loss_and_gradients(X, y)
        assert loss == expected
        for name, values in wanted.items():
            assert_same_numbers(gradients[name], values, name)


OPTIMIZERS = {
    "sgd": pn.SGD(0.1),
    "adam": pn.Adam(1e-2, l2=1e-3),
    "clip": pn.Adam(1e-2, clip_norm=0.1),
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [37, 300])  # 300: a batch takes two blocks
def test_training_is_the_dense_one(rng, dtype, optimizer, batch_size, threads):
    """Many steps in a call keep the weight in panels; single steps do not."""
    X, y = few(rng, 310, 101, dtype), labels(rng, 310)
    weights = rng.random(310)
    for units in (5, 50, 75):
        found, expected = (network(101, units, dtype, OPTIMIZERS[optimizer]) for _ in range(2))
        pn.set_num_threads(threads)
        for model, rows in ((found, Csr.of(X)), (expected, X)):
            options = {"batch_size": batch_size, "sample_weight": weights}
            model.fit(rows, y, epochs=5, validation_data=(rows, y), **options)
            model.fit(rows, y, epochs=9, validation_split=0.2, batch_size=batch_size)
            model.train_on_batch(rows, y)
            model.train_epoch(rows, y, order=np.arange(309, -1, -1), batch_size=64)
        assert_same_model(found, expected)


def test_large_batches_take_several_passes(rng, dtype):
    X, y = few(rng, 2100, 33, dtype), labels(rng, 2100)
    found, expected = (network(33, 20, dtype) for _ in range(2))
    found.fit(Csr.of(X), y, epochs=2, batch_size=None)
    expected.fit(X, y, epochs=2, batch_size=None)
    assert_same_model(found, expected)


def logistic(outputs, targets):
    """Return a loss of the user's own, and its gradient."""
    error = outputs.sum(axis=1) - targets
    return error**2, np.repeat(2 * error[:, None], outputs.shape[1], axis=1)


def test_a_loss_in_python_is_the_dense_one(rng, dtype):
    X, y = few(rng, 50, 23, dtype), labels(rng, 50)
    models = []
    for rows in (Csr.of(X), X):
        models.append(network(23, 9, dtype, clip_delta=0.5))
        models[-1].compile(pn.Adam(1e-2), logistic)
        models[-1].fit(rows, y, epochs=3, batch_size=16)
    assert_same_model(*models)


@pytest.mark.parametrize(
    "first",
    [
        [pn.Rescaling(0.37)],
        [pn.Rescaling(1e3), pn.Rescaling(-0.1)],
        [pn.Flatten(), pn.Dropout(0.3)],
        [pn.Rescaling(0.5, offset=1.0)],
        [pn.Tanh()],
        [pn.Residual([pn.Dense(40)], step=0.5)],
    ],
    ids=lambda first: "-".join(type(layer).__name__ for layer in first),
)
def test_what_comes_before_the_first_weight(rng, dtype, first):
    """A Rescaling without offset scales the elements; other layers read dense blocks."""
    X, y = few(rng, 90, 40, dtype), labels(rng, 90)
    found, expected = (network(40, 20, dtype, first=first, clip_delta=0.1) for _ in range(2))
    found.fit(Csr.of(X), y, epochs=4, batch_size=32)
    expected.fit(X, y, epochs=4, batch_size=32)
    assert_same_model(found, expected)
    assert_same_numbers(found.predict(Csr.of(X)), expected.predict(X))


def test_vjp_and_trace_read_dense_rows(rng, dtype):
    X, y = few(rng, 20, 15, dtype), labels(rng, 20)
    model = network(15, 8, dtype, first=[pn.Rescaling(2.0)])
    results = []
    for rows in (Csr.of(X), X):
        outputs, backward = model.vjp(rows)
        grad_x, gradients = backward(np.ones_like(outputs))
        trace = model.trace(rows, y)
        results.append([outputs, grad_x, *gradients.values(), *trace.values()])
    for found, expected in zip(*results, strict=True):
        assert_same_numbers(found, expected)


def test_subnormals_count_as_zero(rng, dtype):
    """Elements of X and their scaled values are flushed, as in dense rows."""
    tiny = np.finfo(np.float32).smallest_normal / 4
    X = np.where(rng.random((30, 11)) < 0.3, tiny, few(rng, 30, 11)).astype(np.float32)
    first = [pn.Rescaling(1e30)]
    model = network(11, 6, dtype, first=first)
    assert_same_numbers(model.predict(Csr.of(X)), model.predict(X))


def test_a_weight_that_is_not_finite_meets_the_elements_only(dtype):
    """0 * inf is NaN in the dense product; the sparse one leaves it out."""
    model = pn.Sequential([pn.Dense(1)], input_shape=(2,), dtype=dtype)
    model.set_parameters({"0.weight": [[np.inf, 2.0]]})
    X = np.array([[0.0, 1.0]], dtype)
    assert np.isnan(model.predict(X)).all()
    assert model.predict(Csr.of(X)) == 2.0


# ---- what may be given -------------------------------------------------------------------------

KINDS = ["bool", "int8", "uint8", "int16", "int32", "uint32", "int64", "uint64", "float64"]


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("kind", KINDS)
def test_elements_of_any_dtype_are_rounded_once(rng, dtype, kind, index):
    X = abs(few(rng, 20, 9) * 30).astype(kind)
    model = network(9, 4, dtype)
    assert_same_numbers(model.predict(Csr.of(X, index)), model.predict(X))


@pytest.mark.parametrize("kind", ["bool", "float32", "float64", "int16"])
def test_elements_in_any_order_and_twice(rng, dtype, kind):
    """The user's matrix keeps its elements; elements in one place add up, as in toarray()."""
    indptr, indices = np.array([0, 5, 5, 9]), np.array([4, 0, 4, 2, 4, 1, 1, 3, 0])
    data = (rng.standard_normal(9) * 10).astype(kind)
    before = indices.copy(), data.copy()
    X = np.zeros((3, 6), kind)
    for i in range(3):
        for place in range(indptr[i], indptr[i + 1]):
            X[i, indices[place]] += data[place]
    model = network(6, 4, dtype)
    assert_same_numbers(model.predict(Csr(indptr, indices, data, (3, 6))), model.predict(X))
    assert_same_bits(indices, before[0])
    assert_same_bits(data, before[1])


@pytest.mark.parametrize(
    "name", ["csr_matrix", "csc_matrix", "coo_matrix", "csr_array", "csc_array", "coo_array"]
)
def test_formats_of_scipy(rng, name):
    sparse = pytest.importorskip("scipy.sparse")
    X, y = few(rng, 40, 12), labels(rng, 40)
    rows = getattr(sparse, name)(X)
    found, expected = (network(12, 7, "float64") for _ in range(2))
    found.fit(rows, y, epochs=2, validation_split=0.25, verbose=False)
    expected.fit(X, y, epochs=2, validation_split=0.25, verbose=False)
    assert_same_model(found, expected)
    assert_same_numbers(found.predict(rows), expected.predict(X))


def csr_with(**changed):
    """Return a good CSR matrix of shape (3, 4) with some arrays changed."""
    good = {
        "indptr": np.array([0, 2, 2, 3], np.int32),
        "indices": np.array([0, 3, 1], np.int32),
        "data": np.array([1.0, 2.0, 3.0]),
    }
    return Csr(**good | changed, shape=(3, 4))


DAMAGED = {
    "X.indices must hold columns from 0 to 3, got 4": {"indices": np.array([0, 4, 1])},
    "X.indices must hold columns from 0 to 3, got -1": {"indices": np.array([0, 3, -1])},
    "X.indices must hold columns from 0 to 3, got 922": {"indices": np.array([0, 3, 2**63 - 1])},
    "X.indptr must not decrease, got 1 after 2": {"indptr": np.array([0, 2, 1, 3])},
    "X.indptr must begin with 0, got 1": {"indptr": np.array([1, 2, 2, 3])},
    "X.indptr must hold offsets from 0 to 3, got 4": {"indptr": np.array([0, 2, 2, 4])},
    "X.indptr must hold offsets from 0 to 3, got -2": {"indptr": np.array([0, -2, 2, 3])},
    "X.indptr must have shape (4,), got (3,)": {"indptr": np.array([0, 2, 3])},
    "X.indptr must have shape (4,), got (5,)": {"indptr": np.array([0, 2, 2, 3, 3])},
    "X.indptr must have shape (rows + 1,), got (1, 4)": {"indptr": np.array([[0, 2, 2, 3]])},
    "X.indptr must hold offsets from 0 to 2, got 3": {"data": np.ones(2)},
    "X.data must have shape (elements,), got (3, 1)": {"data": np.ones((3, 1))},
}


@pytest.mark.parametrize("message", DAMAGED)
def test_damaged_matrices_are_refused(message):
    X = csr_with(**DAMAGED[message])
    model = network(4, 3, "float32")
    for call in (model.predict, lambda X: model.fit(X, [0, 1, 2])):
        with pytest.raises(ValueError, match=re.escape(message)):
            call(X)


def test_arrays_may_be_longer_than_the_matrix(rng):
    X = few(rng, 5, 4)
    csr = Csr.of(X)
    csr.indices = np.append(csr.indices, [99, -99])
    csr.data = np.append(csr.data, [np.nan, np.nan])
    model = network(4, 3, "float64")
    assert_same_numbers(model.predict(csr), model.predict(X))


@pytest.mark.parametrize("name", ["csc_matrix", "coo_matrix"])
def test_damaged_matrices_of_other_formats_are_refused(name):
    sparse = pytest.importorskip("scipy.sparse")
    X = getattr(sparse, name)(np.eye(4))
    if name == "csc_matrix":
        X.indices[2] = 1 << 20
    else:
        X.row[2] = 1 << 20
    with pytest.raises(ValueError, match="predict: X must be a valid sparse matrix"):
        network(4, 3, "float64").predict(X)


@pytest.mark.parametrize("kind", [np.complex128, object])
def test_dtypes_that_are_not_real_are_refused(kind):
    with pytest.raises(TypeError, match=r"X.data must have dtype float32, float64, bool or an int"):
        network(4, 3, "float32").predict(csr_with(data=np.ones(3, kind)))
    with pytest.raises(TypeError, match=r"X.indices must hold integer columns"):
        network(4, 3, "float32").predict(csr_with(indices=np.ones(3)))


def test_other_shapes_are_refused(rng):
    csr = Csr.of(few(rng, 5, 4))
    with pytest.raises(ValueError, match=r"X must have shape \(n, 6\), got \(5, 4\)"):
        network(6, 3, "float32").predict(csr)
    model = pn.Sequential([pn.Flatten(), pn.Dense(2)], input_shape=(2, 2))
    with pytest.raises(ValueError, match=r"X must have shape \(n, 2, 2\), got \(5, 4\)"):
        model.predict(csr)


# ---- memory ------------------------------------------------------------------------------------

MEGABYTE = 2**20
MANY = """
import json
import numpy as np
import prelunet as pn
from memory_use import peak
from sparse_rows import Csr

features, rows = 1 << 18, 300
rng = np.random.default_rng(0)
indices = np.sort(rng.integers(features, size=(rows, 20)), axis=1).ravel()
csr = Csr(np.arange(rows + 1) * 20, indices, np.ones(rows * 20), (rows, features))
y = np.zeros(rows, int)
"""


@needs_linux
@pytest.mark.parametrize("first", ["pn.Rescaling(0.5)", "pn.Rescaling(0.5, offset=1.0)"])
def test_rows_of_many_columns_take_little_memory(first):
    """Rows that must be dense, because of an offset, come in blocks bounded in bytes."""
    peaks = json.loads(
        run_code(
            MANY
            + f"""
pn.set_num_threads(2)
model = pn.Sequential([{first}, pn.Dense(2)], input_shape=(features,), seed=0)
model.compile(pn.SGD(0.1))
calls = {{
    "predict": lambda: model.predict(csr),
    "fit": lambda: model.fit(csr, y, epochs=1, batch_size=None),
    "loss_and_gradients": lambda: model.loss_and_gradients(csr, y),
}}
print(json.dumps({{name: peak(call) for name, call in calls.items()}}))
"""
        )
    )
    # Two threads; X, the Rescaling's output, and its gradient or a second buffer for outputs.
    dense_blocks = 0 if "offset" not in first else 2 * 3 * 32 * MEGABYTE
    for name, growth in peaks.items():
        assert growth < dense_blocks + 24 * MEGABYTE, f"{name} took {growth:,} bytes"
