"""Figures of PReLU's slopes: over time, and spread over channels."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

import prelunet as pn
from prelunet.plots import AlphaDisplay, style
from prelunet.plots.alpha import BINS, ROW_FILLED

STEPS = [0, 10, 20]
OVER_TIME = {"1": [0.25, 0.3, 0.3125], "3": [0.25, 0.2, -0.125]}
CHANNELS = {"1": [0.0, 0.25, 0.25, 1.0], "conv": [0.5]}


def labels_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# ---- curves ------------------------------------------------------------------------------------


def test_each_layer_has_a_curve_over_time():
    display = AlphaDisplay.from_history(STEPS, OVER_TIME, xlabel="epoch")
    assert list(display.artists_) == ["1", "3"]
    for name, line in display.artists_.items():
        np.testing.assert_array_equal(line.get_xdata(), STEPS)
        np.testing.assert_array_equal(line.get_ydata(), OVER_TIME[name])
    assert labels_of(display.ax_) == ["1 (last: 0.3125)", "3 (last: -0.125)"]
    assert display.ax_.get_legend().get_title().get_text() == "layer"
    assert display.ax_.get_title() == "Alpha by epoch"
    assert display.ax_.get_xlabel() == "epoch"
    assert display.ax_.get_ylabel() == "alpha (slope below 0)"


def test_many_curves_differ_in_colour_or_line():
    display = AlphaDisplay.from_history([0, 1], {str(i): [0, i] for i in range(35)})
    lines = display.artists_.values()
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) >= 7 * 4
    assert len({str(style.look(place)) for place in range(35)}) == 35
    assert style.look(0) == style.look(35)


def test_the_start_is_a_line_of_the_legend():
    display = AlphaDisplay.from_history(STEPS, OVER_TIME, start=0.25, title="Slopes")
    reference = display.ax_.get_lines()[0]
    np.testing.assert_array_equal(reference.get_ydata(), [0.25, 0.25])
    assert labels_of(display.ax_)[0] == "start: 0.25"
    assert display.ax_.get_title() == "Slopes"


def test_one_step_shows_as_a_point():
    display = AlphaDisplay.from_history([7], {"1": [0.5]})
    assert display.artists_["1"].get_marker() == "o"


# ---- histograms --------------------------------------------------------------------------------


def test_histograms_share_one_scale():
    display = AlphaDisplay.from_alphas(CHANNELS)
    for name, stairs in display.artists_.items():
        heights, edges, baseline = stairs.get_data()
        assert (edges[0], edges[-1], len(heights)) == (0, 1, BINS)
        counts = np.histogram(CHANNELS[name], edges)[0]
        np.testing.assert_array_equal(heights, baseline + ROW_FILLED * counts / 2)
    assert display.ax_.get_title() == "Alphas by layer (tallest bar: 2)"
    assert display.ax_.get_xlabel() == "alpha (slope below 0)"


def test_rows_go_down_by_layer_and_say_their_medians():
    display = AlphaDisplay.from_alphas(CHANNELS)
    baselines = [stairs.get_data().baseline for stairs in display.artists_.values()]
    assert baselines == [1, 0]
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["1", "conv"]
    (right,) = display.ax_.child_axes
    notes = [label.get_text() for label in right.get_yticklabels()]
    assert notes == ["median 0.25\nof 4", "median 0.5\nof 1"]
    medians = [
        line.get_xdata()[0] for line in display.ax_.get_lines() if line.get_color() == "black"
    ]
    assert medians == [0.25, 0.5]


def test_the_start_is_named_above_the_histograms():
    display = AlphaDisplay.from_alphas(CHANNELS, start=0.125, title="Slopes")
    assert [text.get_text() for text in display.ax_.texts] == ["start: 0.125"]
    assert display.ax_.get_title() == "Slopes (tallest bar: 2)"
    assert [0.125, 0.125] in [list(line.get_xdata()) for line in display.ax_.get_lines()]


def test_what_is_not_finite_is_left_out():
    display = AlphaDisplay.from_alphas({"1": [0.5, np.nan, np.inf], "3": [np.nan]})
    (right,) = display.ax_.child_axes
    notes = [label.get_text() for label in right.get_yticklabels()]
    assert notes == ["median 0.5\nof 1", "median nan\nof 0"]
    assert AlphaDisplay.from_alphas({"3": [np.nan]}).ax_.get_title().endswith("(tallest bar: 0)")


def test_a_model_gives_the_alphas_of_all_its_prelus():
    model = pn.Sequential(
        [
            pn.Dense(8, pn.PReLU("channel", init=0.5)),
            pn.Residual([pn.Dense(8), pn.PReLU("shared", init=0.125)]),
            pn.Dense(6),
            pn.PReLU(init=0.75, name="last"),
            pn.Dense(2, "tanh"),
        ],
        input_shape=(3,),
        seed=0,
    )
    display = AlphaDisplay.from_model(model, start=0.25)
    assert {name: values.tolist() for name, values in display.alphas.items()} == {
        "0": [0.5] * 8,
        "1.1": [0.125],
        "last": [0.75] * 6,
    }
    assert len(display.ax_.texts) == 1


# ---- errors, axes, files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alphas", "steps", "message"),
    [
        ({}, None, "alphas must hold those of at least one layer, got none"),
        ({"1": []}, None, r"alphas\['1'\] must have shape \(n,\), n at least 1, got \(0,\)"),
        ({"1": [[0.1]]}, STEPS, r"alphas\['1'\] must have shape \(n,\).*got \(1, 1\)"),
        (
            {"1": [0.1, 0.2]},
            STEPS,
            r"alphas\['1'\] must have a value for each of the 3 steps, got 2",
        ),
    ],
)
def test_alphas_that_cannot_be_drawn_are_refused(alphas, steps, message):
    with pytest.raises(ValueError, match=f"AlphaDisplay: {message}"):
        AlphaDisplay(alphas, steps=steps)


def test_a_model_without_prelu_is_refused():
    model = pn.Sequential([pn.Dense(2, "relu")], input_shape=(2,), seed=0)
    with pytest.raises(ValueError, match="AlphaDisplay: model must have a PReLU, got none"):
        AlphaDisplay.from_model(model)


@pytest.mark.parametrize("steps", [None, [0, 1, 2]])
def test_given_axes_are_drawn_on_and_plot_draws_again(steps):
    ax = Figure().add_subplot()
    display = AlphaDisplay(OVER_TIME, steps=steps)
    assert display.plot(ax=ax) is display
    assert (display.ax_, display.figure_) == (ax, ax.figure)
    assert AlphaDisplay.from_alphas(OVER_TIME, ax=ax).ax_ is ax
    assert AlphaDisplay.from_history(STEPS, OVER_TIME, ax=ax).ax_ is ax
    assert display.plot().figure_ is not ax.figure


def test_saved_figures_hold_ink_up_to_no_edge(tmp_path):
    rng = np.random.default_rng(0)
    deep = {f"layer {i}": rng.normal(0.25, 0.1, 400) for i in range(6)}
    displays = [
        AlphaDisplay.from_alphas(deep, start=0.25),
        AlphaDisplay.from_history(range(400), deep, start=0.25),
        AlphaDisplay.from_history([0], {f"a layer with a name {i}": [i] for i in range(30)}),
    ]
    for display in displays:
        style.save(display.figure_, tmp_path / "alpha.png")
        pixels = imread(tmp_path / "alpha.png")[..., :3]
        for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
            assert (edge == 1).all()
        assert (pixels.std(axis=-1) > 0).any()
