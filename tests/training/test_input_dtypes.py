"""Arrays and frames of every real dtype and byte order are converted before training."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from fit_checks import assert_same_models
from network_models import labelled, mlp
from tolerances import assert_same_bits

ROWS, CLASSES = 40, 5
FOREIGN = [">f8", ">f4", "<f2", ">f2", np.longdouble, ">i4", ">u2", ">i8"]


@pytest.mark.parametrize("dtype", FOREIGN)
def test_rows_and_targets_of_foreign_dtypes(rng, dtype):
    X, _ = labelled(rng, ROWS)
    X = np.abs(2 * X).astype(dtype)
    y = rng.integers(2, size=(ROWS, CLASSES)).astype(dtype)
    weights = rng.integers(1, 9, size=ROWS).astype(dtype)
    plain = [a.astype(np.float64) for a in (X, y, weights)]
    models = []
    for rows, targets, row_weights in ((X, y, weights), plain):
        model = mlp(loss="mean_squared_error", optimizer=pn.SGD(1e-3))
        options = {"sample_weight": row_weights}
        model.fit(rows, targets, **options, validation_data=(rows, targets, row_weights))
        model.train_on_batch(rows, targets, **options)
        model.train_epoch(rows, targets, **options)
        outputs, backward = model.vjp(rows)
        models.append((model, outputs, backward(targets)[0], model.evaluate(rows, targets)))
    one, other = models
    assert_same_models(one[0], other[0])
    assert np.isfinite(one[1]).all()
    assert_same_bits(one[1], other[1])
    assert_same_bits(one[2], other[2])
    assert one[3] == other[3]


@pytest.mark.parametrize("dtype", [">i8", ">u2"])
def test_labels_and_orders_of_foreign_byte_order(rng, dtype):
    X, y = labelled(rng, ROWS)
    models = []
    order = np.arange(ROWS)[::-1]
    for kind in (dtype, np.int64):
        models.append(mlp())
        models[-1].train_epoch(X, y.astype(kind), order=order.astype(kind))
    assert_same_models(*models)


def test_longdouble_beyond_float64_is_infinite():
    model = mlp(loss="mean_squared_error")
    X = np.zeros((2, 19), np.longdouble)
    X[0, 0] = np.finfo(np.longdouble).max
    if X.dtype == np.float64:
        pytest.skip("longdouble is float64 here")
    assert not np.isfinite(model.predict(X)[0]).all()
    with pytest.raises(ValueError, match="fit: y must hold numbers"):
        model.fit(X, X[:, :5])


# ---- pandas ------------------------------------------------------------------------------------


def small():
    """Return a network of four features and two classes."""
    return mlp((4,), (3, 2))


def frames(pd):
    """Return frames of the same numbers in columns of several dtypes."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(2, size=(ROWS, 4))
    names = ["a", "b", "c", "c"]  # names may repeat
    plain = pd.DataFrame(numbers, columns=names)
    flags = plain.copy()
    flags.columns = ["a", "b", "c", "d"]
    flags = flags.astype({"a": bool, "b": float, "c": "float32"})
    nullable = flags.astype({"a": "boolean", "b": "Float64", "c": "Int8", "d": "UInt16"})
    return {
        "plain": plain,
        "foreign": plain.astype(">f8"),
        "bool and float": flags,
        "nullable": nullable,
        "boolean": flags.astype("boolean"),
        "objects": plain.astype(object),
        "category": plain.astype({"a": "category", "b": float}),
        "sparse": flags.astype({"a": "boolean", "d": pd.SparseDtype(float, 0.0)}),
    }


def test_frames():
    found = frames(pytest.importorskip("pandas"))
    plain = found["plain"].to_numpy()
    other = small()
    other.fit(plain, plain[:, 0])
    for frame in found.values():
        model = small()
        model.fit(frame, frame.iloc[:, 0].astype("Int64"))
        assert_same_models(model, other)
        assert_same_bits(model.predict(frame), other.predict(plain))


def test_missing_numbers_are_nan():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": [True, False]})
    outputs = mlp((2,), (3, 2)).predict(frame)
    assert np.isfinite(outputs[0]).all()
    assert np.isnan(outputs[1]).all()
    with pytest.raises(TypeError, match="fit: y must hold integer labels, got float64"):
        mlp((2,), (3, 2)).fit(np.zeros((2, 2)), pd.Series([True, None], dtype="boolean"))


@pytest.mark.parametrize(
    "column",
    [["x", "y"], ["1", "2"], [[1], [1, 2]], [1j, 2j], np.array(["2020", "2021"], "M8[ns]")],
)
def test_a_column_that_is_no_number_is_named(column):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0, 2.0], "bad": column})
    with pytest.raises(TypeError, match=r"predict: X must .*, got .* in column 'bad'"):
        mlp((2,), (3, 2)).predict(frame)
    with pytest.raises(TypeError, match=r"fit: y must (have dtype float32|hold numbers, got text)"):
        mlp((2,), (3, 2)).fit(np.zeros((2, 2)), frame["bad"])


def test_an_explicit_native_byte_order_is_native(rng):
    X, y = labelled(rng, ROWS)
    order = "<" if np.dtype("<i4").isnative else ">"
    explicit = X.astype(X.dtype.newbyteorder(order))  # as h5py makes them
    assert explicit.dtype.byteorder == order
    assert_same_bits(mlp().predict(explicit), mlp().predict(X))
    assert_same_bits(pn.ops.relu_forward(explicit), pn.ops.relu_forward(X))
    mlp().fit(explicit, y)
