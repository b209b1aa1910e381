"""Dropout: which elements are kept is NumPy's Philox of (seed, layer; step, row, unit), no more."""

from __future__ import annotations

import math

import numpy as np
import pytest

import prelunet as pn
from network_models import (
    activation_layer,
    dense,
    inputs,
    labelled,
    oracle_loss_and_gradients,
    parameter_copies,
    targets,
)
from tolerances import ORACLE_GRADIENT, assert_close_to_scale, assert_same_bits

SEED = 2**62 + 12345
SPREADS = 6  # standard deviations of a count: chance leaves them twice in a thousand million
WORDS = 4  # that Philox gives at once


def kept(rate, *, layer, step, rows, units, seed=SEED):
    """Return which elements are kept: word unit % 4 of counter (step, row, unit // 4, 0)."""
    mask = np.empty((rows, -(-units // WORDS) * WORDS), dtype=bool)
    for row in range(rows):
        for block in range(mask.shape[1] // WORDS):
            counter = step + (row << 64) + (block << 128)
            # NumPy adds 1 to the counter before it draws.
            philox = np.random.Philox(key=[seed, layer], counter=(counter - 1) % 2**256)
            fractions = (philox.random_raw(WORDS) >> np.uint64(11)) * 2.0**-53
            mask[row, block * WORDS : (block + 1) * WORDS] = fractions >= rate
    return mask[:, :units]


def factors(rate, **where):
    """Return what dropout multiplies by."""
    return kept(rate, **where) / (1 - rate)


def two_dropouts(dtype="float64", seed=SEED):
    """Return a network with dropout of its inputs and of hidden units."""
    layers = [pn.Dropout(0.2), dense(13), activation_layer("prelu-channel"), pn.Dropout(0.6)]
    model = pn.Sequential([*layers, dense(3)], input_shape=(7,), dtype=dtype, seed=seed)
    model.compile(pn.SGD(0.1))
    return model


def assert_masks_of_step(model, X, y, step):
    """Assert that the next step of `two_dropouts` has the masks of that number."""
    masks = [
        factors(0.2, layer=0, step=step, rows=len(X), units=7, seed=model.seed),
        factors(0.6, layer=3, step=step, rows=len(X), units=13, seed=model.seed),
    ]
    _, expected_loss, expected = oracle_loss_and_gradients(model, X, y, factors=masks)
    loss, gradients = model.loss_and_gradients(X, y)
    assert_close_to_scale(loss, expected_loss, ORACLE_GRADIENT, "loss")
    for name, gradient in gradients.items():
        assert_close_to_scale(gradient, expected[name], ORACLE_GRADIENT, name)


@pytest.mark.parametrize("seed", [0, 1, SEED, 2**63 - 1])
@pytest.mark.parametrize("rows", [1, 30, 270])
def test_masks_are_numpys_philox(rng, seed, rows):
    X, y = labelled(rng, rows, (7,), 3)
    assert_masks_of_step(two_dropouts(seed=seed), X, y, 0)


def test_the_step_count_goes_on_over_fits_and_only_updates_count(rng):
    X, y = labelled(rng, 20, (7,), 3)
    model = two_dropouts()
    model.fit(X, y, epochs=2, batch_size=8)
    assert_masks_of_step(model, X, y, 6)
    model.evaluate(X, y)
    model.predict(X)
    model.loss_and_gradients(X, y)
    assert_masks_of_step(model, X, y, 6)
    model.fit(X, y, batch_size=8)
    assert_masks_of_step(model, X, y, 9)
    model.train_on_batch(X, y)
    assert_masks_of_step(model, X, y, 10)
    model.train_epoch(X, y, batch_size=15)
    assert_masks_of_step(model, X, y, 12)
    model.compile(pn.SGD(0.1))
    assert_masks_of_step(model, X, y, 0)


def test_two_fits_are_one_fit_of_as_many_epochs(rng):
    X, y = labelled(rng, 50, (7,), 3)
    one, two = two_dropouts(), two_dropouts()
    one.fit(X, y, epochs=5, batch_size=9)
    two.fit(X, y, epochs=2, batch_size=9)
    two.fit(X, y, epochs=3, batch_size=9)
    for name, values in one.parameters().items():
        assert_same_bits(two.parameters()[name], values, name)


def kept_by_the_engine(rate, *, rows=1, units=50, step=0, dtype=np.float64, seed=SEED, at=0):
    """Return the sums over the rows of what dropout makes of ones, divided by the rows.

    The targets lie so low that each row's absolute error has the derivative 1 / rows, which makes
    the gradient of the weight that sum.
    """
    layers = [pn.Rescaling(1.0) for _ in range(at)]
    layers += [pn.Dropout(rate), pn.Dense(1, use_bias=False, weight_init="zeros")]
    model = pn.Sequential(layers, input_shape=(units,), dtype=np.dtype(dtype).name, seed=seed)
    model.compile(pn.SGD(0.0), "mean_absolute_error")
    X, y = np.ones((rows, units), dtype), np.full(rows, -1.0)
    for _ in range(step):
        model.train_on_batch(X, y)
    _, gradients = model.loss_and_gradients(X, y)
    return next(iter(gradients.values()))[0]


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.3, 0.5, 0.9, 1 - 2.0**-20])
def test_kept_values_are_divided_by_what_is_kept(dtype, rate):
    mask = kept(rate, layer=0, step=0, rows=1, units=50)[0]
    expected = np.where(mask, dtype(1 / (1 - rate)), dtype(0))
    assert_same_bits(kept_by_the_engine(rate, dtype=dtype), expected)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_the_share_that_is_kept(rate):
    rows, units = 512, 40
    counts = kept_by_the_engine(rate, rows=rows, units=units) * rows * (1 - rate)
    spread = math.sqrt(rows * rate * (1 - rate))
    assert np.abs(counts - rows * (1 - rate)).max() <= SPREADS * spread
    assert np.abs(counts.sum() - rows * units * (1 - rate)) <= SPREADS * spread * math.sqrt(units)
    assert len(np.unique(np.round(counts))) > 1


def test_masks_differ_by_seed_layer_step_and_row():
    def mask(**changed):
        return tuple(kept_by_the_engine(0.5, units=200, **changed) > 0)

    masks = [mask(), mask(seed=SEED + 1), mask(at=1), mask(at=2), mask(step=1), mask(step=2)]
    assert len(set(masks)) == len(masks)
    assert mask() == mask()
    of_two_rows = kept_by_the_engine(0.5, units=200, rows=2)
    assert set(of_two_rows) == {0.0, 1.0, 2.0}  # kept in neither, in one, in both


def test_dropout_of_images_and_at_the_end(rng):
    layers = [pn.Dropout(0.3), activation_layer("prelu-channel"), pn.Flatten(), dense(5)]
    model = pn.Sequential(
        [*layers, pn.Dropout(0.4)], input_shape=(2, 3, 5), dtype="float64", seed=SEED
    )
    model.compile(loss="mean_squared_error")
    X, y = inputs(rng, 40, (2, 3, 5)), targets(rng, 40, 5, loss="mean_squared_error")
    masks = [
        factors(0.3, layer=0, step=0, rows=40, units=30).reshape(X.shape),
        factors(0.4, layer=4, step=0, rows=40, units=5),
    ]
    _, expected_loss, expected = oracle_loss_and_gradients(model, X, y, factors=masks)
    loss, gradients = model.loss_and_gradients(X, y)
    assert_close_to_scale(loss, expected_loss, ORACLE_GRADIENT, "loss")
    for name, gradient in gradients.items():
        assert_close_to_scale(gradient, expected[name], ORACLE_GRADIENT, name)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_it_is_the_identity_in_predict_and_evaluate(rng, name):
    X, y = labelled(rng, 100, (7,), 3)
    with_dropout = two_dropouts(dtype=name)
    layers = [dense(13), activation_layer("prelu-channel"), dense(3)]
    without = pn.Sequential(layers, input_shape=(7,), dtype=name)
    without.compile(pn.SGD(0.1))
    values = parameter_copies(with_dropout).values()
    without.set_parameters(dict(zip(without.parameters(), values, strict=True)))
    assert_same_bits(with_dropout.predict(X), without.predict(X))
    assert_same_bits(with_dropout.predict_proba(X), without.predict_proba(X))
    assert with_dropout.evaluate(X, y) == without.evaluate(X, y)
    assert with_dropout.loss_and_gradients(X, y)[0] != without.evaluate(X, y)["loss"]


def test_a_network_of_dropout_alone_predicts_its_inputs(rng, dtype):
    model = pn.Sequential([pn.Dropout(0.5)], input_shape=(7,), dtype=np.dtype(dtype).name)
    X = inputs(rng, 100, (7,), dtype)
    assert_same_bits(model.predict(X), X)


def test_a_rate_of_0_is_no_dropout(rng):
    X, y = labelled(rng, 60, (7,), 3)
    trained = []
    for layers in (
        [dense(9), pn.Dropout(0.0), pn.Tanh(), dense(3)],
        [dense(9), pn.Tanh(), dense(3)],
    ):
        model = pn.Sequential(layers, input_shape=(7,), seed=3)
        model.compile(pn.Adam(0.01))
        model.fit(X, y, epochs=2)
        trained.append(list(model.parameters().values()))
    for values, expected in zip(*trained, strict=True):
        assert_same_bits(values, expected)


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_masks_do_not_depend_on_threads(rng, threads):
    X, y = labelled(rng, 600, (64,), 10)
    results = []
    for count in (1, threads):
        pn.set_num_threads(count)
        layers = [dense(80), pn.Dropout(0.5), pn.ReLU(), dense(10)]
        model = pn.Sequential(layers, input_shape=(64,), seed=SEED)
        model.compile(pn.SGD(0.1))
        model.fit(X, y, epochs=2, batch_size=512)
        results.append(parameter_copies(model))
    for name, values in results[0].items():
        assert_same_bits(results[1][name], values, name)
