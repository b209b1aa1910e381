"""Containers and dtypes of X and y, with and without early stopping."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, BaggingRegressor

import prelunet as pn
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance

RNG = np.random.default_rng(0)
X = np.round(4 * RNG.standard_normal((60, 4)))
VALUES = X @ [1.0, 2.0, -1.0, 3.0]
CLASSES = (VALUES > 0).astype(int)
LABELS = (X[:, :3] > 0).astype(int)
SCORINGS = [None, "loss", "accuracy"]
FOREIGN = [">f8", ">f4", "<f2", np.longdouble, ">i4"]


class Wrapped:
    """An array that can be converted but not indexed."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.array, dtype)

    def __len__(self):
        return len(self.array)


def classifier(**settings):
    return pn.MLPClassifier((3,), **({"max_iter": 2, "random_state": 0} | settings))


def regressor(**settings):
    settings = {"max_iter": 2, "random_state": 0, "dtype": "float64"} | settings
    return pn.MLPRegressor(hidden_layer_sizes=(3,), **settings)


def assert_same_fits(one, other):
    assert one.loss_curve_ == other.loss_curve_
    assert (one.validation_scores_ is None) == (other.validation_scores_ is None)
    if one.validation_scores_ is not None:  # a scorer may compute in the dtype of y
        tolerance = sum_tolerance(len(X), np.float64)
        assert_close_to_scale(one.validation_scores_, other.validation_scores_, tolerance)
    for found, expected in zip(one.coefs_, other.coefs_, strict=True):
        assert_same_bits(found, expected)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("dtype", FOREIGN)
def test_foreign_dtypes(dtype, early_stopping):
    plain = regressor(early_stopping=early_stopping).fit(X, VALUES)
    found = regressor(early_stopping=early_stopping).fit(X.astype(dtype), VALUES.astype(dtype))
    assert_same_fits(found, plain)
    assert_same_bits(found.predict(X.astype(dtype)), plain.predict(X))
    several = np.stack([VALUES, CLASSES], axis=1)
    plain = regressor(early_stopping=early_stopping).fit(X, several)
    found = regressor(early_stopping=early_stopping).fit(X, several.astype(dtype))
    assert_same_fits(found, plain)


@pytest.mark.parametrize("scoring", [None, "loss", "r2"])
@pytest.mark.parametrize("dtype", FOREIGN)
def test_frames_of_foreign_dtypes(dtype, scoring):
    pd = pytest.importorskip("pandas")
    settings = {"early_stopping": True, "scoring": scoring}
    native = np.float32 if dtype == ">f4" else np.float64
    frame = pd.DataFrame(X.astype(native), columns=list("abcd"))
    plain = regressor(**settings).fit(frame, VALUES.astype(native))
    found = regressor(**settings)
    found.fit(frame.astype(dtype), pd.Series(VALUES.astype(dtype)))
    assert_same_fits(found, plain)
    assert_same_bits(found.predict(frame.astype(dtype)), plain.predict(frame))
    several = pd.DataFrame({"y": VALUES.astype(dtype), "z": VALUES.astype(dtype)})
    regressor(**settings).fit(frame.astype({"a": dtype}), several)


def test_a_scorer_sees_a_frame_of_foreign_byte_order():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X.astype(">f8"), columns=list("abcd"), index=range(100, 160))
    seen = []

    def scorer(estimator, X, y):
        seen.append((list(X.columns), list(X.index), list(y.index), y.name))
        return estimator.score(X, y)

    target = pd.Series(VALUES.astype(">f8"), name="height", index=frame.index)
    regressor(early_stopping=True, scoring=scorer, max_iter=1).fit(frame, target)
    ((columns, rows, target_rows, name),) = seen
    assert columns == list("abcd")
    assert rows == target_rows
    assert min(rows) >= 100
    assert name == "height"


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("form", ["coo", "dia", "bsr", "csr", "csc", "lil", "dok"])
def test_sparse_rows_and_labels(form, scoring):
    settings = {"early_stopping": True, "scoring": scoring}
    plain = classifier(**settings).fit(X, LABELS)
    for kind in ("matrix", "array"):
        container = getattr(sparse, f"{form}_{kind}")
        assert_same_fits(classifier(**settings).fit(X, container(LABELS)), plain)
        classifier(**settings).fit(container(X), CLASSES)


@pytest.mark.parametrize("scoring", [None, "loss", "r2"])
@pytest.mark.parametrize("wrap", [memoryview, Wrapped, lambda array: array.tolist()])
def test_data_without_an_index(wrap, scoring):
    settings = {"early_stopping": True, "scoring": scoring}
    plain = regressor(**settings).fit(X, VALUES)
    assert_same_fits(regressor(**settings).fit(wrap(X), wrap(VALUES)), plain)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_a_frame_of_sparse_columns_keeps_its_names(scoring):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame.sparse.from_spmatrix(sparse.csr_array(X), columns=list("abcd"))
    settings = {"early_stopping": True, "scoring": scoring}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier(**settings).fit(frame, CLASSES)
    assert not [w for w in caught if "feature names" in str(w.message)]


# ---- weights of held-out rows ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ensemble", "estimator", "y"),
    [(BaggingClassifier, classifier, CLASSES), (BaggingRegressor, regressor, VALUES)],
)
def test_bagging_with_early_stopping(ensemble, estimator, y):
    """Rows that a bootstrap sample lacks have weight 0; the held-out rows may all be such rows."""
    base = estimator(early_stopping=True, validation_fraction=0.2)
    found = ensemble(base, n_estimators=20, max_samples=11, random_state=0)
    assert found.fit(X, y).predict(X).shape == (60,)


def test_held_out_rows_without_weight_are_drawn_again():
    weights = np.zeros(60)
    weights[:4] = 1.0
    settings = {"early_stopping": True, "validation_fraction": 0.5, "random_state": 16}
    found = classifier(**settings).fit(X, CLASSES, sample_weight=weights)
    assert found.t_ == 2 * 2  # two epochs of two rows; two rows are held out
    again = classifier(**settings).fit(X, CLASSES, sample_weight=weights)
    assert_same_fits(found, again)
    weights[1:] = 0.0
    with pytest.raises(ValueError, match="n_samples=1"):
        classifier(**settings).fit(X, CLASSES, sample_weight=weights)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_a_bad_weight_is_named_by_its_row(solver, container):
    weights = np.ones(60)
    weights[17] = 1e-310  # its inverse overflows
    with pytest.raises(ValueError, match=r"sample_weight must hold weights .* in row 17"):
        classifier(solver=solver).fit(container(X), CLASSES, sample_weight=weights)


# ---- what a table needs ------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [np.nan, "a"])
@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
def test_gaps_and_text_in_x_lead_to_the_tabular_estimators(kind, gap):
    """scikit-learn's message names another library's estimators."""
    estimator = getattr(pn, f"MLP{kind}")(max_iter=2)
    wrong = X.astype(object if gap == "a" else float)
    wrong[3, 1] = gap
    message = rf"(?s)^(Input X contains NaN|could not convert string).*prelunet\.Tabular{kind} "
    for call in (
        lambda: estimator.fit(wrong, CLASSES),
        lambda: estimator.fit(X, CLASSES).predict(wrong),
    ):
        with pytest.raises(ValueError, match=message) as found:
            call()
        assert "HistGradient" not in str(found.value)
    if kind == "Regressor":
        with pytest.raises(ValueError, match=r"^(?s:(?!.*Tabular).*)$"):
            estimator.fit(X, np.where(np.arange(len(X)) == 3, gap, VALUES.astype(object)))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_large_unscaled_targets_warn_once(solver):
    regressor = pn.MLPRegressor(solver=solver, learning_rate_init=1e-6, max_iter=2, warm_start=True)
    for y in (VALUES + 2000.0, 300.0 * VALUES, np.c_[VALUES, VALUES - 2000.0]):
        fresh = clone(regressor)
        with pytest.warns(UserWarning, match="y has .* above 1000.*TabularRegressor") as caught:
            fresh.fit(X, y)
        assert sum("y has" in str(warning.message) for warning in caught) == 1
        fresh.fit(X, y)  # with warm_start it goes on, quietly
        fresh.partial_fit(X, y)


@pytest.mark.parametrize(
    ("settings", "y"),
    [
        ({}, VALUES),
        ({"solver": "lbfgs"}, VALUES + 2000.0),
        ({"loss": "poisson"}, np.abs(VALUES) + 2000.0),
    ],
)
def test_other_targets_do_not_warn(settings, y):
    pn.MLPRegressor(max_iter=2, random_state=0, **settings).fit(X, y)


def test_a_loss_that_is_not_finite_warns_once():
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcd"))
    regressor = pn.MLPRegressor(solver="sgd", learning_rate_init=1e9, max_iter=5, random_state=0)
    with (
        pytest.warns(RuntimeWarning, match="X is finite; a smaller learning_rate_init") as caught,
        pytest.raises(ValueError, match="non-finite parameter weights"),
    ):
        regressor.fit(X, VALUES)
    assert sum(warning.category is RuntimeWarning for warning in caught) == 1
    frame.loc[5, "c"] = 1e300
    classifier = pn.MLPClassifier(dtype="float32", max_iter=3, random_state=0)
    with (
        pytest.warns(RuntimeWarning, match="too large for float32 in column 'c'"),
        pytest.raises(ValueError, match="non-finite parameter weights"),
    ):
        classifier.fit(frame, CLASSES)
