"""A fit without callbacks is one call of the engine, with the same results and random numbers."""

from __future__ import annotations

import numpy as np
import pytest

from estimator_checks import ROWS, X, Y, assert_same_fit, classifier
from prelunet.estimators import progress, stochastic

SETTINGS = [
    {"tol": 1e-3, "n_iter_no_change": 3},  # ends by the rule
    {"max_iter": 7, "tol": 0.0},  # ends by max_iter
    {"batch_size": ROWS, "max_iter": 30},  # one batch an epoch, in another order each
    {"shuffle": False, "tol": 1e-3, "n_iter_no_change": 3},
    {"tol": np.float32(1e-3), "n_iter_no_change": 3},  # float32 in the rule
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 1e-2, "n_iter_no_change": 2},
]
SETTINGS = [{"max_iter": 200, "batch_size": 40} | settings for settings in SETTINGS]


@pytest.fixture
def calls(monkeypatch):
    """Return a list that gets the number of epochs of each call of the engine."""
    found = []
    train = stochastic.Batches.train_epochs

    def counted(self, orders, batch_size, totals, *rest):
        found.append(len(totals))
        train(self, orders, batch_size, totals, *rest)

    monkeypatch.setattr(stochastic.Batches, "train_epochs", counted)
    return found


def same_draws(state, other):
    return np.array_equal(state.randint(1 << 30, size=700), other.randint(1 << 30, size=700))


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_long_call_does_what_short_ones_do(settings, calls, monkeypatch):
    settings = dict(settings)
    solver = settings.pop("solver", "adam")
    states = [np.random.RandomState(5) for _ in range(2)]
    long = classifier(solver, random_state=states[0], **settings).fit(X, Y)
    in_long = list(calls)
    monkeypatch.setattr(progress.Progress, "patience", None)
    monkeypatch.setattr(stochastic.StochasticLoop, "_twister_state", lambda self: None)
    short = classifier(solver, random_state=states[1], **settings).fit(X, Y)
    assert_same_fit(long, short)
    assert long.loss_curve_ == short.loss_curve_
    assert long.n_iter_ == short.n_iter_ < 200
    assert same_draws(*states)
    if solver == "adam" and isinstance(settings.get("tol", 0.0), float):
        assert in_long == [settings["max_iter"]]


def test_numpy_draws_from_its_global_state_and_other_generators(calls):
    settings = {"batch_size": 40, "tol": 1e-3, "n_iter_no_change": 3, "max_iter": 60}
    np.random.seed(3)
    whole = np.random.mtrand._rand
    for one, other in (
        (whole, np.random.RandomState(3)),
        *[[np.random.RandomState(np.random.PCG64(3)) for _ in range(2)]],
    ):
        calls.clear()
        found = classifier(random_state=one, **settings).fit(X, Y)
        assert max(calls) <= 4 < len(calls)
        assert_same_fit(found, classifier(random_state=other, **settings).fit(X, Y))
        assert same_draws(one, other)


def test_epochs_go_on_beyond_one_call(calls, monkeypatch):
    monkeypatch.setattr(stochastic, "_STEPS_AHEAD", 4 * 5)
    steps = -(-ROWS // 40)
    settings = {"batch_size": 40, "tol": 0.0, "max_iter": 11}
    found = classifier(**settings).fit(X, Y)
    most = max(1, 20 // steps)
    assert max(calls) == most
    assert sum(calls) == 11
    monkeypatch.undo()
    assert_same_fit(found, classifier(**settings).fit(X, Y))
