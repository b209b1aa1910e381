"""Rows that skip scikit-learn's validation: the same results, errors and warnings as with it."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

import prelunet as pn
from prelunet.estimators import fitted as fitted_module
from tolerances import assert_same_bits

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = np.arange(60) % 3
SETTINGS = {"hidden_layer_sizes": (5,), "max_iter": 2, "random_state": 0}


def fitted(kind, rows=X):
    """Return an estimator after two epochs, which are too few to converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(**SETTINGS).fit(rows, Y)


FITTED = fitted(pn.MLPClassifier)


def validations(monkeypatch):
    """Count the calls of scikit-learn's validation."""
    calls, validate = [], fitted_module.validate_data

    def counted(*arguments, **options):
        calls.append(arguments)
        return validate(*arguments, **options)

    monkeypatch.setattr(fitted_module, "validate_data", counted)
    return calls


ROWS = {
    "a row": X[:1],
    "all rows": X,
    "float32": X.astype(np.float32),
    "Fortran": np.asfortranarray(X),
    "every other row, backward": X[::-2],
    "integers": np.arange(12).reshape(3, 4),
    "bool": X > 0,
}


@pytest.mark.parametrize("name", ROWS)
def test_arrays_have_the_results_of_validated_rows(monkeypatch, name):
    calls = validations(monkeypatch)
    fast = [f(ROWS[name]) for f in (FITTED.predict, FITTED.predict_proba)]
    assert not calls
    monkeypatch.setattr(fitted_module, "rows_as_they_are", lambda *_: None)
    slow = [f(ROWS[name]) for f in (FITTED.predict, FITTED.predict_proba)]
    assert len(calls) == 2
    for got, expected in zip(fast, slow, strict=True):
        assert_same_bits(got, expected)


def outcome(estimator, rows):
    """Return the error and the warnings of a prediction, as text."""
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator.predict_proba(rows)
        except (TypeError, ValueError) as found:
            # What follows recommends other estimators: ours, or scikit-learn's.
            advice = r"\nMLPClassifier (requires numbers|does not accept missing values)"
            error = type(found), re.split(advice, str(found))[0]
    return error, [str(one.message) for one in caught]


def with_value(value):
    rows = X[:2].copy()
    rows[1, 2] = value
    return rows


BAD = {
    "NaN": with_value(np.nan),
    "infinity": with_value(np.inf),
    "one axis": X[0],
    "three axes": X[np.newaxis],
    "no rows": X[:0],
    "too few columns": X[:, :3],
    "complex": X.astype(complex),
    "lists": [[1.0, 2.0]],
}


@pytest.mark.parametrize("name", BAD)
def test_other_rows_have_their_errors(name):
    expected = outcome(fitted(MLPClassifier), BAD[name])
    assert expected[0] is not None
    assert outcome(FITTED, BAD[name]) == expected


def test_data_frames(monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    ours, theirs = fitted(pn.MLPClassifier, frame), fitted(MLPClassifier, frame)
    calls = validations(monkeypatch)
    assert_same_bits(ours.predict_proba(frame), FITTED.predict_proba(X))
    mixed = frame.assign(a=frame["a"].astype("float32"), b=np.arange(60))
    expected = FITTED.predict_proba(mixed.to_numpy())
    assert_same_bits(ours.predict_proba(mixed), expected)
    assert not calls
    cases = [
        frame[list("abdc")],
        frame.rename(columns={"a": "z"}),
        frame[["a"]],
        X,
        frame.assign(a=np.nan),
        frame.assign(a="text"),
        frame.assign(a=pandas.arrays.SparseArray(X[:, 0])),
    ]
    for case in cases:
        error, told = outcome(theirs, case)
        error_of_ours, told_of_ours = outcome(ours, case)
        assert error_of_ours == error
        assert [re.sub("^X .*but", "", text) for text in told_of_ours] == [
            re.sub("^X .*but", "", text) for text in told
        ]
    nullable = frame.astype("Float64")
    assert_same_bits(ours.predict_proba(nullable), FITTED.predict_proba(X))
