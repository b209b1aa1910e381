"""Labels as scikit-learn takes them: what kinds there are, and what calls that follow may bring."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn import neural_network as theirs

import prelunet as pn

X = np.random.default_rng(0).normal(size=(60, 4))
NUMBERS = np.arange(60) % 3
SEVERAL = np.random.default_rng(1).integers(0, 2, (60, 3))
KINDS = {
    "objects": np.array(["a", "bcd", "ef"], object)[NUMBERS],
    "strings": np.array(["a", "bcd", "ef"])[NUMBERS],
    "bool": NUMBERS == 1,
    "uint8": NUMBERS.astype(np.uint8),
    "floats": NUMBERS.astype(np.float64),
    "two of floats": (NUMBERS > 0) - 0.5 > 0.0,
    "a list": NUMBERS.tolist(),
    "one class": np.full(60, 7),
    "several": SEVERAL,
}


def both(**settings):
    settings = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0} | settings
    return theirs.MLPClassifier(**settings), pn.MLPClassifier(**settings, dtype="float64")


@pytest.mark.parametrize("y", KINDS.values(), ids=KINDS)
def test_labels_and_predictions_are_of_scikit_learns_kind(y):
    wanted, found = (estimator.fit(X, y) for estimator in both())
    assert found.classes_.dtype == np.asarray(wanted.classes_).dtype
    np.testing.assert_array_equal(found.classes_, wanted.classes_)
    predicted = found.predict(X)
    assert (predicted.dtype, predicted.shape) == (wanted.predict(X).dtype, wanted.predict(X).shape)
    np.testing.assert_array_equal(predicted, wanted.predict(X))


@pytest.mark.parametrize("y", [NUMBERS, SEVERAL])
def test_a_refused_fit_leaves_what_is_fitted(y):
    found = both()[1]  # scikit-learn's cannot predict any more
    before = found.fit(X, y).predict(X)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        found.fit(X, X[:, 0])
    np.testing.assert_array_equal(found.predict(X), before)


def test_labels_may_come_to_be_several_and_one_again():
    for estimator in both():
        for y in (NUMBERS, SEVERAL, NUMBERS > 0):
            estimator.fit(X, y)
            assert estimator.predict(X).shape == y.shape
            np.testing.assert_array_equal(
                pickle.loads(pickle.dumps(estimator)).predict(X), estimator.predict(X)
            )


def test_classes_of_a_first_partial_fit_hold():
    for estimator in both():
        for _ in range(2):
            estimator.partial_fit(X, NUMBERS % 2, classes=[0, 1, 2])
        np.testing.assert_array_equal(estimator.classes_, [0, 1, 2])
        with pytest.raises(ValueError, match="not the same as on last call"):
            estimator.partial_fit(X, NUMBERS, classes=[0, 1])
    for estimator in both():
        for _ in range(2):
            estimator.partial_fit(X, SEVERAL, classes=[0, 1, 2, 3])
        np.testing.assert_array_equal(estimator.classes_, [0, 1, 2, 3])
    for estimator in both():
        with pytest.raises(ValueError, match="`y` has classes not in"):
            estimator.partial_fit(X, SEVERAL, classes=[0, 1])
