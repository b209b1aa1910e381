"""Figures: what is drawn, where, and that nothing global is left behind."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from prelunet.plots import HistoryDisplay, plot_confusion_matrix, style

HISTORY = {
    "loss": [2.0, 0.5, 0.04, 0.01],
    "accuracy": [0.5, 0.75, 0.875, 1.0],
    "val_loss": [1.5, 0.75, 0.5, 0.25],
    "val_accuracy": [0.25, 0.5, 0.75, 0.75],
}


def test_each_quantity_has_a_panel_with_both_sets_of_rows():
    display = HistoryDisplay.from_history(HISTORY, units={"loss": "nats"})
    assert [ax.get_title() for ax in display.axes_] == ["Loss by epoch", "Accuracy by epoch"]
    assert [ax.get_ylabel() for ax in display.axes_] == ["loss (nats)", "accuracy"]
    assert {ax.get_xlabel() for ax in display.axes_} == {"epoch"}
    assert set(display.lines_) == set(HISTORY)
    for name, line in display.lines_.items():
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
        np.testing.assert_array_equal(line.get_ydata(), HISTORY[name])
    labels = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert labels == ["training (last: 0.01)", "validation (last: 0.25)"]


def test_runs_are_compared_by_color():
    short = {name: values[:2] for name, values in HISTORY.items()}
    display = HistoryDisplay.from_histories({"rate 1": HISTORY, "rate 0.1": short})
    assert set(display.lines_) == {f"{r}: {n}" for r in ("rate 1", "rate 0.1") for n in HISTORY}
    for run, log in (("rate 1", HISTORY), ("rate 0.1", short)):
        training, validation = display.lines_[f"{run}: loss"], display.lines_[f"{run}: val_loss"]
        np.testing.assert_array_equal(training.get_ydata(), log["loss"])
        assert training.get_color() == validation.get_color()
        assert training.get_linestyle() != validation.get_linestyle()
    first, second = (display.lines_[f"{run}: loss"] for run in ("rate 1", "rate 0.1"))
    assert first.get_color() != second.get_color()
    (legend,) = display.figure_.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[:3] == ["rate 1, training", "rate 1, validation", "rate 0.1, training"]
    ax = Figure().add_subplot()
    HistoryDisplay.from_histories({"a": HISTORY, "b": short}, metrics=["loss"], ax=ax)
    assert len(ax.get_legend().get_texts()) == 4
    with pytest.raises(TypeError, match="from_histories: histories must map names of runs"):
        HistoryDisplay.from_histories(HISTORY)
    with pytest.raises(ValueError, match="history of 'a' must hold at least one epoch"):
        HistoryDisplay.from_histories({"a": {}, "b": HISTORY})


def test_only_a_loss_that_falls_by_decades_is_logarithmic():
    display = HistoryDisplay.from_history(HISTORY)
    assert [ax.get_yscale() for ax in display.axes_] == ["log", "linear"]
    with_zero = HistoryDisplay.from_history({"loss": [100.0, 1.0, 0.0]})
    assert with_zero.axes_[0].get_yscale() == "linear"


def test_training_and_validation_differ_in_colour_line_and_marker():
    lines = HistoryDisplay.from_history(HISTORY).lines_
    for look in ("get_color", "get_linestyle", "get_marker"):
        assert getattr(lines["loss"], look)() != getattr(lines["val_loss"], look)()


def test_one_epoch_shows_as_points():
    display = HistoryDisplay.from_history({"loss": [0.5]})
    assert display.lines_["loss"].get_marker() == "o"


def test_metrics_choose_panels_and_their_order():
    display = HistoryDisplay.from_history(HISTORY, metrics=["accuracy"])
    assert len(display.axes_) == 1
    assert set(display.lines_) == {"accuracy", "val_accuracy"}


def test_given_axes_are_drawn_on_and_plot_draws_again():
    figure = Figure()
    axes = figure.subplots(2)
    display = HistoryDisplay.from_history(HISTORY, ax=axes)
    assert display.figure_ is figure
    assert list(display.axes_) == list(axes)
    assert display.plot() is display
    assert display.figure_ is not figure
    single = HistoryDisplay(HISTORY, metrics=["loss"]).plot(ax=Figure().add_subplot())
    assert len(single.axes_) == 1


@pytest.mark.parametrize(
    ("history", "arguments", "message"),
    [
        ({}, {}, "at least one epoch"),
        ({"loss": []}, {}, "at least one epoch"),
        ({"loss": [1.0], "accuracy": [1.0, 2.0]}, {}, "loss: 1, accuracy: 2"),
        (HISTORY, {"metrics": ["f1"]}, "among loss, accuracy.*got 'f1'"),
        (HISTORY, {"metrics": []}, "at least one"),
    ],
)
def test_a_history_that_cannot_be_drawn_is_refused(history, arguments, message):
    with pytest.raises(ValueError, match=message):
        HistoryDisplay(history, **arguments)


def test_wrong_number_of_axes_is_refused():
    with pytest.raises(ValueError, match=r"ax must be 2 axes.*got 1"):
        HistoryDisplay.from_history(HISTORY, ax=Figure().add_subplot())


def test_confusion_matrix_counts_and_leaves_out_zeros():
    display = plot_confusion_matrix([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 2], class_names="abc")
    np.testing.assert_array_equal(display.confusion_matrix, [[2, 1, 0], [0, 2, 0], [0, 0, 1]])
    shown = [[text.get_text() for text in row] for row in display.text_]
    assert shown == [["2", "1", ""], ["", "2", ""], ["", "", "1"]]
    assert display.ax_.get_title() == "Confusion matrix (6 rows)"
    assert display.ax_.get_xlabel() == "predicted class"
    assert display.ax_.get_ylabel() == "true class"
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["a", "b", "c"]


def test_numbers_contrast_with_their_cells():
    display = plot_confusion_matrix([0] * 1000 + [1] * 3, [0] * 1000 + [0, 1, 1])
    assert display.text_[0, 0].get_color() == "white"  # on the darkest blue
    assert display.text_[1, 0].get_color() == "black"


def test_classes_without_rows_keep_their_place_and_labels_need_a_name():
    display = plot_confusion_matrix([0, 2], [0, 2], class_names=["x", "y", "z"])
    assert display.confusion_matrix.shape == (3, 3)
    with pytest.raises(ValueError, match="2 names and the label 2"):
        plot_confusion_matrix([0, 2], [0, 2], class_names=["x", "y"])


def test_many_classes_have_no_numbers():
    labels = np.arange(40)
    assert plot_confusion_matrix(labels, labels).text_ is None


def test_confusion_matrix_on_given_axes():
    ax = Figure().add_subplot()
    display = plot_confusion_matrix([0, 1], [0, 1], ax=ax, title="Held out")
    assert display.ax_ is ax
    assert ax.get_title() == "Held out (2 rows)"


def test_saved_figures_hold_ink_up_to_no_edge(tmp_path):
    """Nothing is cut off: the outermost pixels are white, and there is colour within."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 500)
    figures = {
        "history": HistoryDisplay.from_history(HISTORY).figure_,
        "confusion": plot_confusion_matrix(
            labels, rng.permutation(labels), class_names=[f"class {i}" for i in range(10)]
        ).figure_,
    }
    for name, figure in figures.items():
        path = tmp_path / f"{name}.png"
        style.save(figure, path)
        pixels = imread(path)[..., :3]
        for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
            assert (edge == 1).all(), name
        assert (pixels.std(axis=-1) > 0).any(), name


def test_nothing_global_is_touched_or_imported_early():
    """A fresh process imports plots without Matplotlib and draws without figures of pyplot."""
    code = """
import sys
from prelunet import plots
assert "matplotlib" not in sys.modules
import matplotlib
before = list(dict.items(matplotlib.rcParams))  # not rcParams[...], which would resolve the backend
plots.HistoryDisplay.from_history({"loss": [2.0, 1.0]})
assert "matplotlib.pyplot" not in sys.modules
plots.plot_confusion_matrix([0, 1], [0, 1])
assert list(dict.items(matplotlib.rcParams)) == before
import matplotlib.pyplot
assert matplotlib.pyplot.get_fignums() == []
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
