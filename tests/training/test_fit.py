"""The arguments of fit, one after another; its callbacks are in test_fit_callbacks.py."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from fit_checks import assert_refused, assert_same_models
from network_models import labelled, mlp, parameter_copies
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance

ROWS, CLASSES = 40, 5


@pytest.fixture
def data(rng):
    return labelled(rng, ROWS)


# ---- epochs, batch_size, shuffle ---------------------------------------------------------------


def test_no_epochs_are_no_training(data):
    model = mlp()
    before = parameter_copies(model)
    history = model.fit(*data, epochs=0)
    assert (dict(history), history.epochs) == ({}, [])
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)


def test_epochs_count_over_fits(data):
    once, twice = mlp(), mlp()
    once.fit(*data, epochs=5)
    first, second = twice.fit(*data, epochs=2), twice.fit(*data, epochs=3)
    assert (first.epochs, second.epochs) == ([0, 1], [0, 1, 2])
    assert twice.epochs_trained == 5
    assert_same_models(once, twice)  # the order of rows goes on


@pytest.mark.parametrize("size", [ROWS, ROWS + 1, 10**30])
def test_batch_size_none_is_all_rows(data, size):
    all_rows, sized = mlp(), mlp()
    all_rows.fit(*data, epochs=2, batch_size=None)
    sized.fit(*data, epochs=2, batch_size=size)
    assert all_rows.engine.core.steps == 2
    assert_same_models(all_rows, sized)


def test_shuffle(data):
    X, y = data
    shuffled, in_order, by_hand = mlp(), mlp(), mlp()
    shuffled.fit(X, y, batch_size=10)
    in_order.fit(X, y, batch_size=10, shuffle=False)
    by_hand.train_epoch(X, y, batch_size=10)
    assert_same_models(in_order, by_hand)
    assert (shuffled.predict(X) != in_order.predict(X)).any()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"epochs": -1}, ValueError, "fit: epochs must be an integer >= 0, got -1"),
        ({"epochs": 1.0}, TypeError, "fit: epochs must be an integer >= 0, got 1.0"),
        ({"batch_size": 0}, ValueError, r"fit: batch_size \(unless None\) must be .* >= 1, got 0"),
        ({"batch_size": 16.0}, TypeError, r"fit: batch_size .* must be an integer >= 1, got 16.0"),
        ({"shuffle": "yes"}, ValueError, r"fit: shuffle .* must be one of 'blocks', got 'yes'"),
        ({"shuffle": None}, TypeError, "fit: shuffle must be True or False, got None"),
    ],
)
def test_bad_counts_and_flags(data, arguments, error, message):
    assert_refused(data, error, message, **arguments)


# ---- metrics -----------------------------------------------------------------------------------


def test_a_function_called_accuracy_takes_the_place_of_the_engines(data, rng):
    def accuracy(y_true, outputs):
        return -1

    X, y = data
    model = mlp(metrics=[accuracy])
    history = model.fit(X, y, validation_data=(X, y))
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history["accuracy"] == history["val_accuracy"] == [-1.0]
    assert model.evaluate(X, y)["accuracy"] == -1.0
    assert list(model.train_on_batch(X, y)) == ["loss"]


def test_metrics_of_scikit_learn(data):
    metrics = pytest.importorskip("sklearn.metrics")
    X, y = data[0], np.random.default_rng(0).uniform(size=(ROWS, CLASSES))
    model = mlp(loss="mean_squared_error", metrics=[metrics.r2_score, metrics.mean_squared_error])
    history = model.fit(X, y)
    logs = model.evaluate(X, y)
    assert list(logs) == ["loss", "r2_score", "mean_squared_error"]
    assert history["r2_score"] == [logs["r2_score"]]
    tolerance = sum_tolerance(ROWS * CLASSES, np.float64)
    assert_close_to_scale(logs["mean_squared_error"], logs["loss"], tolerance)


# ---- verbose -----------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Notebook(io.StringIO):
    pass


Notebook.__module__ = "ipykernel.iostream"


@pytest.mark.parametrize(
    ("stream", "verbose", "shown"),
    [
        (io.StringIO, "auto", False),
        (io.StringIO, True, True),
        (io.StringIO, 1, True),
        (io.StringIO, np.True_, True),
        (Terminal, "auto", True),
        (Terminal, False, False),
        (Terminal, 0, False),
        (Notebook, "auto", True),
        (io.StringIO, 2, True),
        (Terminal, np.int64(2), True),
    ],
)
def test_progress_is_shown_where_somebody_looks(data, monkeypatch, stream, verbose, shown):
    monkeypatch.setitem(sys.modules, "tqdm", None)  # lines, which are easy to read
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(sys, "stderr", stream())
    mlp().fit(*data, epochs=2, verbose=verbose)
    lines = sys.stderr.getvalue().splitlines()
    assert [line[:9] for line in lines] == (["epoch 1/2", "epoch 2/2"] if shown else [])


@pytest.mark.parametrize("stream", [io.StringIO, Terminal, Notebook])
def test_verbose_2_writes_lines_everywhere(data, monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream())
    mlp().fit(*data, epochs=2, verbose=2)
    lines = sys.stderr.getvalue().splitlines()
    assert [line[:9] for line in lines] == ["epoch 1/2", "epoch 2/2"]


@pytest.mark.parametrize("verbose", ["auto", True, 2])
def test_without_a_console_nothing_is_shown(data, monkeypatch, capsys, verbose):
    monkeypatch.setattr(sys, "stderr", None)
    assert len(mlp().fit(*data, verbose=verbose)["loss"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("verbose", "error"),
    [
        ("loud", ValueError),
        (None, TypeError),
        (3, ValueError),
        (-1, ValueError),
        (0.5, TypeError),
        ([], TypeError),
    ],
)
def test_bad_verbose(data, verbose, error):
    assert_refused(data, error, r"fit: verbose \(unless .*\) must be", verbose=verbose)
