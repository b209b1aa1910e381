"""A signal may raise anywhere in `fit`: weights and records agree all the same."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import log_loss

import prelunet as pn
from estimator_checks import (
    ROWS,
    StoppedError,
    X,
    Y,
    assert_agrees,
    assert_same_fit,
    classifier,
    first_weights,
)
from prelunet.estimators import lbfgs, stochastic
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance

SOURCES = Path(stochastic.__file__).parent


@pytest.fixture
def alarm(monkeypatch):
    """Return a function that has SIGALRM raise so many seconds after the next first step."""

    def handler(*_):
        raise StoppedError

    def armed(method):
        def called(*arguments, **named):
            if seconds:
                signal.setitimer(signal.ITIMER_REAL, seconds.pop())
            return method(*arguments, **named)

        return called

    seconds = []
    for name in ("train", "train_epochs"):
        monkeypatch.setattr(stochastic.Batches, name, armed(getattr(stochastic.Batches, name)))
    before = signal.signal(signal.SIGALRM, handler)
    yield seconds.append
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, before)


ENDLESS = {"max_iter": 10**7, "n_iter_no_change": np.inf, "batch_size": ROWS, "tol": 0.0}


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("ahead", [2, 1000])
def test_an_alarm_leaves_whole_epochs(solver, ahead, alarm, monkeypatch):
    """An epoch is one step here: the records say exactly which weights those are."""
    monkeypatch.setattr(stochastic, "_EPOCHS_AHEAD", ahead)
    settings = ENDLESS | {"activation": "prelu", "alpha": 0.0}
    for number in range(8):
        found = classifier(solver, **settings)
        alarm(0.001 + 0.0037 * number)
        with pytest.raises(StoppedError):
            found.fit(X, Y)
        assert_agrees(found)
        if found.n_iter_ == 0:
            assert_same_bits(found.coefs_[0], first_weights(found)[0])
            continue
        expected = classifier(solver, **settings | {"max_iter": found.n_iter_}).fit(X, Y)
        assert found.loss_curve_ == expected.loss_curve_
        assert_same_fit(found, expected)


WATCHED = [
    {"callbacks": [pn.Callback()]},
    {"early_stopping": True},
    {"scoring": "accuracy", "early_stopping": True},
    {"solver": "sgd", "learning_rate": "invscaling"},
]


@pytest.mark.parametrize("data", [X, csr_matrix(X)], ids=["dense", "sparse"])
@pytest.mark.parametrize("settings", WATCHED, ids=lambda settings: " ".join(settings))
def test_an_alarm_leaves_weights_and_records_that_agree(settings, data, alarm):
    solver = settings.get("solver", "adam")
    rest = {name: value for name, value in settings.items() if name != "solver"}
    for number in range(4):
        found = classifier(solver, **ENDLESS | {"batch_size": 40} | rest)
        alarm(0.005 + 0.0037 * number)
        with pytest.raises(StoppedError):
            found.fit(data, Y)
        assert_agrees(found, rows=ROWS - 24 * found.early_stopping)
        is_first = np.array_equal(found.coefs_[0], first_weights(found)[0])
        assert not (found.n_iter_ and is_first)


@pytest.mark.parametrize("data", [X, csr_matrix(X)], ids=["dense", "sparse"])
@pytest.mark.parametrize("number", [signal.SIGALRM, signal.SIGINT])
def test_a_signal_in_lbfgs_leaves_the_iterations_before(number, data, alarm, monkeypatch):
    """Ctrl-C leaves `fit` as in scikit-learn, which catches it for the other solvers alone."""
    said = []

    def say(message):
        said.append(message)
        if len(said) == 3:
            threading.Timer(0.002, os.kill, (os.getpid(), number)).start()

    monkeypatch.setattr(lbfgs, "say", say)
    noise = np.random.default_rng(0).integers(0, 3, size=ROWS)
    settings = {"hidden_layer_sizes": (40, 40), "tol": 0.0, "max_fun": 10**7, "activation": "prelu"}
    found = classifier("lbfgs", **settings, max_iter=10**6, verbose=True)
    with pytest.raises((KeyboardInterrupt, StoppedError)):
        found.fit(data, noise)
    assert found.n_iter_ >= 3
    assert_agrees(found)
    loss = log_loss(noise, found.predict_proba(data))
    penalty = 0.5 * found.alpha * sum((coefs**2).sum() for coefs in found.coefs_) / ROWS
    assert_close_to_scale(found.loss_, loss + penalty, sum_tolerance(40 * 40 * ROWS, np.float64))
    expected = classifier("lbfgs", **settings, max_iter=found.n_iter_).fit(data, noise)
    assert_same_fit(found, expected)


class Tracer:
    """Raise before the `number`-th line that the estimators' training loop runs."""

    def __init__(self, number):
        self.left = number

    def __call__(self, frame, event, arg):
        path = Path(frame.f_code.co_filename)
        if path.parent == SOURCES and path.stem in ("progress", "stochastic"):
            return self.line
        return None

    def line(self, frame, event, arg):
        if event == "line" and self.is_in_epochs(frame):
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise StoppedError
        return self.line

    @staticmethod
    def is_in_epochs(frame):
        while frame is not None and frame.f_code.co_name != "run":
            if frame.f_code.co_name == "_epochs":
                return True
            frame = frame.f_back
        return False


LINES = [
    ({"max_iter": 3}, {}),
    ({"max_iter": 3, "callbacks": [pn.Callback()]}, {}),
    ({"max_iter": 3, "early_stopping": True}, {"X_val": X[:50], "y_val": Y[:50]}),
    ({"max_iter": 3}, {"X_val": X[:50], "y_val": Y[:50]}),
    ({"max_iter": 9, "n_iter_no_change": 1, "tol": 10.0, "solver": "sgd"}, {}),
]


# A fit runs hundreds of lines: by default, every seventh raises once.
@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("settings", "validation"), LINES)
def test_an_exception_at_any_line(settings, validation, stride):
    """That is where a signal may raise; an epoch is one step."""
    settings = {"batch_size": ROWS, "dtype": "float64"} | settings
    solver = settings.pop("solver", "adam")
    states = {}
    for epochs in range(1, settings["max_iter"] + 1):
        last = classifier(solver, **settings | {"max_iter": epochs}).fit(X, Y, **validation)
        states[epochs] = last.coefs_
    states[0] = first_weights(last)
    tracing = sys.gettrace()
    number = 0
    while True:
        number += stride
        found = classifier(solver, **settings)
        sys.settrace(Tracer(number))
        try:
            found.fit(X, Y, **validation)
            break
        except StoppedError:
            pass
        finally:
            sys.settrace(tracing)
        assert_agrees(found)
        # An epoch that is trained and not yet counted is one that has not ended.
        trained = {found.n_iter_, min(found.n_iter_ + 1, max(states))}
        if found.early_stopping and found.validation_scores_:
            trained = {1 + int(np.argmax(found.validation_scores_))}
        same = [n for n in trained if np.array_equal(found.coefs_[0], states[n][0])]
        assert same, number
    assert number > 50
