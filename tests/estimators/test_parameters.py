"""Parameters are checked by fit, and each is told of."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from sklearn import neural_network as theirs

import prelunet as pn
from docstrings import documented_parameters, parameters, sections
from tolerances import assert_same_bits

X, Y = np.arange(24.0).reshape(12, 2) / 24, np.array([0, 1, 2] * 4)
BOTH = [pn.MLPClassifier, pn.MLPRegressor]
TABLE = Path(__file__).parents[2] / "python/prelunet/estimators/README.md"
NEW = {"dropout", "scoring", "callbacks", "dtype"}

WRONG = {
    "hidden_layer_sizes": [0, (3, -1), 2.5, ("a",)],
    "activation": ["swish"],
    "solver": ["newton", None],
    "alpha": [-1.0, "a", np.nan],
    "batch_size": [0, 2.5, "all"],
    "learning_rate": ["falling"],
    "learning_rate_init": [0.0, -1.0],
    "power_t": [-0.5],
    "max_iter": [0, 2.5],
    "shuffle": [None, 2],
    "random_state": ["seed"],
    "tol": [-1e-4],
    "verbose": [-1, "loud"],
    "warm_start": ["yes"],
    "momentum": [-0.1, 1.0],
    "nesterovs_momentum": [2],
    "early_stopping": ["yes"],
    "validation_fraction": [1.0, -0.1],
    "beta_1": [1.0],
    "beta_2": [1.0],
    "epsilon": [0.0],
    "n_iter_no_change": [0, 2.5, -np.inf, np.nan],
    "max_fun": [0],
    "dropout": [1.0, -0.1, [0.1, 0.2], "a"],
    "callbacks": [3],
    "dtype": ["float16", None],
    "loss": ["log_loss"],
    "class_weight": ["heavy", {9: "a"}],
    "scoring": ["no_such_score", {"a": "r2"}, ["r2"], 3],
}
CASES = [
    pytest.param(estimator, name, value, id=f"{estimator.__name__}-{name}-{value}")
    for estimator in BOTH
    for name, values in WRONG.items()
    if name in parameters(estimator)
    for value in values
]


@pytest.mark.parametrize(("estimator", "name", "value"), CASES)
def test_wrong_values_are_refused_by_fit(estimator, name, value):
    made = estimator(**{"max_iter": 1} | {name: value})
    with pytest.raises((ValueError, TypeError), match=rf"{name}|cannot be used to seed|scor"):
        made.fit(X, Y, **({"X_val": X, "y_val": Y} if name == "scoring" else {}))


def test_every_parameter_has_a_wrong_value():
    assert set(WRONG) == {name for estimator in BOTH for name in parameters(estimator)}


@pytest.mark.parametrize("estimator", BOTH)
def test_parameters_are_scikit_learns_and_ours_after_them(estimator):
    ours = inspect.signature(estimator).parameters
    others = inspect.signature(getattr(theirs, estimator.__name__)).parameters
    assert list(ours)[: len(others)] == list(others)
    for name, parameter in others.items():
        assert (ours[name].default, ours[name].kind) == (parameter.default, parameter.kind)
    rest = set(list(ours)[len(others) :])
    assert rest == NEW | ({"class_weight"} if estimator is pn.MLPClassifier else set())


@pytest.mark.parametrize("estimator", BOTH)
def test_parameters_and_attributes_are_documented(estimator):
    assert documented_parameters(estimator) == parameters(estimator)
    fitted = estimator(max_iter=1, early_stopping=True, validation_fraction=0.25).fit(X, Y)
    named = sections(estimator)["Attributes"]
    public = [name for name in vars(fitted) if name.endswith("_") and not name.startswith("_")]
    assert len(public) > 12
    assert [name for name in public if name not in named] == []
    table = TABLE.read_text(encoding="utf-8")
    for name in [*parameters(estimator), *public, "fit", "partial_fit", "to_sequential"]:
        assert f"`{name}" in table, name


@pytest.mark.parametrize("value", [np.int64(5), [5], (5,), np.array([5])])
def test_sizes_may_be_numbers_lists_or_arrays(value):
    made = [pn.MLPRegressor(hidden_layer_sizes=v, max_iter=1, random_state=0) for v in (value, 5)]
    ours, plain = (estimator.fit(X, Y) for estimator in made)
    assert_same_bits(ours.predict(X), plain.predict(X))


def test_a_batch_larger_than_the_data_is_clipped_with_a_warning():
    with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger than"):
        clipped = pn.MLPClassifier(batch_size=500, max_iter=2, random_state=0).fit(X, Y)
    whole = pn.MLPClassifier(max_iter=2, random_state=0).fit(X, Y)
    assert_same_bits(clipped.predict_proba(X), whole.predict_proba(X))
