"""Stops of training each so many steps, for callbacks that ask for them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import prelunet as pn
from fit_checks import lengths_of_calls, recorded
from network_models import labelled, mlp
from tolerances import assert_close_to_scale, sum_tolerance

STEPS = 5  # of an epoch: 25 rows in batches of 5


@pytest.fixture
def data(rng):
    return labelled(rng, 25)


def fit(model, data, *callbacks, **options):
    return model.fit(*data, batch_size=5, callbacks=callbacks, **options)


def test_callbacks_with_stops_of_their_own(data, monkeypatch):
    model, calls = mlp(), []
    lengths = lengths_of_calls(monkeypatch, model)
    callbacks = [
        pn.LambdaCallback(
            on_steps=lambda steps, logs, every=every: calls.append((every, steps)),
            steps_between=every,
        )
        for every in (10, 4)
    ]
    model.fit(*data, batch_size=1, callbacks=callbacks)
    assert lengths == [4, 4, 2, 2, 4, 4, 4, 1]
    assert calls == [(4, 4), (4, 8), (10, 10), (4, 12), (4, 16), (10, 20), (4, 20), (4, 24)]


def test_a_stop_comes_between_the_batch_and_the_progress(data):
    calls = []
    watch = pn.LambdaCallback(
        on_train_batch_end=lambda batch, logs: calls.append(batch),
        on_epoch_progress=lambda done, total, logs: calls.append((done, total)),
        on_steps=lambda steps, logs: calls.append("steps"),
        steps_between=2,
    )
    fit(mlp(), data, watch)
    batches = [[0, (1, 5)], [1, "steps", (2, 5)], [2, (3, 5)], [3, "steps", (4, 5)], [4, (5, 5)]]
    assert calls == [call for batch in batches for call in batch]


def test_steps_cut_short_by_a_stop_do_not_shorten_those_after(data, monkeypatch):
    model = mlp()
    lengths = lengths_of_calls(monkeypatch, model)
    monkeypatch.setattr("prelunet.training.loop.time.perf_counter", iter(np.arange(99.0)).__next__)
    monkeypatch.setattr("prelunet.training.loop._SLICE_SECONDS", 8.0)  # eight steps, at one a call
    watch, _ = recorded(11)
    model.fit(
        *data, batch_size=1, callbacks=[watch, pn.LambdaCallback(on_epoch_progress=lambda *_: 0)]
    )
    assert lengths == [1, 4, 6, 11, 3]


@pytest.mark.parametrize("own_loss", [False, True])
def test_logs_do_not_depend_on_the_clock(rng, monkeypatch, own_loss):
    """Slices are as long as the clock says; the sums of steps must not show it, to the bit."""
    data = labelled(rng, 400)

    def logs(*lengths):
        """Return the logs of two callbacks, with slices of these lengths in turn."""
        slices = itertools.cycle(lengths)
        monkeypatch.setattr("prelunet.training.loop._next_slice", lambda *_: next(slices))
        model = pn.Sequential([pn.Dense(8, "prelu"), pn.Dense(5)], seed=0)
        loss = cross_entropy if own_loss else "softmax_cross_entropy"
        model.compile(pn.SGD(0.1), loss, metrics=["accuracy"])
        found = []
        callbacks = [
            pn.LambdaCallback(on_steps=lambda *call: found.append(call), steps_between=between)
            for between in (50, 70)
        ]
        progress = pn.LambdaCallback(on_epoch_progress=lambda *_: None)
        history = model.fit(*data, epochs=2, batch_size=2, callbacks=[*callbacks, progress])
        return found, history.to_dict()

    whole, pieces = logs(1000), logs(7, 3, 20)
    assert len(whole[0]) == 13
    assert whole == pieces


def cross_entropy(outputs, labels):
    """Softmax cross-entropy, written in Python."""
    p = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    losses = -np.log(p[rows, labels])
    p[rows, labels] -= 1.0
    return losses, p


@pytest.mark.parametrize(("between", "error"), [(0, ValueError), (2.5, TypeError)])
def test_bad_steps_between(data, between, error):
    class Mine(pn.Callback):
        steps_between = between

    with pytest.raises(error, match=r"^fit: Mine\.steps_between must be an integer >= 1, got"):
        fit(mlp(), data, Mine())


def test_steps_trained(data):
    model = pn.Sequential([pn.Dense(5)])
    assert model.steps_trained == 0
    model.compile()
    fit(model, data, epochs=2)
    model.train_on_batch(*data)
    assert model.steps_trained == 2 * STEPS + 1
    model.compile()
    assert model.steps_trained == 0


@pytest.mark.filterwarnings("ignore:fit. epoch .*the loss is")
def test_a_loss_past_all_others_is_that_of_its_own_steps_alone(data):
    """What differences of a running sum would give after it is 0, or NaN."""
    X, y = data
    seen = []
    watch = pn.LambdaCallback(
        on_steps=lambda steps, logs: seen.append(logs["loss"]), steps_between=1
    )
    targets = np.eye(5)[y]
    targets[5:10] = 6.7e153  # the second step; the sum of five such squares overflows
    model = mlp(loss="mean_squared_error", optimizer=pn.SGD(1e-300), metrics=())
    model.fit(X, targets, batch_size=5, shuffle=False, callbacks=[watch])
    assert seen[1] == math.inf
    losses = [model.evaluate(X[i : i + 5], targets[i : i + 5])["loss"] for i in range(0, 25, 5)]
    for place in (0, 2, 3, 4):
        assert_close_to_scale(seen[place], losses[place], sum_tolerance(100, np.float64))
