"""The solver "lbfgs": SciPy's, on the loss and gradients of the engine."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning

import prelunet as pn
from prelunet.estimators import lbfgs
from thread_checks import BUSY, in_another_thread
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance, ulp

ROWS, FEATURES, UNITS = 120, 6, 5
SETTINGS = {"hidden_layer_sizes": (UNITS,), "solver": "lbfgs", "random_state": 0, "alpha": 0.1}
# Line searches decide on the last digits: some iterations are the same in both, then they part.
ITERATIONS = 6


def quantities(outputs=1):
    X, y = make_regression(ROWS, FEATURES, n_targets=outputs, random_state=0)
    return X, y / np.abs(y).max()


DATA = {
    "three classes": (
        "MLPClassifier",
        {"activation": "tanh"},
        make_classification(
            ROWS, FEATURES, n_informative=4, n_redundant=0, n_classes=3, random_state=0
        ),
    ),
    "two classes": (
        "MLPClassifier",
        {"activation": "logistic"},
        make_classification(ROWS, FEATURES, random_state=0),
    ),
    "multilabel": (
        "MLPClassifier",
        {},
        make_multilabel_classification(ROWS, FEATURES, random_state=0),
    ),
    "one quantity": ("MLPRegressor", {}, quantities()),
    "counts": ("MLPRegressor", {"loss": "poisson"}, (quantities()[0], np.abs(quantities()[1]))),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("data", DATA)
def test_first_iterations_are_scikit_learns(data, weighted, rng):
    kind, own, (X, y) = DATA[data]
    weights = rng.integers(0, 4, size=ROWS).astype(float) if weighted else None
    expected, found = (
        getattr(module, kind)(**SETTINGS, **own, max_iter=ITERATIONS).fit(
            X, y, sample_weight=weights
        )
        for module in (theirs, pn)
    )
    assert found.n_iter_ == expected.n_iter_ == ITERATIONS
    # An iteration and its line search multiply what came before by the curvatures that they meet.
    tolerance = sum_tolerance(ROWS * UNITS * FEATURES * 10**ITERATIONS, np.float64)
    assert_close_to_scale(found.loss_, expected.loss_, tolerance)
    for ours, others in zip(found.coefs_, expected.coefs_, strict=True):
        assert_close_to_scale(ours, others, tolerance)


def test_loss_of_several_quantities_is_scikit_learns():
    """The loss reported is its: half the mean over rows and outputs, and the penalty."""
    X, y = quantities(3)
    found = pn.MLPRegressor(**SETTINGS, max_iter=20).fit(X, y)
    penalty = 0.05 * sum((coefs**2).sum() for coefs in found.coefs_) / ROWS
    expected = ((y - found.predict(X)) ** 2).mean() / 2 + penalty
    assert_close_to_scale(found.loss_, expected, sum_tolerance(ROWS * FEATURES * UNITS, np.float64))


def test_loss_and_gradients_fit_together():
    """A linear network has one minimum, that of ridge regression with a penalty on both layers."""
    X, y = quantities(2)
    settings = SETTINGS | {"hidden_layer_sizes": (), "tol": 1e-12, "max_iter": 2000}
    found = pn.MLPRegressor(**settings).fit(X, y)
    centred = X - X.mean(axis=0)
    gram = centred.T @ centred + 0.1 * np.eye(FEATURES)
    exact = np.linalg.solve(gram, centred.T @ (y - y.mean(axis=0)))
    # SciPy ends where an iteration has lowered the loss by a relative 1e7 ULPs; it is flat there.
    tolerance = np.sqrt(1e7 * ulp(np.float64)) * np.linalg.cond(gram)
    assert_close_to_scale(found.coefs_[0], exact, tolerance)


@pytest.mark.parametrize("limit", [{"max_iter": 3}, {"max_fun": 4}])
def test_what_ends_too_early_warns(limit):
    X, y = quantities()
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after"):
        found = pn.MLPRegressor(**SETTINGS, **limit).fit(X, y)
    assert found.n_iter_ <= 4


def test_verbose_tells_each_iteration(capsys):
    X, y = quantities()
    found = pn.MLPRegressor(**SETTINGS, max_iter=5, verbose=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[-1] == f"Iteration 5, loss = {found.loss_:.8f}"


def test_it_goes_on_from_a_warm_start():
    X, y = quantities()
    found = pn.MLPRegressor(**SETTINGS, max_iter=5, warm_start=True).fit(X, y)
    first = found.loss_
    assert found.fit(X, y).loss_ < first
    assert not hasattr(found, "loss_curve_")


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    [
        ({"dropout": 0.1}, {}, "dropout must be 0 where solver is 'lbfgs'"),
        ({}, {"X_val": [[0.0] * FEATURES], "y_val": [0.0]}, "X_val must be None"),
        ({"callbacks": [pn.Callback()]}, {}, "callbacks must be None where solver is 'lbfgs'"),
    ],
)
def test_what_it_has_no_use_for_is_refused(settings, given, message):
    X, y = quantities()
    with pytest.raises(ValueError, match=message):
        pn.MLPRegressor(**SETTINGS, **settings).fit(X, y, **given)


def test_it_has_no_partial_fit():
    assert not hasattr(pn.MLPClassifier(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        pn.MLPRegressor(solver="lbfgs").partial_fit(*quantities())


def test_another_thread_may_not_use_the_estimator_during_a_fit(monkeypatch):
    """As with the other solvers; the fit goes on undisturbed, and its own thread may predict."""
    X, y = DATA["three classes"][2]
    found, expected = (pn.MLPClassifier(**SETTINGS, max_iter=3, verbose=v) for v in (True, False))
    refused = []

    def say(message):
        for use in (lambda: found.predict(X), lambda: found._network.fit(X, y)):
            with pytest.raises(RuntimeError, match=BUSY):
                in_another_thread(use)
            refused.append(message)
        found.predict(X)

    monkeypatch.setattr(lbfgs, "say", say)
    with pytest.warns(ConvergenceWarning):
        found.fit(X, y)
    assert len(refused) == 6
    with pytest.warns(ConvergenceWarning):
        expected.fit(X, y)
    for ours, others in zip(found.coefs_, expected.coefs_, strict=True):
        assert_same_bits(ours, others)
    assert_same_bits(in_another_thread(lambda: found.predict_proba(X)), expected.predict_proba(X))
