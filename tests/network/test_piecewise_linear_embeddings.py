"""PiecewiseLinearEmbeddings: gradients, updates, initial values, bins and refusals."""

from __future__ import annotations

import re

import numpy as np
import pytest

import prelunet as pn
from embedding_networks import BINS, network, piecewise
from gradient_checks import assert_gradients_are_derivatives
from network_models import inputs, targets, twin
from reference import network as oracle
from tolerances import assert_within

INPUTS = len(BINS)


@pytest.mark.parametrize("name", ["A", "B", "a branch"])  # others may cross an edge or a kink
def test_gradients_are_central_differences(rng, name):
    model, X = network(name), inputs(rng, 9, (INPUTS,))
    assert_gradients_are_derivatives(model, X, targets(rng, 9, 3))


@pytest.mark.parametrize("name", ["A with ReLU", "B"])
def test_updates_are_used_by_the_next_step(rng, name):
    X, y = inputs(rng, 300, (INPUTS,)), targets(rng, 300, 3)
    model = network(name, optimizer=pn.SGD(0.1))
    expected = oracle.train(
        twin(model).layers,
        [(X[start : start + 100], y[start : start + 100]) for start in (0, 100, 200)],
        loss="softmax_cross_entropy",
        optimizer="sgd",
        learning_rate=0.1,
    )[1][-1]
    model.fit(X, y, batch_size=100, shuffle=False, verbose=0)
    for key, value in twin(model).renamed(expected).items():
        assert_within(model.parameters()[key], value, 1e-12, key)


def test_a_missing_number_is_missing_in_its_own_outputs_alone():
    model = pn.Sequential([piecewise("A")], input_shape=(INPUTS,), seed=1)
    outputs = model.predict([[0.1, np.nan, 0.2, 0.3]]).reshape(INPUTS, 5)
    assert np.isnan(outputs).any(axis=1).tolist() == [False, True, False, False]


def test_initial_values():
    bins = [np.linspace(0, 1, 10), np.linspace(0, 1, 17)]
    for version, limits in (
        ("A", {"weight": 1 / 4, "bias": 1 / 4}),
        ("B", {"weight": 0.0, "linear": 1 / 8, "bias": 1 / 8}),
    ):
        layer = pn.PiecewiseLinearEmbeddings(bins, 64, version=version)
        model = pn.Sequential([layer], input_shape=(2,), dtype="float64", seed=2)
        values = model.parameters()
        assert [*values] == [f"0.{name}" for name in limits]
        for name, limit in limits.items():
            largest = np.abs(values[f"0.{name}"]).max()
            assert 0.9 * limit <= largest <= limit, (version, name)
    assert values["0.weight"].shape == (25, 64)


# ---- bins --------------------------------------------------------------------------------------


def test_bins_hold_equally_many_samples(rng):
    X = rng.standard_normal((4800, 2)) ** 3
    for edges, column in zip(pn.compute_bins(X), X.T, strict=True):
        assert (edges[0], edges[-1]) == (column.min(), column.max())
        assert np.ptp(np.histogram(column, edges)[0]) <= 2
    assert [len(edges) - 1 for edges in pn.compute_bins(X, n_bins=7)] == [7, 7]


def test_a_column_of_few_values_has_few_bins():
    X = np.stack([np.arange(100) % 2, np.arange(100) // 99], axis=1)
    few, one = pn.compute_bins(X, 10)
    assert (few[0], few[-1], one[0], one[-1]) == (0, 1, 0, 1)
    assert len(few) <= 3
    pn.Sequential([pn.PiecewiseLinearEmbeddings([few, one], 2)], seed=0).predict(X)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pn.compute_bins([1.0, 2.0]), "X must have shape (n, features), got (2,)"),
        (lambda: pn.compute_bins([[1, 1], [2, 1]]), "column 1 of X must have finite numbers, and"),
        (lambda: pn.compute_bins([[np.nan], [2]]), "column 0 of X must have finite numbers, and"),
        (lambda: pn.compute_bins([[1], [2]], 0), "n_bins must be an integer >= 1"),
        (
            lambda: pn.Sequential([piecewise("A")], input_shape=(3,)),
            "bins are given for 4 features, the input has shape (3,)",
        ),
        (lambda: pn.PiecewiseLinearEmbeddings([[0, 1], [1, 1]], 2), "got (1.0, 1.0) for feature 1"),
        (lambda: pn.PiecewiseLinearEmbeddings([[0]], 2), "at least two increasing edges"),
        (lambda: pn.PiecewiseLinearEmbeddings([[0, 1]], 0), "d_embedding must be an integer >= 1"),
        (lambda: piecewise("C"), "version must be one of"),
        (lambda: piecewise("B", activation=True), "activation must be False where version is 'B'"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_bins_must_be_numbers():
    for bins in ([], 3, [0, 1]):
        with pytest.raises(TypeError, match="PiecewiseLinearEmbeddings: "):
            pn.PiecewiseLinearEmbeddings(bins, 2)
    with pytest.raises(TypeError, match="compute_bins: X must be an array of numbers"):
        pn.compute_bins([["a"], ["b"]])
