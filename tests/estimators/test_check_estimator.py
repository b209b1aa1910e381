"""scikit-learn's own checks of what an estimator must do, with no expected failure."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import prelunet as pn


def made(settings):
    return [
        estimator(**own) for estimator in (pn.MLPClassifier, pn.MLPRegressor) for own in settings
    ]


ADAM, SGD = {"max_iter": 100}, {"max_iter": 100, "solver": "sgd"}
# Few iterations: after 200 a logistic output is 1 where it must be below, in scikit-learn's too.
LBFGS = {"max_iter": 50, "solver": "lbfgs"}


@parametrize_with_checks(made([ADAM, SGD, ADAM | {"activation": "prelu"}]))
def test_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(made([LBFGS, ADAM | {"activation": "prelu_shared"}]))
def test_check_more(estimator, check):
    check(estimator)
