"""Rows are read as they lie in memory: any real dtype and any layout train and predict the same."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import activation_layer, dense, mlp, parameter_copies, targets
from tolerances import assert_same_bits

ROWS = 301  # more than a block, and no multiple of a chunk
SHAPES = [(6,), (4, 3, 2)]


def misaligned(array):
    """Return a copy that starts one byte past where its dtype may."""
    raw = np.empty(array.nbytes + 1, np.uint8)
    copy = raw[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def read_only(array):
    """Return a copy that cannot be written."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def moved_axes(array):
    """Return a view of a copy whose axes lie in memory in another order."""
    axes = (*range(1, array.ndim), 0)
    return np.moveaxis(np.ascontiguousarray(array.transpose(axes)), -1, 0)


def with_gaps(array):
    """Return a view of the middle of a larger array."""
    wrong = np.nan if array.dtype.kind == "f" else 99
    larger = np.full([size + 3 for size in array.shape], wrong).astype(array.dtype)
    inner = larger[tuple(slice(1, 1 + size) for size in array.shape)]
    inner[...] = array
    return inner


LAYOUTS = {
    "float64": lambda array: array.astype(np.float64),
    "Fortran": np.asfortranarray,
    "moved axes": moved_axes,
    "every second row": lambda array: np.repeat(array, 2, axis=0)[::2],
    "every third feature": lambda array: np.repeat(array, 3, axis=-1)[..., ::3],
    "rows backwards": lambda array: array[::-1].copy()[::-1],
    "all backwards": lambda array: np.flip(np.flip(array).copy()),
    "gaps": with_gaps,
    "float64 with gaps": lambda array: with_gaps(array.astype(np.float64)),
    "misaligned": misaligned,
    "misaligned float64": lambda array: misaligned(array.astype(np.float64)),
    "read-only": read_only,
    "list": lambda array: array.tolist(),
}
INTEGERS = [
    *(np.uint8, np.uint16, np.uint32, np.uint64),
    *(np.int8, np.int16, np.int32, np.int64),
]


def model_for(shape, dtype):
    """Return a compiled network for samples of a shape."""
    layers = [activation_layer("prelu-channel"), pn.Flatten()] if len(shape) > 1 else []
    layers += [dense(9), activation_layer("prelu-shared"), dense(3)]
    model = pn.Sequential(layers, input_shape=shape, dtype=np.dtype(dtype).name, seed=4)
    model.compile(pn.SGD(0.1, momentum=0.9), metrics=["accuracy"])
    return model


def everything(X, y, shape, dtype, weights=None):
    """Return {name: array} of all that a model makes of the data."""
    model = model_for(shape, dtype)
    loss, gradients = model.loss_and_gradients(X, y, sample_weight=weights)
    results = {f"gradient of {name}": values for name, values in gradients.items()}
    results["predict"] = model.predict(X)
    results["loss"] = np.array(loss)
    evaluated = model.evaluate(X, y, sample_weight=weights)
    results["evaluate"] = np.array(list(evaluated.values()))
    model.fit(X, y, epochs=2, batch_size=40, sample_weight=weights)
    model.fit(X, y, batch_size=None, shuffle=False, sample_weight=weights)
    return results | parameter_copies(model)


def assert_same_results(results, expected):
    """Assert that two dictionaries hold the same bits."""
    assert list(results) == list(expected)
    for name, values in expected.items():
        assert np.isfinite(values).all()
        assert_same_bits(results[name], values, name)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_layouts_of_samples(rng, dtype, shape, layout):
    X = rng.standard_normal((ROWS, *shape)).astype(np.float32)
    y = rng.integers(3, size=ROWS)
    expected = everything(X.astype(dtype), y, shape, dtype)
    assert_same_results(everything(LAYOUTS[layout](X), y, shape, dtype), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_broadcast_samples(rng, dtype, shape):
    y = rng.integers(3, size=ROWS)
    for part in (rng.standard_normal(shape), rng.standard_normal((ROWS, *shape[:-1], 1))):
        X = np.broadcast_to(part, (ROWS, *shape))
        assert 0 in X.strides
        expected = everything(np.array(X, dtype), y, shape, dtype)
        assert_same_results(everything(X, y, shape, dtype), expected)


@pytest.mark.parametrize("given", [*INTEGERS, np.bool_], ids=lambda given: given.__name__)
@pytest.mark.parametrize("shape", SHAPES)
def test_integers_and_booleans_are_numbers(rng, dtype, shape, given):
    low = -2 if np.dtype(given).kind == "i" else 0
    X = rng.integers(low, 2 if given == np.bool_ else 3, (ROWS, *shape)).astype(given)
    y = rng.integers(3, size=ROWS)
    expected = everything(X.astype(dtype), y, shape, dtype)
    assert_same_results(everything(X, y, shape, dtype), expected)
    assert_same_results(everything(with_gaps(X), y, shape, dtype), expected)


@pytest.mark.parametrize("given", [*INTEGERS, np.float64], ids=lambda given: given.__name__)
def test_extreme_numbers_are_rounded_as_numpy_rounds(rng, dtype, given):
    limits = np.finfo(given) if given == np.float64 else np.iinfo(given)
    extremes = [limits.max, limits.max - limits.max // 3, limits.min // 3, limits.min, 0, 1]
    if given == np.float64:
        extremes = [1e38, 3.4028235677973366e38, -1e39, 1e-46, 1 / 3, np.nan, np.inf, -0.0]
    X = np.array(extremes, dtype=given)[:, np.newaxis]
    model = pn.Sequential([pn.LeakyReLU(1.0)], input_shape=(1,), dtype=np.dtype(dtype).name)
    with np.errstate(over="ignore"):
        expected = X.astype(dtype)
    assert_same_bits(model.predict(X), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_target_rows(rng, dtype, layout):
    X, y = rng.standard_normal((ROWS, 6)), rng.uniform(size=(ROWS, 3)).astype(np.float32)
    expected = everything(X, y.astype(dtype), (6,), dtype)
    assert_same_results(everything(X, LAYOUTS[layout](y), (6,), dtype), expected)


@pytest.mark.parametrize("given", INTEGERS, ids=lambda given: given.__name__)
@pytest.mark.parametrize(
    "layout", [np.asarray, misaligned, read_only, lambda array: np.repeat(array, 2)[::-2][::-1]]
)
def test_layouts_of_labels_and_order(rng, given, layout):
    X, y = rng.standard_normal((100, 6)), rng.integers(3, size=100)
    expected = everything(X, y, (6,), np.float32)
    assert_same_results(everything(X, layout(y.astype(given)), (6,), np.float32), expected)

    order = rng.permutation(100)
    in_order, as_given = model_for((6,), np.float32), model_for((6,), np.float32)
    in_order.train_epoch(X[order], y[order], batch_size=16)
    as_given.train_epoch(X, y, order=layout(order.astype(given)), batch_size=16)
    for name, values in in_order.parameters().items():
        assert_same_bits(as_given.parameters()[name], values, name)


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if "feature" not in name])
def test_layouts_of_weights(rng, layout):
    X, y = rng.standard_normal((ROWS, 6)), rng.integers(3, size=ROWS)
    weights = rng.uniform(size=ROWS).astype(np.float32)
    expected = everything(X, y, (6,), np.float64, weights)
    assert_same_results(everything(X, y, (6,), np.float64, LAYOUTS[layout](weights)), expected)


def test_one_target_a_row_serves_one_output(rng):
    X, y = rng.standard_normal((50, 19)), rng.standard_normal(50)
    flat, column, backwards = (mlp(widths=(8, 1), loss="mean_squared_error") for _ in range(3))
    assert flat.fit(X, y)["loss"] == column.fit(X, y[:, np.newaxis])["loss"]
    backwards.fit(X, y[::-1].copy()[::-1])
    for name, values in flat.parameters().items():
        assert_same_bits(column.parameters()[name], values, name)
        assert_same_bits(backwards.parameters()[name], values, name)


def test_data_are_not_changed(rng):
    X, y, weights = rng.standard_normal((60, 19)), targets(rng, 60, 5), rng.uniform(size=60)
    order = rng.permutation(60)
    kept = [array.copy() for array in (X, y, weights, order)]
    model = mlp()
    model.fit(X, y, sample_weight=weights)
    model.train_epoch(X, y, order=order, sample_weight=weights)
    model.evaluate(X, y)
    model.predict(X)
    for array, expected in zip((X, y, weights, order), kept, strict=True):
        assert_same_bits(array, expected)
