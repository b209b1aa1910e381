"""Layers for columns as they come: Rescaling by feature, Imputation and OneHot."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import dense, parameter_copies
from tolerances import assert_same_bits, assert_within, sum_tolerance

NAN, INF = np.nan, np.inf
SCALE, OFFSET = (0.5, -2.0, 3.0), (1.0, 0.25, -7.0)
STACKS = {
    "scale and offset": [pn.Rescaling(SCALE, OFFSET)],
    "one scale": [pn.Rescaling(2.0, OFFSET)],
    "one offset": [pn.Rescaling(SCALE, 0.5)],
    "imputation": [pn.Imputation((1.5, -2.0, 0.0))],
    "one-hot": [pn.OneHot([[0, 1], [-1.5, 2, 7], [3]])],
}


def expected_outputs(layer, x):
    """Return the layer's outputs in float64, by its equation."""
    x = np.asarray(x, np.float64)
    if isinstance(layer, pn.Rescaling):
        return x * np.array(layer.scale) + np.array(layer.offset)
    if isinstance(layer, pn.Imputation):
        return np.where(np.isnan(x), layer.values, x)
    columns = [x[:, [i]] == np.array(one) for i, one in enumerate(layer.categories)]
    return np.concatenate(columns, axis=1).astype(float)


def columns(rng, rows, dtype):
    """Return rows with gaps, of numbers that are categories here and there."""
    X = rng.choice([0.0, 1.0, -1.5, 2.0, 7.0, 3.0, NAN, 0.123], size=(rows, 3))
    return X.astype(dtype)


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("rows", [1, 9, 300])
def test_outputs_and_gradients(rng, dtype, name, rows):
    (layer,) = STACKS[name]
    X = columns(rng, rows, dtype)
    if isinstance(layer, pn.Rescaling):
        X = np.nan_to_num(X)
    model = pn.Sequential([layer], input_shape=(3,), dtype=np.dtype(dtype).name)
    outputs, backward = model.vjp(X)
    assert_within(outputs, expected_outputs(layer, X), sum_tolerance(4, dtype) * 8)
    assert_same_bits(model.predict(X), outputs)
    assert_same_bits(model.predict(X[:1]), outputs[:1])
    grad = rng.standard_normal(outputs.shape).astype(dtype)
    grad_x, _ = backward(grad)
    if isinstance(layer, pn.Rescaling):
        assert_within(grad_x, grad * np.array(layer.scale), sum_tolerance(4, dtype) * 8)
    elif isinstance(layer, pn.Imputation):
        assert_same_bits(grad_x, np.where(np.isnan(X), dtype(0), grad))
    else:
        assert not grad_x.any()


def test_numbers_for_each_channel_of_an_image(rng):
    X = rng.standard_normal((11, 4, 5, 3))
    X[3, 2, 1] = NAN
    stack = [pn.Imputation((1.0, 2.0, 3.0)), pn.Rescaling(SCALE, OFFSET), pn.Flatten()]
    model = pn.Sequential(stack, input_shape=(4, 5, 3), dtype="float64")
    expected = np.where(np.isnan(X), [1.0, 2.0, 3.0], X) * SCALE + OFFSET
    found = model.predict(X).reshape(X.shape)
    assert_within(found, expected, sum_tolerance(4, np.float64) * 8)


@pytest.mark.parametrize("name", STACKS)
def test_training_has_the_same_bits_for_any_number_of_threads(rng, name):
    X, y = np.nan_to_num(columns(rng, 1500, np.float32)), rng.integers(4, size=1500)
    found = []
    before = pn.get_num_threads()
    for threads in (1, 2):
        pn.set_num_threads(threads)
        model = pn.Sequential([*STACKS[name], dense(300), pn.PReLU(), dense(4)], seed=0)
        model.compile(pn.Adam())
        model.fit(X, y, batch_size=300, epochs=2)
        found.append(parameter_copies(model))
    pn.set_num_threads(before)
    for parameter, values in found[0].items():
        assert_same_bits(values, found[1][parameter], parameter)


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_files(rng, tmp_path, name, suffix):
    if suffix == "safetensors":
        pytest.importorskip("safetensors")
    model = pn.Sequential([*STACKS[name], dense(4)], input_shape=(3,), seed=0)
    model.save(tmp_path / f"m.{suffix}")
    loaded, X = pn.load(tmp_path / f"m.{suffix}"), columns(rng, 50, np.float32)
    assert loaded.layers == model.layers
    assert loaded.fingerprint() == model.fingerprint()
    assert_same_bits(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize("name", STACKS)
def test_onnx(rng, dtype, tmp_path, name):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = pn.Sequential(
        [*STACKS[name], dense(4)], input_shape=(3,), dtype=np.dtype(dtype).name, seed=0
    )
    model.to_onnx(tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    X = columns(rng, 50, dtype)
    (found,) = session.run(None, {"x": X})
    assert_within(found, model.predict(X), sum_tolerance(64, dtype))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: pn.Rescaling([]), ValueError, "scale must have at least one number"),
        (lambda: pn.Rescaling([1, "a"]), TypeError, "an entry of scale must be a finite number"),
        (lambda: pn.Rescaling([1, NAN]), ValueError, "an entry of scale must be a finite number"),
        (lambda: pn.Rescaling([1, 2], [1, 2, 3]), ValueError, "the same length, got 2 and 3"),
        (lambda: pn.Imputation(1.0), TypeError, "values must be a sequence of numbers"),
        (lambda: pn.Imputation([INF]), ValueError, "an entry of values must be a finite number"),
        (lambda: pn.OneHot([]), TypeError, "categories must be a list of lists of numbers"),
        (lambda: pn.OneHot([1.0]), TypeError, "an entry of categories must be a sequence of num"),
        (lambda: pn.OneHot([[1, 2, 1]]), ValueError, "categories of a feature must differ"),
        (lambda: pn.OneHot([[]]), ValueError, "an entry of categories must have at least one"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=f"^(Rescaling|Imputation|OneHot): .*{message}"):
        make()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (pn.Rescaling(SCALE), "scale and offset must be one number, or one for each of 4 features"),
        (pn.Imputation(SCALE), "values must be one number for each of 4 features, got 3"),
        (pn.OneHot([[1]]), r"categories are given for 1 features, the input has shape \(4,\)"),
    ],
)
def test_samples_with_another_number_of_features(layer, message):
    with pytest.raises(ValueError, match=message):
        pn.Sequential([dense(4), layer], input_shape=(3,))
