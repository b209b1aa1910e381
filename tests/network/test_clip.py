"""Clip: its range and gradient, and predictions that training does not see clipped."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from gradient_checks import assert_agrees_with_the_oracle
from network_models import dense, inputs, labelled
from tolerances import ORACLE_GRADIENT, assert_same_bits


def regression(*layers, seed=3):
    """Return a compiled network with one output and these layers at its end."""
    model = pn.Sequential([dense(8), pn.Tanh(), dense(1), *layers], input_shape=(7,), seed=seed)
    model.compile(pn.SGD(0.1), "mean_squared_error")
    return model


@pytest.mark.parametrize("rows", [1, 9, 277])
def test_gradients_agree_with_the_oracle(rng, rows):
    layers = [pn.Clip(-1.0, 0.5), dense(12), pn.Clip(-0.25, 0.5), dense(5), pn.Clip(-9.0, 0.3)]
    model = pn.Sequential(layers, input_shape=(7,), dtype="float64", seed=3)
    model.compile(loss="softmax_cross_entropy")
    X, y = labelled(rng, rows, (7,))
    assert_agrees_with_the_oracle(model, X, y, None, tolerance=ORACLE_GRADIENT)


def test_values_and_gradients_at_the_ends(dtype):
    model = pn.Sequential([pn.Clip(-1.0, 2.0)], input_shape=(8,), dtype=np.dtype(dtype).name)
    X = np.array([[-np.inf, -1.5, -1.0, -0.0, 2.0, 2.5, np.inf, np.nan]], dtype)
    outputs, backward = model.vjp(X)
    assert_same_bits(outputs, np.array([[-1, -1, -1, -0.0, 2, 2, 2, np.nan]], dtype))
    grad_x, _ = backward(np.full_like(X, 3.0))
    assert_same_bits(grad_x, np.array([[0, 0, 3, 3, 3, 0, 0, 3]], dtype))


def test_without_in_training_training_sees_no_clip(rng):
    X, y = inputs(rng, 60, (7,), np.float32), rng.standard_normal(60)
    plain, clipped = regression(), regression(pn.Clip(-0.25, 0.25, in_training=False))
    for model in (plain, clipped):
        model.fit(X, y, epochs=2, batch_size=16)
    for name, values in plain.parameters().items():
        assert_same_bits(clipped.parameters()[name], values)
    expected = np.clip(plain.predict(X), -0.25, 0.25)
    assert_same_bits(clipped.predict(X), expected)
    error = ((expected[:, 0] - y.astype(np.float32)) ** 2).mean()
    assert clipped.evaluate(X, y)["loss"] == pytest.approx(error)
    outputs = [model.vjp(X, training=True)[0] for model in (plain, clipped)]
    assert_same_bits(*outputs)


def test_with_in_training_gradients_outside_vanish(rng):
    X, y = inputs(rng, 60, (7,), np.float32), rng.standard_normal(60)
    model = regression(pn.Clip(100.0, 200.0))
    _, gradients = model.loss_and_gradients(X, y)
    assert not any(gradient.any() for gradient in gradients.values())


def test_a_file_keeps_it(tmp_path):
    model = regression(pn.Clip(-1, 3, in_training=False))
    model.save(tmp_path / "m.npz")
    assert pn.load(tmp_path / "m.npz").layers == model.layers


def test_bad_ranges():
    with pytest.raises(ValueError, match=r"Clip: low must be at most high, 1\.0, got 2\.0"):
        pn.Clip(2, 1)
    with pytest.raises(ValueError, match="Clip: high must be a finite number, got inf"):
        pn.Clip(0, np.inf)
    assert pn.Clip(1, 1).low == 1.0
