"""The same random_state gives scikit-learn's weights, split, orders, losses and weights."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.datasets import (
    make_classification,
    make_multilabel_classification,
    make_regression,
)

import prelunet as pn
from tolerances import assert_close_to_scale, sum_tolerance

ROWS, FEATURES, UNITS = 530, 12, 20  # batches of 200, 200 and 130

SETTINGS = {
    "adam": {},
    "adam, a large penalty, two logistic layers": {
        "alpha": 1.0,
        "activation": "logistic",
        "hidden_layer_sizes": (10, 7),
    },
    "adam, a large epsilon": {"epsilon": 1e-2, "beta_1": 0.5, "beta_2": 0.9},
    "adam without penalty": {"alpha": 0.0},
    "adam, early stopping": {"early_stopping": True, "n_iter_no_change": 3},
    "adam, rows as they lie": {"shuffle": False, "hidden_layer_sizes": 9},
    "adam, no hidden layer": {"hidden_layer_sizes": ()},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "sgd, invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "momentum": 0.0,
        "alpha": 0.5,
        "activation": "tanh",
    },
    "sgd, adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.01,
        "tol": 1e-2,
        "n_iter_no_change": 2,
        "nesterovs_momentum": False,
        "batch_size": 97,
        "activation": "identity",
    },
}


def classes(labels):
    return make_classification(
        ROWS, FEATURES, n_informative=8, n_classes=labels, n_clusters_per_class=1, random_state=0
    )


def quantities(outputs):
    X, y = make_regression(ROWS, FEATURES, n_targets=outputs, random_state=0)
    return X, y / np.abs(y).max()


DATA = {
    "three classes": ("MLPClassifier", {}, lambda: classes(3)),
    "two classes": ("MLPClassifier", {}, lambda: classes(2)),
    "multilabel": (
        "MLPClassifier",
        {},
        lambda: make_multilabel_classification(ROWS, FEATURES, random_state=0),
    ),
    "one quantity": ("MLPRegressor", {}, lambda: quantities(1)),
    "two quantities": ("MLPRegressor", {}, lambda: quantities(2)),
    "counts": (
        "MLPRegressor",
        {"loss": "poisson"},
        lambda: (quantities(1)[0], np.round(9 * np.abs(quantities(1)[1]))),
    ),
}


def pair(kind, settings, **own):
    settings = {"max_iter": 25, "random_state": 3, "hidden_layer_sizes": (UNITS,)} | settings
    ours = getattr(pn, kind)(**settings, dtype="float64", **own)
    return getattr(theirs, kind)(**settings), ours


def assert_same_training(theirs, ours):
    """Every number of an epoch is a chain over rows or units, and the epochs follow each other."""
    tolerance = sum_tolerance(ours.n_iter_ * ROWS * UNITS, np.float64)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert len(ours.loss_curve_) == len(theirs.loss_curve_)
    assert_close_to_scale(ours.loss_curve_, theirs.loss_curve_, tolerance, "loss_curve_")
    for name in ("coefs_", "intercepts_"):
        for actual, expected in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            assert actual.dtype == expected.dtype
            assert_close_to_scale(actual, expected, tolerance, name)
    if theirs.validation_scores_ is not None:
        assert_close_to_scale(ours.validation_scores_, theirs.validation_scores_, tolerance)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("settings", SETTINGS)
def test_loss_curve_is_scikit_learns(settings, data):
    kind, own, make = DATA[data]
    X, y = make()
    pair_of = pair(kind, SETTINGS[settings] | own)
    assert_same_training(*(estimator.fit(X, y) for estimator in pair_of))


@pytest.mark.parametrize("settings", ["adam", "sgd", "adam without penalty"])
@pytest.mark.parametrize("data", DATA)
def test_loss_curve_of_weighted_rows_is_scikit_learns(data, settings, rng):
    kind, own, make = DATA[data]
    X, y = make()
    weights = rng.integers(0, 4, size=ROWS).astype(float)
    pair_of = pair(kind, SETTINGS[settings] | own)
    assert_same_training(*(e.fit(X, y, sample_weight=weights) for e in pair_of))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_and_warm_start_go_on_as_scikit_learns(solver):
    X, y = classes(3)
    theirs, ours = pair("MLPClassifier", {"solver": solver})
    for estimator in (theirs, ours):
        estimator.partial_fit(X[:150], y[:150], classes=[0, 1, 2])
        estimator.partial_fit(X[150:], y[150:])
        estimator.set_params(warm_start=True, max_iter=4)
        estimator.fit(X, y)
        estimator.partial_fit(X, y)
    assert len(ours.loss_curve_) == len(theirs.loss_curve_) == 7
    tolerance = sum_tolerance(7 * ROWS * UNITS, np.float64)
    assert_close_to_scale(ours.loss_curve_, theirs.loss_curve_, tolerance)


def test_by_default_the_curve_is_the_same_to_float32():
    X, y = classes(3)
    estimators = pair("MLPClassifier", {})
    theirs, ours = estimators[0], estimators[1].set_params(dtype="auto")
    for estimator in estimators:
        estimator.fit(X, y)
    # A step rounds its sums over rows and units in float32; some hundreds follow each other.
    tolerance = sum_tolerance(UNITS + FEATURES, np.float32)
    assert_close_to_scale(ours.loss_curve_, theirs.loss_curve_, tolerance)
    assert ours.to_sequential().dtype == "float32"
