"""Figures of what a classifier says all over the plane."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import imread
from sklearn.inspection import DecisionBoundaryDisplay as TheirDisplay
from sklearn.linear_model import LogisticRegression

import prelunet as pn
from prelunet.plots import DecisionBoundaryDisplay, style
from tolerances import assert_close_to_scale, elementary_roundings, sum_tolerance

X = np.array([[-1.0, 0.0], [1.0, 0.5], [2.0, -1.0], [-2.0, 1.0]])
Y = np.array([0, 1, 1, 0])


def linear(weight, bias, loss="softmax_cross_entropy"):
    """Return a model without hidden layers, of these parameters."""
    model = pn.Sequential([pn.Dense(len(bias))], input_shape=(2,), dtype="float64", seed=0)
    model.set_parameters({"0.weight": weight, "0.bias": bias})
    model.compile(loss=loss)
    return model


# Boundaries at x = 0.25, and the second class beyond; of three, at 0.25 and 1.
TWO = linear([[0, 0], [3, 0]], [0, -0.75])
THREE = linear([[0, 0], [3, 0], [5, 0]], [0, -0.75, -2.75])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (TWO, lambda x: sigmoid(3 * x - 0.75)),
        (linear([[3, 0]], [-0.75], "sigmoid_cross_entropy"), lambda x: sigmoid(3 * x - 0.75)),
        (linear([[1, 0]], [0.25], "mean_squared_error"), lambda x: x + 0.25),
        (linear([[-1, 0], [1, 0]], [0.25, -0.25], "half_squared_error"), lambda x: x + 0.25),
    ],
    ids=["softmax", "sigmoid", "a score", "two scores"],
)
def test_two_classes_have_their_boundary_at_one_half(model, expected):
    display = DecisionBoundaryDisplay.from_model(model, X, Y, grid_resolution=81, eps=1.0)
    assert (display.xx0.min(), display.xx0.max()) == (-3, 3)
    assert (display.xx1.min(), display.xx1.max()) == (-2, 2)
    assert display.response.shape == (81, 81)
    tolerance = sum_tolerance(10 + elementary_roundings(np.float64), np.float64)
    assert_close_to_scale(display.response, expected(display.xx0), tolerance)
    (contour,) = display.boundary_
    line = np.concatenate([path.vertices for path in contour.get_paths()])
    assert np.ptp(line[:, 1]) == 4
    cell = 6 / 80
    assert np.abs(line[:, 0] - 0.25).max() < cell


def test_the_surface_is_scikit_learns():
    """A logistic regression is a network without hidden layers, and its surface the same."""
    theirs = LogisticRegression().fit(X, Y)
    ax = Figure().add_subplot()
    drawn = TheirDisplay.from_estimator(
        theirs, X, response_method="predict_proba", ax=ax, grid_resolution=50, eps=0.5
    )
    ours = linear(theirs.coef_, theirs.intercept_, "sigmoid_cross_entropy")
    display = DecisionBoundaryDisplay.from_model(ours, X, grid_resolution=50)
    assert_close_to_scale(display.xx0, drawn.xx0, sum_tolerance(2, np.float64))
    assert_close_to_scale(display.xx1, drawn.xx1, sum_tolerance(2, np.float64))
    tolerance = sum_tolerance(20 + 2 * elementary_roundings(np.float64), np.float64)
    assert_close_to_scale(display.response, drawn.response, tolerance)
    assert type(display.surface_) is type(drawn.surface_)


def test_several_classes_are_cells_with_an_outline_each():
    rows = [[-1, 0], [0.5, 0], [2, 1]]
    display = DecisionBoundaryDisplay.from_model(THREE, rows, [0, 1, 2], class_names="abc")
    expected = np.searchsorted([0.25, 1.0], display.xx0)
    np.testing.assert_array_equal(display.response, expected)
    np.testing.assert_array_equal(display.surface_.get_array(), expected)
    colors = display.surface_.to_rgba(np.arange(3))
    assert len({tuple(color) for color in colors}) == 3
    assert len(display.boundary_) == 3
    assert len(display.figure_.axes) == 1  # no bar


def test_points_differ_in_colour_and_marker():
    display = DecisionBoundaryDisplay.from_model(TWO, X, Y, class_names=["left", "right"])
    for label, points in enumerate(display.points_):
        np.testing.assert_array_equal(points.get_offsets(), X[label == Y])
        assert tuple(points.get_facecolor()[0]) == to_rgba(style.COLORS[label])
    circle, triangle = (points.get_paths()[0] for points in display.points_)
    assert len(circle) != len(triangle)
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == ["left", "right"]
    bar = display.surface_.colorbar
    assert bar.ax.get_ylabel() == "output for class right (boundary: 0.5)"


def test_axes_say_what_they_show():
    ax = DecisionBoundaryDisplay.from_model(TWO, X, Y, title="Two classes").ax_
    assert ax.get_title() == "Two classes"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("first feature", "second feature")


def test_without_labels_there_are_no_points_and_without_legend_no_bar():
    display = DecisionBoundaryDisplay.from_model(TWO, X)
    assert not any(len(points.get_offsets()) for points in display.points_)
    assert display.ax_.get_legend() is None
    bare = DecisionBoundaryDisplay.from_model(TWO, X, Y, legend=False)
    assert bare.ax_.get_legend() is None
    assert len(bare.figure_.axes) == 1


def test_a_model_that_says_one_thing_everywhere_has_no_boundary():
    always = linear([[0, 0], [0, 0]], [0, 1])
    assert DecisionBoundaryDisplay.from_model(always, X, Y).boundary_ == []


def test_scores_beyond_0_and_1_are_coloured():
    display = DecisionBoundaryDisplay.from_model(
        linear([[1, 0]], [0.25], "mean_squared_error"), X, Y
    )
    assert display.response.min() < 0
    assert display.response.max() > 1
    assert display.surface_.extend == "both"
    assert DecisionBoundaryDisplay.from_model(TWO, X, Y).surface_.extend == "neither"


def test_given_axes_are_drawn_on_and_plot_draws_again():
    ax = Figure().add_subplot()
    display = DecisionBoundaryDisplay.from_model(TWO, X, Y, ax=ax)
    assert (display.ax_, display.figure_) == (ax, ax.figure)
    assert display.plot() is display
    assert display.figure_ is not ax.figure
    assert len(display.ax_.collections) == len(ax.collections)


# ---- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "labels", "arguments", "message"),
    [
        (X[:, :1], Y, {}, r"X must have shape \(rows, 2\), not empty, got \(4, 1\)"),
        (X[:0], Y[:0], {}, r"X must have shape \(rows, 2\), not empty, got \(0, 2\)"),
        (
            X,
            Y[:3],
            {},
            r".* y for each row a label from 0 to 1, got \(4, 2\) and \[0 1\] of \(3,\)",
        ),
        (X, 2 * Y - 1, {}, r".* a label from 0 to 1, got \(4, 2\) and \[-1  1\] of \(4,\)"),
        (X, Y, {"class_names": "abc"}, "class_names must name 2 classes, got 3 names"),
        (X, Y, {"grid_resolution": 1}, "grid_resolution must be an integer >= 2, got 1"),
        (X, Y, {"eps": -0.5}, "eps must be a finite number >= 0, got -0.5"),
    ],
)
def test_what_cannot_be_drawn_is_refused(rows, labels, arguments, message):
    with pytest.raises(ValueError, match=f"DecisionBoundaryDisplay: {message}"):
        DecisionBoundaryDisplay.from_model(TWO, rows, labels, **arguments)


def test_more_classes_than_kinds_of_points_are_refused():
    model = linear(np.zeros((8, 2)), np.zeros(8))
    with pytest.raises(ValueError, match="classes must be an integer >= 2 and <= 7, got 8"):
        DecisionBoundaryDisplay.from_model(model, X, Y)


def test_a_model_must_be_compiled_and_of_two_features():
    bare = pn.Sequential([pn.Dense(2)], input_shape=(2,), seed=0)
    with pytest.raises(RuntimeError, match="compile the model first"):
        DecisionBoundaryDisplay.from_model(bare, X, Y)
    wide = pn.Sequential([pn.Dense(2)], input_shape=(3,), seed=0)
    wide.compile()
    with pytest.raises(ValueError, match=r"\(n, 3\)"):
        DecisionBoundaryDisplay.from_model(wide, X, Y)


def test_a_missing_scikit_learn_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.inspection", None)
    with pytest.raises(ImportError, match=r"pip install 'prelunet\[plot\]'"):
        DecisionBoundaryDisplay.from_model(TWO, X, Y)


def test_saved_figures_hold_ink_up_to_no_edge(tmp_path):
    for model in (TWO, THREE):
        display = DecisionBoundaryDisplay.from_model(model, X, Y, grid_resolution=50)
        style.save(display.figure_, tmp_path / "boundary.png")
        pixels = imread(tmp_path / "boundary.png")[..., :3]
        for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
            assert (edge == 1).all()
        assert (pixels.std(axis=-1) > 0).any()
