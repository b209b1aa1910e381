"""Weights and targets that sums, inverses and squares overflow for are refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError

import prelunet as pn
from tolerances import assert_same_bits

ROWS = 240
X, Y = make_classification(ROWS, 6, n_informative=4, n_redundant=0, random_state=0)
LARGEST, SMALLEST = np.finfo(np.float64).max, np.finfo(np.float64).smallest_subnormal
SOLVERS = ["sgd", "adam", "lbfgs"]
DATA = [pytest.param(X, id="dense"), pytest.param(csr_matrix(X), id="sparse")]

each_solver = pytest.mark.parametrize("solver", SOLVERS)


def make(solver, kind="MLPClassifier", **settings):
    settings = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0} | settings
    return getattr(pn, kind)(solver=solver, **settings)


def assert_refused(estimator, message, *arguments, **given):
    with pytest.raises(ValueError, match=message):
        estimator.fit(*arguments, **given)
    with pytest.raises(NotFittedError):
        estimator.predict(X)


@each_solver
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("loss", [None, "squared_error", "poisson"])
@pytest.mark.parametrize("weight", [LARGEST, LARGEST / ROWS, 1e300, 1e-300, 1e-310, SMALLEST])
def test_sums_of_sample_weights(solver, data, loss, weight):
    estimator = make(solver) if loss is None else make(solver, "MLPRegressor", loss=loss)
    message = "sample_weight must have a sum of at most 1e.289 that 1 and alpha"
    assert_refused(estimator, message, data, Y, np.full(ROWS, weight))


@each_solver
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("weight", [1e286, 1e100, 1e-100, 1e-12])
def test_weights_whose_sum_is_a_number_are_fitted(solver, data, weight):
    """Without a penalty, only their ratios count."""
    plain, weighted = (
        make(solver, alpha=0.0, dtype="float64").fit(data, Y, sample_weight=w)
        for w in (np.ones(ROWS), np.full(ROWS, 2.0 ** round(np.log2(weight))))
    )
    assert_same_bits(weighted.coefs_[0], plain.coefs_[0])


@each_solver
@pytest.mark.parametrize("weight", [LARGEST, 1e-300, SMALLEST, -1.0, np.inf, np.nan])
def test_class_weights(solver, weight):
    estimator = make(solver, class_weight={0: weight, 1: weight})
    assert_refused(estimator, "MLPClassifier: class_weight must", X, Y)
    given = {"sample_weight": np.full(ROWS, 1e5)}
    if weight == LARGEST:
        estimator.set_params(class_weight={0: 1e303, 1: 1e303})
    message = "MLPClassifier: class_weight times sample_weight must"
    if weight != 1e-300:
        assert_refused(estimator, message, X, Y, **given)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_weights_of_validation_rows(solver):
    given = {"X_val": X, "y_val": Y}
    for weight, message in ((LARGEST, "have a sum"), (SMALLEST, "have a sum"), (-1.0, "hold")):
        message = f"sample_weight_val must {message}"
        weights = np.full(ROWS, weight)
        assert_refused(make(solver), message, X, Y, **given, sample_weight_val=weights)


@pytest.mark.filterwarnings("ignore:MLPRegressor. y has")
@each_solver
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e19), ("float64", 1e154)])
def test_squares_of_targets(solver, data, outputs, dtype, size, rng):
    y = np.clip(rng.normal(size=(ROWS, outputs)), -3.0, 3.0)
    y[7] = -1.0
    y = y[:, 0] if outputs == 1 else y
    estimator = make(solver, "MLPRegressor", dtype=dtype)
    message = r"MLPRegressor: y must be within \+-.*, so that squared errors are finite"
    assert_refused(estimator, message, data, size * y)
    if solver != "lbfgs":
        held = {"X_val": X, "y_val": size * y}
        assert_refused(estimator, message.replace("y must", "y_val must"), data, y, **held)
    largest = 0.1 * np.sqrt(float(np.finfo(dtype).max) / (ROWS * outputs))
    found = estimator.set_params(learning_rate_init=1e-300).fit(data, largest / 3.0 * y)
    assert np.isfinite(found.loss_)


@each_solver
def test_weights_and_targets_together(solver):
    """Their product is summed over rows, in float64."""
    weights, y = np.full(ROWS, 1e280), 1e16 * X[:, 0]
    estimator = make(solver, "MLPRegressor")
    assert_refused(estimator, "y must be within", X, y, sample_weight=weights)
    assert np.isfinite(estimator.fit(X, X[:, 0], sample_weight=weights).loss_)


@each_solver
def test_float32_targets_choose_the_arithmetic(solver):
    """Data of float32 have float32's range: 1e19 squared is outside of it."""
    y = np.where(Y, 1e19, -1e19).astype(np.float32)
    assert_refused(make(solver, "MLPRegressor", dtype="float32"), "y must be", X, y)
    if solver != "lbfgs":
        assert_refused(make(solver, "MLPRegressor"), "y must be", X.astype(np.float32), y)


@pytest.mark.parametrize(("hidden", "layer"), [(2**45, 1), ((4, 2**62), 2)])
def test_weights_that_fit_no_memory_name_their_layer(hidden, layer):
    y = np.arange(20) % 2
    found = pn.MLPClassifier(3, max_iter=1).fit(X[:20], y)
    before = found.predict_proba(X[:20])
    with pytest.raises(MemoryError, match=rf"MLPClassifier: .* layer {layer}, .* [0-9,]+ bytes"):
        found.set_params(hidden_layer_sizes=hidden).fit(X[:20], y)
    assert_same_bits(found.predict_proba(X[:20]), before)


@pytest.mark.parametrize("kind", ["MLPRegressor", "TabularRegressor"])
@pytest.mark.parametrize("name", ["y", "sample_weight", "X"])
def test_integers_above_the_largest_float(kind, name):
    data = {"X": np.ones((20, 1)), "y": np.arange(20.0), "sample_weight": np.ones(20)}
    data[name] = np.full(data[name].shape, 10**400, object)
    with pytest.raises(ValueError, match="must hold numbers within float64"):
        getattr(pn, kind)().fit(**data)


def test_groups_that_cannot_be_compared():
    with pytest.raises(TypeError, match="TabularClassifier: groups must hold numbers or texts"):
        pn.TabularClassifier().fit(X, Y, groups=["a", None] * (ROWS // 2))
