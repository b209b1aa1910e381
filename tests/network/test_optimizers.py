"""Parameters after each step against the oracle's trainer, for each optimizer and each option."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import (
    NOT_OF_UPDATES,
    activation_layer,
    dense,
    labelled,
    mlp,
    parameter_copies,
    twin,
)
from reference import network as oracle
from tolerances import (
    ORACLE_GRADIENT,
    assert_close_to_scale,
    assert_same_bits,
    bits_of,
    sum_tolerance,
)

STEPS = 6
BATCH = 20
UPDATE_ROUNDINGS = 16  # of penalty, both clips, decay and Adam's quotient together
PENALIZED_BY_DEFAULT = ("weight",)
ALL = ("weight", "bias", "alpha")

OPTIMIZERS = {
    "sgd": pn.SGD(0.1),
    "no rate": pn.SGD(0.0),
    "momentum": pn.SGD(0.1, momentum=0.9),
    "nesterov": pn.SGD(0.1, momentum=0.9, nesterov=True),
    "l2": pn.SGD(0.1, l2=0.3),
    "l2 of all": pn.SGD(0.1, l2=0.3, decay_all=True),
    "decay": pn.SGD(0.1, weight_decay=0.4),
    "decay of all": pn.SGD(0.1, weight_decay=0.4, decay_all=True),
    "momentum with both": pn.SGD(0.1, momentum=0.5, l2=0.1, weight_decay=0.2, decay_all=True),
    "nesterov with both": pn.SGD(0.1, momentum=0.5, nesterov=True, l2=0.1, weight_decay=0.2),
    "clip value": pn.SGD(0.1, clip_value=0.01),
    "clip norm": pn.SGD(0.1, clip_norm=0.1),
    "clip norm that does nothing": pn.SGD(0.1, clip_norm=1e6),
    "both clips": pn.SGD(0.1, clip_value=0.02, clip_norm=0.05),
    "l2 before clip value": pn.SGD(0.1, l2=0.5, clip_value=0.02),
    "l2 before clip norm": pn.SGD(0.1, momentum=0.5, l2=0.5, clip_norm=0.2, decay_all=True),
    "adam": pn.Adam(0.01),
    "adam with betas": pn.Adam(0.01, beta_1=0.5, beta_2=0.7, epsilon=1e-2),
    "adam without memory": pn.Adam(0.01, beta_1=0.0, beta_2=0.0),
    "adam l2": pn.Adam(0.01, l2=0.3),
    "adam of all": pn.Adam(0.01, l2=0.3, weight_decay=0.5, decay_all=True),
    "adam clip": pn.Adam(0.01, clip_value=0.02, clip_norm=0.05, l2=0.1, epsilon=1e-3),
    "adam without correction": pn.Adam(0.01, bias_correction=False),
    "adamw": pn.AdamW(0.01),
    "adamw decay": pn.AdamW(0.01, weight_decay=2.0),
    "rmsprop": pn.RMSprop(0.01),
    "rmsprop momentum": pn.RMSprop(0.01, rho=0.7, momentum=0.8, epsilon=1e-3),
    "rmsprop centered": pn.RMSprop(0.01, centered=True, epsilon=1e-3, l2=0.2),
    "rmsprop with both": pn.RMSprop(0.01, centered=True, momentum=0.5, weight_decay=0.3),
    "rmsprop clip": pn.RMSprop(0.01, clip_value=0.02, clip_norm=0.05, decay_all=True, l2=0.1),
    "lion": pn.Lion(0.01),
    "lion with betas": pn.Lion(0.01, beta_1=0.5, beta_2=0.7, l2=0.1),
    "lion of all": pn.Lion(0.01, weight_decay=0.5, decay_all=True, clip_norm=0.1),
}
SCHEDULES = {
    "constant": pn.schedules.Constant(0.1),
    "step": pn.schedules.StepDecay(0.2, factor=0.5, every=2),
    "exponential": pn.schedules.ExponentialDecay(0.2, rate=0.5, steps=3),
    "cosine": pn.schedules.CosineDecay(0.2, steps=STEPS + 2),
    "warm-up": pn.schedules.WarmUp(pn.schedules.CosineDecay(0.2, steps=STEPS), steps=2),
}


def oracle_options(optimizer):
    """Return an optimizer's arguments as the oracle's trainer wants them."""
    options = {
        name: value for name, value in optimizer.config().items() if name not in NOT_OF_UPDATES
    }
    options["penalize"] = ALL if options.pop("decay_all") else PENALIZED_BY_DEFAULT
    return options | {"optimizer": optimizer.update}


def batches(rng, steps=STEPS):
    """Return that many batches of samples, labels and weights."""
    return [(*labelled(rng, BATCH), rng.uniform(size=BATCH)) for _ in range(steps)]


def oracle_history(model, given, **options):
    """Return the oracle's losses, and its parameters after each step by the model's names."""
    other = twin(model)
    losses, history = oracle.train(
        other.layers, given, loss=model.engine.compiled.loss.name, **options
    )
    return losses, [other.renamed(values) for values in history]


def assert_parameters(model, expected, label):
    """Assert that the parameters are the oracle's."""
    for name, values in model.parameters().items():
        assert_close_to_scale(values, expected[name], ORACLE_GRADIENT, f"{label}: {name}")


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("alphas", ["prelu-channel", "prelu-shared"])
def test_every_step_is_the_oracles(rng, name, alphas):
    optimizer = OPTIMIZERS[name]
    model, given = mlp(activation=alphas, optimizer=optimizer), batches(rng)
    losses, history = oracle_history(model, given, **oracle_options(optimizer))
    for step, (X, y, weights) in enumerate(given):
        loss = model.train_on_batch(X, y, sample_weight=weights)["loss"]
        assert_close_to_scale(loss, losses[step], ORACLE_GRADIENT, f"loss of step {step}")
        assert_parameters(model, history[step], f"step {step}")


@pytest.mark.parametrize("optimizer", [pn.SGD(0.0), pn.Adam(0.0), pn.AdamW(0.0)], ids=repr)
def test_a_rate_of_0_moves_nothing(rng, optimizer):
    model = mlp(optimizer=optimizer)
    before = parameter_copies(model)
    model.fit(*labelled(rng, 50))
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)


def test_options_make_a_difference():
    """Two options that train the same bits would be one that is forgotten."""
    trained = {}
    for name, optimizer in OPTIMIZERS.items():
        model = mlp(optimizer=optimizer)
        for X, y, weights in batches(np.random.default_rng(3), 3):
            model.train_on_batch(X, y, sample_weight=weights)
        trained[name] = b"".join(map(bits_of, model.parameters().values()))
    same = {name for name in trained if list(trained.values()).count(trained[name]) > 1}
    assert same == {"sgd", "clip norm that does nothing"}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_float32_updates_follow_their_gradients(rng, name):
    optimizer = OPTIMIZERS[name]
    model, options = mlp(dtype="float32", optimizer=optimizer), oracle_options(optimizer)
    X, y = labelled(rng, BATCH)
    before, (_, gradients) = parameter_copies(model), model.loss_and_gradients(X, y)
    state = oracle.initial_state(before, options["optimizer"])
    expected, _ = oracle.update(before, gradients, state, step=1, **options)
    model.train_on_batch(X, y)
    for parameter, values in model.parameters().items():
        tolerance = sum_tolerance(UPDATE_ROUNDINGS, np.float32)
        assert_close_to_scale(values, expected[parameter], tolerance, parameter)


# ---- schedules ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("optimizer", [pn.SGD, pn.Adam])
def test_a_schedule_gives_each_step_its_rate(rng, name, optimizer):
    schedule = SCHEDULES[name]
    rates = [schedule(step) for step in range(STEPS)]
    model, given = mlp(optimizer=optimizer(schedule, weight_decay=0.1)), batches(rng)
    options = oracle_options(model.engine.compiled.optimizer) | {"learning_rate": rates}
    _, history = oracle_history(model, given, **options)
    for step, (X, y, weights) in enumerate(given):
        assert model.learning_rate == rates[step]
        model.train_on_batch(X, y, sample_weight=weights)
        assert_parameters(model, history[step], f"step {step}")


def test_steps_of_a_schedule_go_on_over_epochs_and_fits(rng):
    schedule = SCHEDULES["cosine"]
    X, y = labelled(rng, 2 * BATCH)
    model = mlp(optimizer=pn.SGD(schedule))
    given = [(X[:BATCH], y[:BATCH]), (X[BATCH:], y[BATCH:])] * (STEPS // 2)
    rates = [schedule(step) for step in range(STEPS)]
    _, history = oracle_history(model, given, optimizer="sgd", learning_rate=rates)
    model.fit(X, y, epochs=2, batch_size=BATCH, shuffle=False)
    assert_parameters(model, history[3], "two epochs")
    model.train_epoch(X, y, batch_size=BATCH)
    assert_parameters(model, history[5], "the third")


def test_a_rate_set_by_hand_holds_from_the_next_step(rng):
    model, given = mlp(), batches(rng)
    rates = [0.1, 0.1, 0.5, 0.5, 0.5, 0.5]
    _, history = oracle_history(model, given, optimizer="sgd", learning_rate=rates)
    for step, (X, y, weights) in enumerate(given):
        if step == 2:
            model.learning_rate = 0.5
        model.train_on_batch(X, y, sample_weight=weights)
        assert_parameters(model, history[step], f"step {step}")


# ---- state -------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [pn.SGD(0.1, momentum=0.9), pn.Adam(0.01)], ids=repr)
def test_compile_starts_the_state_anew(rng, optimizer):
    (first, second) = batches(rng, 2)
    model, fresh = mlp(optimizer=optimizer), mlp(optimizer=optimizer)
    model.train_on_batch(*first[:2])
    fresh.set_parameters(model.parameters())
    model.compile(optimizer)
    for one in (model, fresh):
        one.train_on_batch(*second[:2])
    for name, values in model.parameters().items():
        assert_same_bits(values, fresh.parameters()[name], name)


def test_loss_and_gradients_change_nothing(rng):
    optimizer = pn.Adam(0.01, clip_norm=0.1, l2=0.1)
    watched, plain = mlp(optimizer=optimizer), mlp(optimizer=optimizer)
    for X, y, weights in batches(rng):
        first = watched.loss_and_gradients(X, y, sample_weight=weights)
        again = watched.loss_and_gradients(X, y, sample_weight=weights)
        assert first[0] == again[0]
        for name, gradient in first[1].items():
            assert_same_bits(gradient, again[1][name], name)
        for model in (watched, plain):
            model.train_on_batch(X, y, sample_weight=weights)
    for name, values in watched.parameters().items():
        assert_same_bits(values, plain.parameters()[name], name)


# ---- frozen layers -----------------------------------------------------------------------------


@pytest.mark.parametrize("frozen", [(0,), (1,), (2,), (0, 1), (1, 2), (2, 4), (0, 1, 2, 3)])
@pytest.mark.parametrize("name", ["momentum with both", "l2 before clip norm", "adam of all"])
def test_frozen_layers_stay_and_the_others_train_as_ever(rng, frozen, name):
    layers = [
        dense(9, trainable=0 not in frozen),
        activation_layer("prelu-channel", trainable=1 not in frozen),
        dense(8, activation=activation_layer("prelu-shared"), trainable=2 not in frozen),
        activation_layer("prelu-channel", trainable=3 not in frozen),
        dense(5, trainable=4 not in frozen),
    ]
    model = pn.Sequential(layers, input_shape=(19,), dtype="float64", seed=1)
    model.compile(OPTIMIZERS[name])
    given, before = batches(rng), parameter_copies(model)
    other = twin(model)
    held = [key for key, own in other.names.items() if int(own.split(".")[0]) in frozen]
    options = oracle_options(OPTIMIZERS[name]) | {"frozen": held}
    _, history = oracle_history(model, given, **options)
    for step, (X, y, weights) in enumerate(given):
        _, gradients = model.loss_and_gradients(X, y, sample_weight=weights)
        assert list(gradients) == [n for n in before if int(n.split(".")[0]) not in frozen]
        model.train_on_batch(X, y, sample_weight=weights)
        assert_parameters(model, history[step], f"step {step}")
    for key, values in model.parameters().items():
        if int(key.split(".")[0]) in frozen:
            assert_same_bits(values, before[key], key)
        else:
            assert not np.array_equal(values, before[key])


def test_a_network_that_is_all_frozen_can_be_trained_in_vain(rng):
    model = pn.Sequential([dense(5, trainable=False)], input_shape=(19,), seed=1)
    model.compile(pn.Adam(0.1, clip_norm=1.0, l2=0.1))
    X, y = labelled(rng, 30)
    before = parameter_copies(model)
    history = model.fit(X, y, epochs=2, shuffle=False, batch_size=None)
    assert history["loss"][0] == history["loss"][1] > 0
    loss = model.evaluate(X, y)["loss"]
    assert_close_to_scale(history["loss"][0], loss, sum_tolerance(len(X), np.float64))
    assert model.loss_and_gradients(X, y)[1] == {}
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)
