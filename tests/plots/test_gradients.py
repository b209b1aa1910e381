"""The figure of gradients by parameter."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from prelunet.plots import GradientDisplay


def test_each_parameter_has_a_bar(rng):
    model = pn.Sequential([pn.Dense(3, name="first"), pn.PReLU(), pn.Dense(2)], seed=0)
    X, y = rng.normal(size=(8, 4)).astype(np.float32), np.arange(8) % 2
    model.build((4,))
    model.compile("sgd", "softmax_cross_entropy")
    display = GradientDisplay.from_model(model, X, y)
    gradients = model.loss_and_gradients(X, y)[1]
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == list(display.sizes) == list(gradients)
    for bar, (name, size) in zip(display.bars_, display.sizes.items(), strict=True):
        expected = np.sqrt(np.mean(gradients[name].astype(np.float64) ** 2))
        np.testing.assert_allclose(size, expected)
        np.testing.assert_allclose(bar.get_x() + bar.get_width(), expected)
    assert display.ax_.get_xscale() == "log"
    heights = [bar.get_y() for bar in display.bars_]
    assert heights == sorted(heights, reverse=True)


@pytest.mark.parametrize("odd", [0.0, np.nan, np.inf])
def test_a_gradient_without_a_logarithm_has_an_empty_bar(odd):
    display = GradientDisplay.from_gradients({"a": [odd, odd], "b": [1e-3]}, title="Two")
    empty, drawn = display.bars_
    assert empty.get_width() == 0.0
    assert drawn.get_width() > 0.0
    assert display.ax_.get_title() == "Two"
    assert display._repr_png_().startswith(b"\x89PNG")
    assert GradientDisplay.from_gradients({"a": [odd]}).bars_[0].get_width() == 0.0


def test_no_gradients_are_refused():
    with pytest.raises(ValueError, match="GradientDisplay: gradients must be of at least one"):
        GradientDisplay({})
