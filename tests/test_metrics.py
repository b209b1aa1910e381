"""Metrics: which keys they get, and which functions are refused."""

from __future__ import annotations

import functools

import pytest

from prelunet import metrics


def worst_error(y_true, outputs):
    return float(abs(y_true - outputs).max())


def named(name):
    def function(y_true, outputs):
        return 0.0

    function.__name__ = name
    return function


def test_accuracy_is_the_engines():
    assert metrics.get("accuracy") == ("accuracy", None)


def test_a_function_has_its_name():
    assert metrics.get(worst_error) == ("worst_error", worst_error)


def test_several_keep_their_order():
    assert metrics.get_all([worst_error, "accuracy"]) == {
        "worst_error": worst_error,
        "accuracy": None,
    }
    assert list(metrics.get_all([worst_error, "accuracy"])) == ["worst_error", "accuracy"]
    assert metrics.get_all(()) == metrics.get_all(None) == {}


def test_an_unknown_string():
    with pytest.raises(ValueError, match=r"must be one of 'accuracy', got 'acc'"):
        metrics.get("acc")


@pytest.mark.parametrize("metric", [None, 3, ["accuracy"]])
def test_neither_string_nor_function(metric):
    with pytest.raises(TypeError, match=r"metrics\.get: metric \(unless a function\) must be"):
        metrics.get(metric)


@pytest.mark.parametrize(
    "metric", [lambda y_true, outputs: 0.0, functools.partial(worst_error), named("a b")]
)
def test_a_function_without_a_name(metric):
    with pytest.raises(ValueError, match="metric must be a function with a name"):
        metrics.get(metric)


@pytest.mark.parametrize("name", ["loss", "val_loss", "val_error"])
def test_a_name_that_is_taken(name):
    with pytest.raises(ValueError, match=f"must not be named 'loss' or 'val_...'.* got '{name}'"):
        metrics.get(named(name))


@pytest.mark.parametrize(
    "pair",
    [
        ["accuracy", "accuracy"],
        ["accuracy", named("accuracy")],
        [worst_error, named("worst_error")],
    ],
)
def test_two_of_one_name(pair):
    with pytest.raises(ValueError, match=r"metrics must differ in name, got '\w+' twice"):
        metrics.get_all(pair)


@pytest.mark.parametrize("value", ["accuracy", worst_error, {"accuracy"}])
def test_a_list_is_wanted(value):
    with pytest.raises(TypeError, match="metrics must be a list of metrics, got"):
        metrics.get_all(value)
