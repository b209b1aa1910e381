"""The pinball loss of one and of several quantiles, in ops and in models."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from gradient_checks import assert_agrees_with_the_oracle
from network_models import dense
from reference.pinball import pinball
from tolerances import ORACLE_GRADIENT, assert_close_to_scale, assert_same_bits, sum_tolerance

QUANTILES = [0.1, 0.5, 0.9]


def network(loss, outputs=3, dtype="float64"):
    layers = [dense(9, activation="tanh"), dense(outputs)]
    model = pn.Sequential(layers, input_shape=(4,), dtype=dtype, seed=2)
    model.compile(pn.Adam(0.02), loss, metrics=["accuracy"])
    return model


@pytest.mark.parametrize("outputs", [1, 2, 3, 8, 9, 17, 40])
def test_each_output_has_its_quantile(rng, dtype, outputs):
    metrics = pytest.importorskip("sklearn.metrics")
    values, targets = rng.standard_normal((2, 21, outputs)).astype(dtype)
    targets[3] = values[3]
    quantiles = np.linspace(0.05, 0.9, outputs)
    value, grad = pn.ops.pinball(values, targets, quantile=quantiles)
    expected, expected_grad = pinball(values, targets, quantile=quantiles)
    tolerance = sum_tolerance(8, dtype) + sum_tolerance(values.size, np.float64)
    assert_close_to_scale(value, expected, tolerance)
    assert_close_to_scale(grad, expected_grad, tolerance)
    assert not grad[3].any()
    theirs = [
        metrics.mean_pinball_loss(target, output, alpha=quantile)
        for target, output, quantile in zip(targets.T, values.T, quantiles, strict=True)
    ]
    assert_close_to_scale(value, np.mean(theirs), tolerance)


def test_equal_quantiles_are_one(rng, dtype):
    values, targets = rng.standard_normal((2, 20, 3)).astype(dtype)
    value, grad = pn.ops.pinball(values, targets, quantile=0.3)
    same, same_grad = pn.ops.pinball(values, targets, quantile=[0.3] * 3)
    assert value == same
    assert_same_bits(grad, same_grad)


@pytest.mark.parametrize("shape", [(30,), (30, 1)])
def test_targets_of_one_column_serve_all_quantiles(rng, shape):
    model, X = network(pn.losses.Pinball(QUANTILES)), rng.standard_normal((30, 4))
    y, weights = rng.standard_normal(shape), rng.uniform(size=30)
    whole = np.tile(y.reshape(30, 1), 3)
    assert_agrees_with_the_oracle(model, X, whole, weights, tolerance=ORACLE_GRADIENT)
    value, gradients = model.loss_and_gradients(X, y, sample_weight=weights)
    expected, of_whole = model.loss_and_gradients(X, whole, sample_weight=weights)
    assert value == expected
    for name, gradient in of_whole.items():
        assert_same_bits(gradients[name], gradient, name)
    assert list(model.evaluate(X, y)) == ["loss"]
    assert list(model.train_on_batch(X, y)) == ["loss"]
    assert model.predict(X).shape == (30, 3)


def test_training_finds_the_quantiles(rng):
    X, y = np.zeros((4000, 1)), rng.exponential(size=4000)
    model = pn.Sequential([pn.Dense(3)], input_shape=(1,), seed=0)
    model.compile(pn.Adam(pn.schedules.CosineDecay(0.05, 400)), pn.losses.Pinball(QUANTILES))
    model.fit(X, y, epochs=50, batch_size=500, validation_data=(X, y))
    shares = (y[:, np.newaxis] <= model.predict(X[:1])).mean(axis=0)
    assert np.abs(shares - QUANTILES).max() < 1 / 50


def test_a_metric_gets_targets_in_the_shape_of_the_outputs(rng):
    shapes = []

    def metric(y_true, outputs):
        shapes.append((y_true.shape, outputs.shape))
        return 0.0

    model = network(pn.losses.Pinball(QUANTILES))
    model.compile("sgd", pn.losses.Pinball(QUANTILES), metrics=[metric])
    model.evaluate(rng.standard_normal((5, 4)), rng.standard_normal(5))
    assert shapes == [((5, 3), (5, 3))]


def test_files_keep_the_quantiles(rng, tmp_path):
    model = network(pn.losses.Pinball(QUANTILES))
    model.save(tmp_path / "m.npz")
    loaded = pn.load(tmp_path / "m.npz")
    assert loaded.engine.compiled.loss == pn.losses.Pinball(tuple(QUANTILES))
    X, y = rng.standard_normal((5, 4)), rng.standard_normal(5)
    assert loaded.evaluate(X, y) == model.evaluate(X, y)


@pytest.mark.parametrize("quantiles", [[0.5, 0.9], [0.1, 0.2, 0.3, 0.4]])
def test_outputs_must_be_as_many_as_quantiles(rng, quantiles):
    message = f"quantile must be one number, or one for each of 3 outputs, got {len(quantiles)} num"
    with pytest.raises(ValueError, match=f"compile: {message}"):
        network(pn.losses.Pinball(quantiles))
    later = pn.Sequential([pn.Dense(3)])
    later.compile(loss=pn.losses.Pinball(quantiles))
    with pytest.raises(ValueError, match=message):
        later.fit(rng.standard_normal((5, 4)), rng.standard_normal(5))
    with pytest.raises(ValueError, match=f"pinball: {message}"):
        pn.ops.pinball(np.zeros((2, 3)), np.zeros((2, 3)), quantile=quantiles)
