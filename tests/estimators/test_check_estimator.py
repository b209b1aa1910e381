"""scikit-learn's own checks of what an estimator must do, with no expected failure."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import prelunet as pn

SETTINGS = [{}, {"solver": "sgd"}, {"activation": "prelu"}, {"activation": "prelu_shared"}]


@parametrize_with_checks(
    [
        estimator(max_iter=100, **settings)
        for estimator in (pn.MLPClassifier, pn.MLPRegressor)
        for settings in SETTINGS
    ]
)
def test_check(estimator, check):
    check(estimator)


# scikit-learn's own does not pass it: the logistic function is 1 in float64 from 37 on.
SATURATED = "check_classifiers_multilabel_output_format_predict_proba"


def saturated(estimator):
    classifies = isinstance(estimator, pn.MLPClassifier)
    return {SATURATED: "scikit-learn's own fails it too"} if classifies else {}


@pytest.mark.slow
@parametrize_with_checks(
    [pn.MLPClassifier(solver="lbfgs", max_iter=50), pn.MLPRegressor(solver="lbfgs", max_iter=50)],
    expected_failed_checks=saturated,
)
def test_check_with_lbfgs(estimator, check):
    check(estimator)
