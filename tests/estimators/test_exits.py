"""However `fit` ends, the estimator has the weights trained so far, and records of them."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.exceptions import ConvergenceWarning, NotFittedError

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
    make,
)
from prelunet.estimators import lbfgs
from tolerances import assert_same_bits

SOLVERS = ["sgd", "adam", "lbfgs"]
KINDS = ["MLPClassifier", "MLPRegressor"]
SETTINGS = [
    {},
    {"activation": "prelu"},
    {"activation": ["prelu_shared", "tanh"], "hidden_layer_sizes": (6, 4)},
    {"early_stopping": True, "activation": "prelu"},
    {"dtype": "float64", "dropout": 0.2},
    {"batch_size": ROWS},
]


# ---- warnings that are errors --------------------------------------------------------------------


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_warning_that_is_an_error_leaves_the_trained_network(solver, kind, settings):
    found, expected = (make(kind, solver, **settings) for _ in range(2))
    expected.fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning):
            found.fit(X, Y)
    assert_agrees(found, rows=ROWS - 24 * found.early_stopping)
    assert_same_fit(found, expected)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_scikit_learn_keeps_the_trained_network_too(solver):
    """Its predictions after the error are ours."""
    settings = {"hidden_layer_sizes": (6,), "solver": solver, "max_iter": 60, "random_state": 0}
    settings["learning_rate_init"] = 0.03
    scores = []
    for found in (theirs.MLPClassifier(**settings), pn.MLPClassifier(**settings, dtype="float64")):
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            with pytest.raises(ConvergenceWarning):
                found.fit(X, Y)
        scores.append((found.score(X, Y), found.n_iter_, found.t_, found.predict(X).tolist()))
    assert scores[1] == scores[0]
    assert scores[0][0] > 0.7


@pytest.mark.parametrize("early", [False, True])
def test_ctrl_c_whose_warning_is_an_error(early):
    def press(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    settings = {"early_stopping": early, "validation_fraction": 0.2}
    found = classifier(callbacks=[pn.LambdaCallback(on_epoch_end=press)], max_iter=50, **settings)
    with pytest.raises(UserWarning, match="interrupted by user"):
        found.fit(X, Y)
    assert_same_fit(found, classifier(max_iter=3, **settings).fit(X, Y))


# ---- callbacks and scorers -----------------------------------------------------------------------


def failing(hook, number=3):
    """Return a callback that raises from one hook, the `number`-th time it is called."""
    calls = []

    def fail(self, *_):
        calls.append(hook)
        if len(calls) == number:
            raise StoppedError

    return type("Failing", (pn.Callback,), {hook: fail})()


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_callback_that_raises_leaves_the_epochs_before(solver, kind, settings):
    found = make(kind, solver, callbacks=[failing("on_epoch_end")], **settings)
    with pytest.raises(StoppedError):
        found.fit(X, Y)
    assert_agrees(found, rows=ROWS - 24 * found.early_stopping)
    assert_same_fit(found, make(kind, solver, **settings | {"max_iter": 3}).fit(X, Y))


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_train_end", "close"])
def test_other_hooks_that_raise(hook):
    found = classifier(callbacks=[failing(hook, 2 if hook == "on_epoch_begin" else 1)])
    with pytest.raises(StoppedError):
        found.fit(X, Y)
    epochs = {"on_train_begin": 0, "on_epoch_begin": 1}.get(hook, 5)
    assert_agrees(found)
    assert found.n_iter_ == epochs
    if epochs:
        assert_same_fit(found, classifier(max_iter=epochs).fit(X, Y))


@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end"])
@pytest.mark.parametrize("early", [False, True])
def test_a_callback_that_raises_within_an_epoch_leaves_its_steps(hook, early):
    """Three steps make an epoch. Early stopping goes back to the best score, once there is one."""
    settings = {"early_stopping": early, "validation_fraction": 0.2, "batch_size": 64}
    for number, epochs in ((2, 0), (5, 1)):
        found = classifier(callbacks=[failing(hook, number)], **settings)
        with pytest.raises(StoppedError):
            found.fit(X, Y)
        assert_agrees(found, rows=192 if early else ROWS)
        assert found.n_iter_ == epochs
        assert not np.array_equal(found.coefs_[0], first_weights(found)[0])
        if early and epochs:
            best = classifier(max_iter=1, **settings).fit(X, Y)
            assert_same_bits(found.coefs_[0], best.coefs_[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("number", [1, 3])
def test_a_scorer_that_raises(kind, early, number):
    """Its epoch is trained, and counts. Early stopping keeps the best one that has a score."""
    calls = []

    def scorer(estimator, data, y):
        calls.append(0)
        if len(calls) == number:
            raise StoppedError
        return estimator.score(data, y)

    settings = {"early_stopping": early, "activation": "prelu"}
    parts = {"X_val": X[:50], "y_val": Y[:50]}
    found = make(kind, "adam", scoring=scorer, **settings)
    with pytest.raises(StoppedError):
        found.fit(X, Y, **parts)
    assert_agrees(found)
    assert (found.n_iter_, len(found.validation_scores_)) == (number, number - 1)
    epochs = number - 1 if early and number > 1 else number
    expected = make(kind, "adam", **settings | {"max_iter": epochs}).fit(X, Y, **parts)
    if not early or number > 1:
        assert_same_bits(found.coefs_[0], expected.coefs_[0])
    assert not np.array_equal(found.coefs_[0], first_weights(found)[0])


# ---- lbfgs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["relu", "prelu"])
def test_lbfgs_keeps_the_last_iteration(kind, activation, monkeypatch):
    """Whatever raises between two iterations, in a line search say, changes nothing of it."""
    expected = make(kind, "lbfgs", activation=activation, max_iter=3).fit(X, Y)
    compute, said = lbfgs.Gradients.compute, []

    def say(message):
        said.append(message)

    def fail(self):
        loss = compute(self)
        if len(said) == 3:
            raise StoppedError
        return loss

    monkeypatch.setattr(lbfgs, "say", say)
    monkeypatch.setattr(lbfgs.Gradients, "compute", fail)
    found = make(kind, "lbfgs", activation=activation, max_iter=50, verbose=True)
    with pytest.raises(StoppedError):
        found.fit(X, Y)
    assert_agrees(found)
    assert_same_fit(found, expected)


def test_lbfgs_that_ends_before_an_iteration_keeps_the_first_weights(monkeypatch):
    def fail(self):
        raise StoppedError

    monkeypatch.setattr(lbfgs.Gradients, "compute", fail)
    found = classifier("lbfgs")
    with pytest.raises(StoppedError):
        found.fit(X, Y)
    assert found.n_iter_ == 0
    assert not hasattr(found, "loss_")
    assert_agrees(found)


# ---- warm starts and partial_fit -----------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_warm_start_that_raises_leaves_both_fits(solver, kind):
    settings = {"warm_start": True, "activation": "prelu", "max_iter": 4}
    found, expected = (make(kind, solver, **settings).fit(X, Y) for _ in range(2))
    before = [coefs.copy() for coefs in found.coefs_]
    expected.fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning):
            found.fit(X, Y)
    assert not np.array_equal(found.coefs_[0], before[0])
    assert_same_fit(found, expected)


def test_a_warm_start_that_raises_counts_its_own_epochs():
    found = classifier(warm_start=True).fit(X, Y)
    for hook, epochs in (("on_train_begin", 0), ("on_epoch_end", 3)):
        with pytest.raises(StoppedError):
            found.set_params(callbacks=[failing(hook, max(epochs, 1))]).fit(X, Y)
        assert found.n_iter_ == epochs
        assert len(found.loss_curve_) == 5 + epochs
        assert found.t_ == ROWS * (5 + epochs)
        assert found.loss_ == found.loss_curve_[-1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fit_that_raises(solver, kind):
    settings = {"activation": "prelu"}
    first = {"classes": [0, 1, 2]} if kind == "MLPClassifier" else {}
    found, expected = (make(kind, solver, **settings).partial_fit(X, Y, **first) for _ in range(2))
    expected.partial_fit(X, Y)
    with pytest.raises(StoppedError):
        found.set_params(callbacks=[failing("on_epoch_end", 1)]).partial_fit(X, Y)
    assert_same_fit(found, expected)


# ---- errors before the first step ----------------------------------------------------------------

REFUSED = [
    ({"class_weight": {7: 1.0}}, {"y": [["a"]] * ROWS}),
    ({"class_weight": "heavy"}, {}),
    ({"scoring": "no_such_score", "early_stopping": True}, {}),
    ({"early_stopping": True, "validation_fraction": 0.001}, {}),
    ({"batch_size": 1000}, {}),
    ({}, {"X": X[:, :3], "y": Y[:5]}),
    ({}, {"sample_weight": -np.ones(ROWS)}),
    ({}, {"X": X[:, :5], "X_val": X, "y_val": Y}),
    ({}, {"y": Y > 0, "X_val": X, "y_val": Y}),
    ({"hidden_layer_sizes": (7, 7), "scoring": 3}, {"X_val": X, "y_val": Y}),
]


@pytest.mark.parametrize(("settings", "given"), REFUSED)
@pytest.mark.parametrize("warm", [False, True])
def test_what_is_refused_leaves_an_earlier_fit(settings, given, warm):
    found, expected = (classifier(warm_start=warm).fit(X, Y) for _ in range(2))
    before = found.get_params()
    with pytest.raises((TypeError, ValueError, UserWarning)):
        found.set_params(**settings).fit(**{"X": X, "y": Y} | given)
    found.set_params(**before)
    assert_same_fit(found, expected)


@pytest.mark.parametrize("settings", [s for s, given in REFUSED if s and not given])
def test_what_is_refused_fits_nothing(settings):
    found = classifier(**settings)
    with pytest.raises((TypeError, ValueError, UserWarning)):
        found.fit(X, Y)
    with pytest.raises(NotFittedError):
        found.predict(X)


# ---- an estimator in training --------------------------------------------------------------------


def test_a_callback_may_predict_pickle_and_copy_the_estimator():
    """Training goes on from its own weights, which are also what the callback sees."""
    seen, whole = [], classifier(activation="prelu").fit(X, Y)

    class Uses(pn.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                copies = [found, pickle.loads(pickle.dumps(found)), copy.deepcopy(found)]
                seen.extend(estimator.predict_proba(X) for estimator in copies)
                seen.append(found.to_sequential().predict_proba(X))

        def __reduce__(self):
            return pn.Callback, ()

    found = classifier(activation="prelu", callbacks=[Uses()])
    found.fit(X, Y)
    assert_same_bits(found.coefs_[0], whole.coefs_[0])
    expected = classifier(activation="prelu", max_iter=3).fit(X, Y)
    assert len(seen) == 4
    for outputs in seen[:3]:
        assert_same_bits(outputs, expected.predict_proba(X))
    assert_same_bits(seen[3], expected.to_sequential().predict_proba(X))
