"""Estimators that are alike: of the same fit, and records that agree with one another."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import make_classification

import prelunet as pn
from tolerances import assert_same_bits

ROWS = 240
X, Y = make_classification(ROWS, 8, n_informative=6, n_classes=3, random_state=0)


class StoppedError(Exception):
    """Raised by callbacks, scorers and signals of these tests."""


def make(kind, solver, **settings):
    first = {"hidden_layer_sizes": (6,), "max_iter": 5, "random_state": 0, "batch_size": 80}
    settings = first | settings
    if solver == "lbfgs":
        settings = {n: v for n, v in settings.items() if n not in ("early_stopping", "dropout")}
    elif solver == "sgd":
        settings["learning_rate_init"] = 0.05
    return getattr(pn, kind)(solver=solver, **settings)


def classifier(solver="adam", **settings):
    return make("MLPClassifier", solver, **settings)


def first_weights(estimator):
    """Return what an estimator of these parameters begins with."""
    fresh = type(estimator)(**estimator.get_params() | {"callbacks": None, "warm_start": False})
    fresh.set_params(solver="sgd", learning_rate_init=1e-300, max_iter=1, early_stopping=False)
    fresh.set_params(momentum=0.0, alpha=0.0, scoring=None, verbose=False).fit(X, Y)
    return fresh.coefs_


def fitted(estimator):
    return {name: v for name, v in vars(estimator).items() if name.endswith("_")}


def assert_same_fit(found, expected):
    """Compare all attributes, then the states of the optimizers by one more epoch."""
    for _ in range(2):
        assert fitted(found).keys() == fitted(expected).keys()
        for name, value in fitted(expected).items():
            own = getattr(found, name)
            if name in ("coefs_", "intercepts_", "prelu_alphas_"):
                for ours, others in zip(own, value, strict=True):
                    assert (ours is None) == (others is None)
                    if ours is not None:
                        assert_same_bits(ours, others)
            elif isinstance(value, np.ndarray):
                assert_same_bits(own, value)
            else:
                assert own == value, name
        assert_same_bits(found.predict(X), expected.predict(X))
        if found.solver == "lbfgs":
            return
        for estimator in (found, expected):
            estimator.set_params(callbacks=None, scoring=None, early_stopping=False, max_iter=1)
            estimator.partial_fit(X, Y)


def assert_agrees(found, rows=ROWS):
    """Compare the records of one fit with one another, and the weights with the network's."""
    own = pn.estimators.network.Weights.of(found._network, found.coefs_[0].dtype)
    for name, weights in {"coefs": found.coefs_, "intercepts": found.intercepts_}.items():
        for ours, others in zip(weights, getattr(own, name), strict=True):
            assert_same_bits(ours, others)
    if found.solver != "lbfgs":
        assert found.n_iter_ == len(found.loss_curve_)
        assert found.t_ == found.n_iter_ * rows
        if found.loss_curve_:
            assert found.loss_ == found.loss_curve_[-1]
            assert found.best_loss_ == (
                None if found.early_stopping else min([np.inf, *found.loss_curve_])
            )
        if found.validation_scores_:
            assert found.best_validation_score_ == max(found.validation_scores_)
            assert len(found.validation_scores_) == len(found.validation_loss_curve_)
            assert len(found.validation_scores_) in (found.n_iter_ - 1, found.n_iter_)
