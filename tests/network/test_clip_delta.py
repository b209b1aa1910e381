"""Clipping of deltas: each row's, at each layer with weights, before weights and the mean."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import (
    ACTIVATIONS,
    LOSSES,
    activation_layer,
    conv2d,
    dense,
    inputs,
    oracle_loss_and_gradients,
    parameter_copies,
    targets,
)
from tolerances import ORACLE_GRADIENT, assert_same_bits, assert_within, sum_tolerance

LIMIT = 0.05  # of deltas of the order of 1: most are clipped


def compiled(stack, shape, *, loss="softmax_cross_entropy", dtype="float64", clip_delta=LIMIT):
    model = pn.Sequential(stack, input_shape=shape, dtype=dtype, seed=4)
    model.compile(pn.SGD(1.0), loss, clip_delta=clip_delta)
    return model


def assert_step_is_the_oracles(model, X, y, weights, tolerance):
    """Assert that a step at a rate of 1 takes the oracle's clipped gradients off."""
    _, _, expected = oracle_loss_and_gradients(model, X, y, weights, clip_delta=LIMIT)
    _, _, unclipped = oracle_loss_and_gradients(model, X, y, weights)
    before = parameter_copies(model)
    model.train_on_batch(X, y, sample_weight=weights)
    assert any(not np.allclose(expected[name], unclipped[name]) for name in expected)
    for name, values in model.parameters().items():
        moved = before[name].astype(np.float64) - values
        scale = max(np.abs(expected[name]).max(), np.abs(before[name]).max())
        assert_within(moved, expected[name], tolerance * scale, name)


@pytest.mark.parametrize("rows", [1, 9, 300])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_dense_layers(rng, name, rows):
    model = compiled([dense(18), activation_layer(name), dense(7), dense(5)], (11,))
    X, y = inputs(rng, rows, (11,)), targets(rng, rows, 5)
    assert_step_is_the_oracles(model, X, y, rng.uniform(0.0, 2.0, rows), ORACLE_GRADIENT)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses(rng, loss):
    model = compiled([dense(9, activation="tanh"), dense(4)], (6,), loss=loss)
    X, y = inputs(rng, 21, (6,)), targets(rng, 21, 4, loss=loss)
    assert_step_is_the_oracles(model, X, y, rng.uniform(0.5, 1.5, 21), ORACLE_GRADIENT)


def test_convolutions_and_residuals(rng):
    stack = [
        conv2d(3, 3, padding="same", activation="prelu"),
        pn.MaxPool2D(2),
        conv2d(4, 2, activation="relu"),
        pn.Flatten(),
        pn.Residual([dense(36), pn.PReLU("shared"), dense(36, use_bias=False)], step=0.5),
        dense(5),
    ]
    model = compiled(stack, (8, 8, 2))
    X, y = inputs(rng, 13, (8, 8, 2)), targets(rng, 13, 5)
    assert_step_is_the_oracles(model, X, y, None, ORACLE_GRADIENT)


def test_float32(rng):
    model = compiled([dense(18), pn.PReLU(), dense(5)], (11,), dtype="float32")
    X, y = inputs(rng, 64, (11,)), targets(rng, 64, 5)
    assert_step_is_the_oracles(model, X, y, None, sum_tolerance(64 + 18 + 11, np.float32))


def test_without_bias_and_with_frozen_layers(rng):
    stack = [dense(7, trainable=False), dense(7, use_bias=False), pn.ReLU(), dense(5)]
    model = compiled(stack, (11,))
    X, y = inputs(rng, 12, (11,)), targets(rng, 12, 5)
    _, _, expected = oracle_loss_and_gradients(model, X, y, clip_delta=LIMIT)
    before = parameter_copies(model)
    model.train_on_batch(X, y)
    after = model.parameters()
    assert_same_bits(after["0.weight"], before["0.weight"])
    moved = before["1.weight"] - after["1.weight"]
    assert_within(moved, expected["1.weight"], ORACLE_GRADIENT * np.abs(before["1.weight"]).max())


def test_a_limit_out_of_reach_changes_no_bit(rng):
    X, y = inputs(rng, 70, (11,)), targets(rng, 70, 5)
    runs = []
    for limit in (None, 1e6):
        model = compiled([dense(18), pn.PReLU(), dense(5)], (11,), clip_delta=limit)
        model.fit(X, y, epochs=2, batch_size=16)
        runs.append(parameter_copies(model))
    for name, values in runs[0].items():
        assert_same_bits(values, runs[1][name], name)


def test_gradients_asked_for_are_the_losses_own(rng):
    X, y = inputs(rng, 20, (11,)), targets(rng, 20, 5)
    clipped, plain = (compiled([dense(5)], (11,), clip_delta=limit) for limit in (LIMIT, None))
    for name, gradient in clipped.loss_and_gradients(X, y)[1].items():
        assert_same_bits(gradient, plain.loss_and_gradients(X, y)[1][name], name)


def test_it_goes_with_the_model(rng, tmp_path):
    X, y = inputs(rng, 20, (11,)), targets(rng, 20, 5)
    model = compiled([dense(5)], (11,))
    model.save(tmp_path / "m.npz")
    again = pn.load(tmp_path / "m.npz")
    for one in (model, again):
        one.train_on_batch(X, y)
    assert_same_bits(model.parameters()["0.weight"], again.parameters()["0.weight"])


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(ValueError, match="compile: clip_delta must be"):
        compiled([dense(5)], (11,), clip_delta=limit)
