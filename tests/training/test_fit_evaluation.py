"""Validation each so many epochs, and evaluation each so many updates."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest

import prelunet as pn
from fit_checks import assert_refused, assert_same_models, recorded
from network_models import labelled, mlp
from prelunet.callbacks import progress_bar
from prelunet.plots import HistoryDisplay


@pytest.fixture
def data(rng):
    return labelled(rng, 25)


@pytest.fixture
def held(rng):
    return labelled(rng, 12)


def fit(model, data, held, *callbacks, **options):
    given = {"batch_size": 5, "validation_data": held, "callbacks": callbacks}
    return model.fit(*data, **given | options)


# ---- each so many epochs -----------------------------------------------------------------------


@pytest.mark.parametrize("between", [1, 2, 3, 8])
def test_validation_after_each_so_many_epochs(data, held, between):
    every, some = mlp(), mlp()
    expected = fit(every, data, held, epochs=7)
    history = fit(some, data, held, epochs=7, validation_freq=between)
    assert_same_models(every, some)
    assert history.epochs == expected.epochs
    for name in ("loss", "accuracy"):
        assert history[name] == expected[name]
    validated = [epoch for epoch in range(7) if (epoch + 1) % between == 0]
    names = ["val_loss", "val_accuracy"] if validated else []
    assert list(history) == ["loss", "accuracy", *names]
    for name in names:
        assert [history[name][epoch] for epoch in validated] == [
            expected[name][epoch] for epoch in validated
        ]
        assert [math.isnan(value) for value in history[name]] == [
            epoch not in validated for epoch in range(7)
        ]


@pytest.mark.parametrize(
    ("between", "error"), [(0, ValueError), (1.5, TypeError), ([1], TypeError)]
)
def test_bad_validation_freq(data, between, error):
    message = "^fit: validation_freq must be an integer >= 1, got"
    assert_refused(data, error, message, validation_freq=between)


@pytest.mark.parametrize(("patience", "stopped"), [(1, 5), (2, 7)])
def test_patience_counts_validations_where_they_are_watched(data, held, patience, stopped):
    early = pn.EarlyStopping(patience=patience, min_delta=1e9)
    history = fit(mlp(), data, held, early, epochs=20, validation_freq=2)
    # The first validation, after epoch 1, is the best.
    assert early.best_epoch == 1
    assert early.stopped_epoch == stopped - 2
    assert len(history.epochs) == stopped - 1


def test_patience_counts_epochs_where_training_is_watched(data, held):
    early = pn.EarlyStopping("loss", patience=2, min_delta=1e9)
    history = fit(mlp(), data, held, early, epochs=20, validation_freq=2)
    assert history.epochs == [0, 1, 2]


def test_the_rate_waits_for_validations_too(data, held):
    model = mlp()
    reduce = pn.ReduceLROnPlateau(patience=1, min_delta=1e9, factor=0.5)
    rates = []
    note = pn.LambdaCallback(on_epoch_end=lambda epoch, logs: rates.append(model.learning_rate))
    fit(model, data, held, reduce, note, epochs=6, validation_freq=2)
    assert rates == [0.1, 0.1, 0.1, 0.05, 0.05, 0.025]


def test_a_number_that_no_validation_has_is_still_told(data, held):
    with pytest.raises(
        ValueError, match=r"monitor must be a key of the logs .*, got 'val_los_loss'"
    ):
        fit(mlp(), data, held, pn.EarlyStopping("val_los_loss"), epochs=3, validation_freq=2)
    with pytest.raises(ValueError, match=r"EarlyStopping: monitor must be a key of the logs"):
        fit(mlp(), data, None, pn.EarlyStopping(), epochs=3, validation_freq=2)


def test_lines_of_epochs_show_what_there_is(data, held, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(progress_bar.sys, "stderr", stream)
    fit(mlp(), data, held, epochs=3, validation_freq=2, verbose=True)
    assert ["(val" in line for line in stream.getvalue().splitlines()] == [False, True, False]


def test_lines_of_figures_go_through_the_validations(data, held):
    history = fit(mlp(), data, held, epochs=5, validation_freq=2)
    display = HistoryDisplay.from_history(history)
    np.testing.assert_array_equal(display.lines_["loss"].get_xdata(), [1, 2, 3, 4, 5])
    line = display.lines_["val_loss"]
    np.testing.assert_array_equal(line.get_xdata(), [2, 4])
    np.testing.assert_array_equal(line.get_ydata(), [history["val_loss"][i] for i in (1, 3)])
    label = f"validation (epoch 4: {history['val_loss'][3]:.4g})"
    assert [text.get_text() for text in display.axes_[0].get_legend().get_texts()][1] == label


def test_figures_of_one_validation_or_of_none():
    nan = math.nan
    display = HistoryDisplay.from_history({"loss": [3, 2, 1], "val_loss": [nan, 2, nan]})
    assert display.lines_["val_loss"].get_marker() == "o"
    display = HistoryDisplay.from_history({"loss": [3, nan], "val_loss": [nan, nan]})
    texts = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert texts == ["training (epoch 1: 3)", "validation (last: nan)"]
    display.figure_.canvas.draw()


# ---- each so many updates ----------------------------------------------------------------------


def test_evaluation_each_so_many_updates(data, held):
    """A callback evaluates where it stops training, which stays as it is."""
    X, y = data
    model, alone, stepped = mlp(), mlp(), mlp()
    watch, seen = recorded(3, lambda model: model.evaluate(*held))
    options = {"epochs": 2, "shuffle": False}
    assert fit(model, data, None, watch, **options) == fit(alone, data, None, **options)
    assert_same_models(model, alone)
    expected = []
    for step in range(10):
        rows = slice(step % 5 * 5, step % 5 * 5 + 5)
        stepped.train_on_batch(X[rows], y[rows])
        if (step + 1) % 3 == 0:
            expected.append((step + 1, stepped.evaluate(*held)))
    assert seen == expected


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("loss", ["mean_squared_error", "of one's own"])
def test_metric_functions_get_targets_in_the_shape_of_outputs(rng, loss, column):
    """With y (n,) beside outputs (n, 1), y - outputs would be (n, n): another number in silence."""

    def own(outputs, targets):
        d = outputs - np.reshape(targets, outputs.shape)
        return (d**2).sum(axis=1), 2 * d

    def error(y_true, outputs):
        assert y_true.shape == outputs.shape == (8, 1)
        return float(np.mean((y_true - outputs) ** 2))

    X = rng.standard_normal((8, 3))
    y = rng.standard_normal((8, 1) if column else 8)
    model = pn.Sequential([pn.Dense(1)], input_shape=(3,), seed=0, dtype="float64")
    model.compile("sgd", own if loss == "of one's own" else loss, [error])
    wanted = np.mean((y.reshape(8, 1) - model.predict(X)) ** 2)
    assert model.evaluate(X, y)["error"] == wanted
    history = model.fit(X, y, validation_data=(X, y))
    assert history["error"] == history["val_error"]


def test_metric_functions_get_labels_as_they_are(rng):
    def share(y_true, outputs):
        assert y_true.shape == (8,)
        assert outputs.shape == (8, 3)
        return float((outputs.argmax(axis=1) == y_true).mean())

    X, y = rng.standard_normal((8, 3)), rng.integers(3, size=8)
    model = pn.Sequential([pn.Dense(3)], input_shape=(3,), seed=0)
    model.compile("sgd", "softmax_cross_entropy", ["accuracy", share])
    logs = model.evaluate(X, y)
    assert logs["share"] == logs["accuracy"]
