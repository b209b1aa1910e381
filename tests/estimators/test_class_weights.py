"""Class weights of batches and of text labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

import prelunet as pn
from prelunet.estimators.class_weights import class_factors, label_factors
from tolerances import assert_same_bits

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
Y = np.arange(60) % 3


def classifier(**settings):
    return pn.MLPClassifier((3,), **({"random_state": 0} | settings))


@pytest.mark.parametrize("names", [[0, 1, 2], ["1", "2", "3"], ["a", "b", "c"]])
@pytest.mark.parametrize("named", [[2], [0, 2], [0, 1, 2]])
def test_a_batch_may_lack_a_named_class(names, named):
    names = np.array(names)
    weights = {names[place].item(): 2.0 + place for place in named}
    factors = np.array([2.0 + place if place in named else 1.0 for place in range(3)])
    by_class, by_row = classifier(class_weight=weights), classifier()
    for rows in (Y == 0, Y == 1, Y < 2, Y >= 0):  # class 2 is rare
        by_class.partial_fit(X[rows], names[Y[rows]], classes=names)
        by_row.partial_fit(X[rows], names[Y[rows]], factors[Y[rows]], classes=names)
    assert_same_bits(by_class.coefs_[0], by_row.coefs_[0])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("keys", [("1", "3"), (1, 3)])
def test_text_labels_that_are_numbers(solver, keys):
    """scikit-learn finds the integer keys only."""
    names = np.array(["1", "2", "3"])[Y]
    weights = dict(zip(keys, [5.0, 0.5], strict=True))
    by_class = classifier(class_weight=weights, solver=solver, max_iter=3).fit(X, names)
    by_row = classifier(solver=solver, max_iter=3)
    by_row.fit(X, names, sample_weight=np.array([5.0, 1.0, 0.5])[Y])
    assert_same_bits(by_class.coefs_[0], by_row.coefs_[0])


def test_a_key_that_names_no_class_is_refused():
    with pytest.raises(ValueError, match=r"keys among the classes \[0, 1, 2\], got \[7\]"):
        classifier(class_weight={0: 2.0, 7: 1.0}).partial_fit(X, Y, classes=[0, 1, 2])


def test_a_batch_may_lack_a_label():
    labels = np.stack([Y == 0, Y == 1], axis=1).astype(int)
    weights = [{1: 3.0}, {0: 2.0}]
    by_class, by_row = classifier(class_weight=weights), classifier()
    for rows in (Y == 0, Y == 1, Y == 2):
        expected = np.where(labels[rows, 0], 3.0, 1.0) * np.where(labels[rows, 1], 1.0, 2.0)
        by_class.partial_fit(X[rows], labels[rows], classes=[0, 1])
        by_row.partial_fit(X[rows], labels[rows], expected, classes=[0, 1])
    assert_same_bits(by_class.coefs_[0], by_row.coefs_[0])


def test_factors_are_those_of_scikit_learn():
    labels = np.stack([Y == 0, Y == 1], axis=1).astype(int)
    for class_weight in ("balanced", {0: 2, 2: 3}, {0: 1, 1: 2, 2: 3, 9: 4}, {}):
        expected = compute_sample_weight(class_weight, Y)
        assert_same_bits(class_factors(class_weight, np.arange(3), Y), expected)
    for class_weight in ("balanced", ["balanced", {0: 1, 1: 2}], [{0: 2, 1: 1}, {1: 5}]):
        assert_same_bits(
            label_factors(class_weight, labels), compute_sample_weight(class_weight, labels)
        )
    for class_weight in ({0: 1.0}, [{0: 1.0}]):
        with pytest.raises(ValueError, match="For multi-output"):
            label_factors(class_weight, labels)
