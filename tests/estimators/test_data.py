"""What X, y and weights may be, and the dtypes that follow."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import sparse
from sklearn import neural_network as theirs
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.utils.class_weight import compute_sample_weight

import prelunet as pn
from memory_use import needs_linux
from subprocesses import run_code
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance

X, Y = make_classification(260, 8, n_informative=6, n_classes=3, random_state=0)
SOLVERS = ["adam", "sgd", "lbfgs"]


def classifier(**settings):
    settings = {"hidden_layer_sizes": (6,), "max_iter": 5, "random_state": 0} | settings
    return pn.MLPClassifier(**settings)


# ---- dtypes ------------------------------------------------------------------------------------


def arithmetic(estimator):
    return estimator.to_sequential().dtype


@pytest.mark.parametrize(
    ("settings", "rows", "given", "expected"),
    [
        ({}, 260, np.float64, "float32"),
        ({}, 200, np.float64, "float64"),
        ({"batch_size": 100}, 200, np.float64, "float32"),
        ({"batch_size": 260}, 260, np.float64, "float64"),
        ({}, 200, np.float32, "float32"),
        ({"solver": "lbfgs"}, 260, np.float32, "float64"),
        ({"dtype": "float64"}, 260, np.float32, "float64"),
        ({"dtype": "float32"}, 200, np.float64, "float32"),
        ({"dtype": "float32", "solver": "lbfgs"}, 200, np.float64, "float32"),
    ],
)
def test_dtype_of_the_arithmetic(settings, rows, given, expected):
    found = classifier(**settings).fit(X[:rows].astype(given), Y[:rows])
    assert arithmetic(found) == expected
    # Attributes and probabilities have the dtype of X, whatever lies between.
    assert {w.dtype for w in [*found.coefs_, *found.intercepts_]} == {np.dtype(given)}
    assert found.predict_proba(X.astype(given)).dtype == given
    assert found.predict_proba(X).dtype == np.float64


def test_probabilities_sum_to_one_in_their_own_dtype():
    """scikit-learn's metrics look: the softmax is taken in float64 where X is."""
    sums = classifier().fit(X, Y).predict_proba(X).sum(axis=1)
    assert_close_to_scale(sums, np.ones(len(X)), sum_tolerance(6, np.float64))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, bool])
def test_integers_are_read_as_they_lie(dtype):
    whole = (np.abs(X) * 3).astype(dtype)
    found = classifier().fit(whole, Y)
    assert_same_bits(
        found.predict_proba(whole),
        classifier().fit(whole.astype(np.float64), Y).predict_proba(whole),
    )
    assert found.coefs_[0].dtype == np.float64


def test_what_the_first_partial_fit_has_stays():
    found = classifier().partial_fit(X[:50], Y[:50], classes=[0, 1, 2])
    assert arithmetic(found) == "float64"
    assert arithmetic(found.partial_fit(X, Y)) == "float64"


# ---- sparse ------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
@pytest.mark.parametrize("solver", SOLVERS)
def test_sparse_rows_are_the_dense_ones(solver, container):
    few = np.where(np.abs(X) > 1.5, X, 0.0)
    settings = {"solver": solver, "dtype": "float64", "early_stopping": True, "scoring": "accuracy"}
    dense = classifier(**settings).fit(few, Y)
    found = classifier(**settings).fit(container(few), Y)
    assert found.n_iter_ == dense.n_iter_
    tolerance = sum_tolerance(found.n_iter_ * len(X) * 6, np.float64)
    assert_close_to_scale(found.predict_proba(container(few)), dense.predict_proba(few), tolerance)


SETTINGS = {
    "adam": {"solver": "adam"},
    "sgd": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate": "adaptive"},
    "early-stopping": {"solver": "adam", "early_stopping": True},
    "scorer": {"solver": "sgd", "early_stopping": True, "scoring": "neg_log_loss"},
    "dropout": {"solver": "adam", "dropout": 0.2, "alpha": 0.0},
    "lbfgs": {"solver": "lbfgs"},
}


def sparse_data(rng):
    rows = rng.standard_normal((300, 40)) * (rng.random((300, 40)) < 0.2)
    return rows, rng.integers(3, size=300), rng.random(300)


def assert_same_estimators(found, expected):
    assert found.loss_ == expected.loss_
    for got, wanted in zip(found.coefs_, expected.coefs_, strict=True):
        assert_same_bits(got + 0.0, wanted + 0.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_sparse_fits_have_the_bits_of_dense_ones(rng, settings, dtype):
    rows, y, weights = sparse_data(rng)
    found, expected = (classifier(dtype=dtype, **SETTINGS[settings]) for _ in range(2))
    for estimator, data in ((found, sparse.csr_matrix(rows)), (expected, rows)):
        estimator.set_params(class_weight="balanced")
        held = {} if estimator.solver == "lbfgs" else {"X_val": data[:50], "y_val": y[:50]}
        estimator.fit(data, y, sample_weight=weights, **held)
    assert_same_estimators(found, expected)
    data = sparse.csc_matrix(rows)
    assert_same_bits(found.predict_proba(data), expected.predict_proba(rows))
    assert found.score(data, y) == expected.score(rows, y)


@pytest.mark.parametrize("solver", SOLVERS)
def test_sparse_regressions_have_the_bits_of_dense_ones(rng, solver):
    rows, y, _ = sparse_data(rng)
    for loss in ("squared_error", "poisson"):
        estimators = []
        for data in (sparse.csr_array(rows), rows):
            options = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0}
            estimators.append(pn.MLPRegressor(**options, solver=solver, loss=loss).fit(data, y))
        assert_same_estimators(*estimators)


def test_partial_fits_of_sparse_rows(rng):
    rows, y, _ = sparse_data(rng)
    estimators = []
    for data in (sparse.csr_matrix(rows), rows):
        estimators.append(classifier(warm_start=True))
        for _ in range(2):
            estimators[-1].partial_fit(data, y, classes=[0, 1, 2])
        estimators[-1].fit(data, y)
    assert_same_estimators(*estimators)


@pytest.mark.parametrize("name", ["indices", "indptr"])
def test_damaged_sparse_rows_are_refused(rng, name):
    rows, y, _ = sparse_data(rng)
    fitted = classifier().fit(rows, y)
    damaged = sparse.csr_matrix(rows)
    getattr(damaged, name)[-1] += 1 << 20
    with pytest.raises(ValueError, match=name):
        fitted.predict(damaged)
    with pytest.raises(ValueError, match=name):
        classifier().fit(damaged, y)


@needs_linux
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_many_columns_take_little_memory(solver):
    """Dense, 1,024 rows of 2**18 columns are 2 GB."""
    peaks = run_code(
        """
import json, sys, warnings
import numpy as np
import prelunet as pn
from memory_use import peak
from scipy.sparse import csr_matrix

warnings.simplefilter("ignore")  # of convergence
rows, features, each = 1024, 1 << 18, 20
columns = np.random.default_rng(0).integers(features, size=rows * each)
ends = np.arange(rows + 1) * each
X, y = csr_matrix((np.ones(rows * each), columns, ends), (rows, features)), np.arange(rows) % 2
clf = pn.MLPClassifier((1,), solver=sys.argv[1], max_iter=1)
calls = [lambda: clf.fit(X, y), lambda: clf.predict_proba(X), lambda: clf.score(X, y)]
print(json.dumps([peak(call) for call in calls]))
""",
        solver,
    )
    fit, *predictions = json.loads(peaks)
    assert fit < 200 << 20  # L-BFGS keeps 25 vectors of 2 MB
    assert max(predictions) < 24 << 20


# ---- classes and weights -----------------------------------------------------------------------


def test_labels_are_given_back():
    names = np.array(["cat", "dog", "eel"], dtype=object)[Y]
    found = classifier(max_iter=60, learning_rate_init=0.01).fit(X, names)
    assert list(found.classes_) == ["cat", "dog", "eel"]
    assert found.score(X, names) > 0.6
    assert_same_bits(found.predict_log_proba(X), np.log(found.predict_proba(X)))


def test_one_class_has_one_probability():
    found = classifier().fit(X, np.full(len(X), "only"))
    assert found.predict_proba(X).shape == (len(X), 1)
    assert set(found.predict(X)) == {"only"}


def test_a_column_of_labels_is_taken_with_a_warning():
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        found = classifier().fit(X, Y[:, np.newaxis])
    assert_same_bits(found.predict(X), classifier().fit(X, Y).predict(X))


@pytest.mark.parametrize("solver", SOLVERS)
def test_class_weights_are_weights_of_rows(solver):
    names = np.array(["a", "b", "c"])[Y]
    for class_weight in ("balanced", {"a": 3.0, "c": 0.5}):
        rows = compute_sample_weight(class_weight, names)
        by_class = classifier(class_weight=class_weight, solver=solver).fit(X, names)
        by_row = classifier(solver=solver).fit(X, names, sample_weight=rows)
        assert_same_bits(by_class.predict_proba(X), by_row.predict_proba(X))
        both = classifier(class_weight=class_weight, solver=solver)
        both.fit(X, names, sample_weight=rows)
        squares = classifier(solver=solver).fit(X, names, sample_weight=rows**2)
        assert_same_bits(both.predict_proba(X), squares.predict_proba(X))


def test_class_weights_of_two_classes_and_of_labels():
    two = np.where(Y == 0, "no", "yes")
    by_class = classifier(class_weight={"no": 9.0}).fit(X, two)
    rows = np.where(Y == 0, 9.0, 1.0)
    by_row = classifier().fit(X, two, sample_weight=rows)
    assert_same_bits(by_class.predict_proba(X), by_row.predict_proba(X))
    data, labels = make_multilabel_classification(60, 8, n_classes=2, random_state=0)
    weights = [{0: 1.0, 1: 2.0}, {0: 3.0, 1: 1.0}]
    by_class = classifier(class_weight=weights).fit(data, labels)
    rows = (1.0 + labels[:, 0]) * (3.0 - 2.0 * labels[:, 1])
    by_row = classifier().fit(data, labels, sample_weight=rows)
    assert_same_bits(by_class.predict_proba(data), by_row.predict_proba(data))


def test_class_weights_leave_validation_alone():
    parts = {"X_val": X, "y_val": Y}
    found = classifier(class_weight={0: 1000.0}).fit(X, Y, **parts)
    assert found.validation_scores_[-1] == found.score(X, Y)


def test_balanced_weights_need_all_rows():
    with pytest.raises(ValueError, match="class_weight must name its weights for partial_fit"):
        classifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])
    classifier(class_weight={0: 2.0}).partial_fit(X, Y, classes=[0, 1, 2])


def test_a_batch_without_weight_changes_nothing():
    """Its loss is 0 and so are its gradients and its penalty, in a step of its own."""
    weights = np.zeros(len(X))
    weights[:200] = 1.0
    settings = {"solver": "sgd", "momentum": 0.0, "max_iter": 1, "shuffle": False, "alpha": 1.0}
    found = classifier(**settings).fit(X, Y, sample_weight=weights)
    only = classifier(**settings, dtype="float32").fit(X[:200], Y[:200])
    assert_same_bits(found.coefs_[0], only.coefs_[0])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(260), "Sample weights must contain at least one non-zero number"),
        (-np.ones(260), "sample_weight"),
        (np.ones(3), "sample_weight"),
    ],
)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_weights_that_are_none_are_refused(weights, message, solver):
    with pytest.raises(ValueError, match=message):
        classifier(solver=solver).fit(X, Y, sample_weight=weights)


@pytest.mark.parametrize("estimator", [pn.MLPClassifier(), pn.MLPRegressor()])
def test_nan_is_refused(estimator):
    broken = X.copy()
    broken[3, 2] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        estimator.fit(broken, Y)


def test_poisson_refuses_what_is_below_zero():
    with pytest.raises(ValueError, match="y must be at least 0 where loss is 'poisson'"):
        pn.MLPRegressor("poisson").fit(X, -np.ones(len(X)))


def test_rare_labels_and_overconfident_rows_have_finite_losses():
    """scikit-learn clips its logarithms; here the loss of a row is what it is."""
    settings = {"solver": "sgd", "learning_rate_init": 50.0, "max_iter": 3, "random_state": 0}
    ours = pn.MLPClassifier((6,), activation="tanh", **settings).fit(X, Y)
    clipped = theirs.MLPClassifier((6,), activation="tanh", **settings).fit(X, Y)
    assert np.isfinite(ours.loss_curve_).all()
    assert ours.loss_curve_[1] > clipped.loss_curve_[1]
