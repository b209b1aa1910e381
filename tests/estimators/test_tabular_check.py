"""scikit-learn's own checks of the tabular estimators."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import (
    check_sample_weight_equivalence_on_dense_data,
    parametrize_with_checks,
)

import prelunet as pn

KINDS = (pn.TabularClassifier, pn.TabularRegressor)
SMALL = {"hidden_layer_sizes": (32, 32), "epochs": 40}
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a row of weight 2 is in one mini-batch, two rows may be in two; the next test has one "
        "batch of all rows"
    )
}


@parametrize_with_checks(
    [kind(**SMALL) for kind in KINDS], expected_failed_checks=lambda _: EXPECTED
)
def test_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_repetitions_in_full_batches(kind):
    whole = {"batch_size": "all", "shuffle": False, "validation_fraction": 0.0}
    estimator = kind(**SMALL | {"epochs": 10}, **whole, dtype="float64")
    check_sample_weight_equivalence_on_dense_data(kind.__name__, estimator)
