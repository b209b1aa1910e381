"""coefs_ and intercepts_ are the model: they may be replaced, kept, and gone on from."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError

import prelunet as pn
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance

X, Y = make_classification(260, 8, n_informative=6, n_classes=3, random_state=0)


def classifier(**settings):
    settings = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0} | settings
    return pn.MLPClassifier(**settings)


def test_shapes():
    found = classifier(hidden_layer_sizes=(6, 4)).fit(X, Y)
    assert [coefs.shape for coefs in found.coefs_] == [(8, 6), (6, 4), (4, 3)]
    assert [intercepts.shape for intercepts in found.intercepts_] == [(6,), (4,), (3,)]
    assert (found.n_layers_, found.n_outputs_, found.n_features_in_) == (4, 3, 8)


def test_predictions_follow_new_arrays_and_lists():
    found = classifier(activation="prelu").fit(X, Y)
    found.predict(X)
    found.coefs_[0] = np.zeros((8, 6))
    found.intercepts_ = [np.full(6, -1.0), found.intercepts_[1]]
    found.prelu_alphas_[0] = np.full(6, 0.5)
    logits = np.full((len(X), 6), -0.5) @ found.coefs_[1] + found.intercepts_[1]
    expected = pn.ops.softmax_forward(logits)
    tolerance = sum_tolerance(6 + 2 * 6, np.float32)
    assert_close_to_scale(found.predict_proba(X), expected, tolerance)


@pytest.mark.parametrize("kind", ["fitted", "assigned", "pickled", "deep copy"])
def test_weights_in_use_are_read_only(kind):
    """A write in place could not be seen without comparing all weights in each prediction."""
    found = classifier(activation="prelu").fit(X, Y)
    if kind == "assigned":
        given = np.zeros((8, 6))
        found.coefs_[0] = given
    elif kind == "pickled":
        found = pickle.loads(pickle.dumps(found))
    elif kind == "deep copy":
        found = copy.deepcopy(found)
    found.predict(X[:1])
    for values in (found.coefs_[0], found.intercepts_[0], found.prelu_alphas_[0]):
        with pytest.raises(ValueError, match="read-only"):
            values[...] = 0.0
        with pytest.raises(ValueError, match="WRITEABLE"):
            values.flags.writeable = True
    if kind == "assigned":
        given[...] = 1.0  # the caller's own array stays his
        assert not found.coefs_[0].any()


def test_predictions_compare_weights_only_once(monkeypatch):
    """The comparison takes longer than a prediction for a few rows of many columns."""
    compared = []

    def array_equal(found, expected):
        compared.append(found.shape)
        return bool((found == expected).all())

    found = classifier(warm_start=True).fit(X, Y).fit(X, Y)
    monkeypatch.setattr("prelunet.estimators.network.np.array_equal", array_equal)
    before, weights = found.predict_proba(X), found.coefs_
    assert weights[0].shape == (8, 6)
    assert_same_bits(copy.copy(found).predict_proba(X), before)
    assert not compared
    copied = pickle.loads(pickle.dumps(found))
    assert_same_bits(copied.predict_proba(X), before)
    assert len(compared) == 4
    assert_same_bits(copied.predict_proba(X), before)
    assert len(compared) == 4


def test_shallow_copies_share_a_network_and_keep_their_own_weights():
    found = classifier(warm_start=True).fit(X, Y)
    other, before = copy.copy(found), found.predict_proba(X)
    after = found.fit(X, Y).predict_proba(X)
    assert not np.array_equal(before, after)
    assert_same_bits(other.predict_proba(X), before)
    assert_same_bits(found.predict_proba(X), after)


def test_a_new_network_gets_the_weights_of_the_last_fit():
    found = classifier(warm_start=True, dtype="float64").fit(X, Y)
    found.set_params(dtype="float32", learning_rate_init=1e-30, max_iter=1)
    before = found.predict_proba(X)
    found.fit(X, Y)
    assert_close_to_scale(found.predict_proba(X), before, sum_tolerance(20, np.float32))


def test_training_goes_on_from_what_is_put_there():
    settings = {"solver": "sgd", "momentum": 0.0, "warm_start": True, "shuffle": False}
    first = classifier(**settings, max_iter=3).fit(X, Y)
    second = classifier(**settings, max_iter=1).fit(X, Y)
    second.coefs_, second.intercepts_ = first.coefs_, first.intercepts_
    assert_same_bits(second.fit(X, Y).coefs_[0], first.set_params(max_iter=1).fit(X, Y).coefs_[0])


def test_writing_the_same_values_again_leaves_other_threads_alone():
    """Where nothing has changed predictions only read, so that several may go on at once."""
    found = classifier().fit(X, Y)
    before = found.predict_proba(X)
    found.coefs_ = [np.ascontiguousarray(coefs) for coefs in found.coefs_]
    outputs, backward = found._network.vjp(X)
    assert_same_bits(found.predict_proba(X), before)
    backward(outputs)  # refused once parameters have been written
    found.coefs_[0] = found.coefs_[0] * 2.0
    found.predict_proba(X)
    with pytest.raises(RuntimeError):
        backward(outputs)


@pytest.mark.parametrize("change", [{"hidden_layer_sizes": (7,)}, {"hidden_layer_sizes": (6, 6)}])
def test_weights_of_another_network_are_refused(change):
    found = classifier(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=r"coefs_ have the shapes \[\(8, 6\), \(6, 3\)\]"):
        found.set_params(**change).fit(X, Y)
    found = pn.MLPRegressor(hidden_layer_sizes=(6,), max_iter=2, warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="the outputs of y must match the weights"):
        found.fit(X, np.stack([Y, Y], axis=1))


def test_a_warm_start_may_change_what_has_no_weights():
    found = classifier(warm_start=True).fit(X, Y)
    found.set_params(activation="tanh", dropout=0.2, solver="sgd", dtype="float64").fit(X, Y)
    assert found.to_sequential().dtype == "float64"
    assert len(found.loss_curve_) == 6


def test_partial_fit_goes_on_from_another_solver():
    found = classifier(solver="lbfgs").fit(X, Y)
    found.set_params(solver="adam").partial_fit(X, Y)
    assert found.n_iter_ == 1
    assert len(found.loss_curve_) == 1


def test_a_fit_without_warm_start_begins_anew():
    once, twice = classifier().fit(X, Y), classifier().fit(X[:, :4], Y > 0)
    assert_same_bits(twice.fit(X, Y).coefs_[0], once.coefs_[0])
    assert twice.loss_curve_ == once.loss_curve_


def test_nothing_is_predicted_before_a_fit():
    for method in ("predict", "predict_proba", "predict_log_proba"):
        with pytest.raises(NotFittedError):
            getattr(pn.MLPClassifier(), method)(X)
    with pytest.raises(NotFittedError):
        pn.MLPRegressor().to_sequential()


def test_a_warm_start_wants_the_same_classes():
    found = classifier(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same"):
        found.fit(X[Y > 0], Y[Y > 0])
    found.partial_fit(X[Y > 0], Y[Y > 0])
