"""Figures that take a model and its rows instead of predictions."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from prelunet.plots.weights import mosaic

pytest.importorskip("matplotlib")


def identity(count):
    """Return a model that predicts the place of the largest pixel."""
    model = pn.Sequential([pn.Dense(count)], input_shape=(count,))
    model.set_parameters({"0.weight": np.eye(count)})
    return model


def test_flat_images_that_a_model_misclassifies():
    X, y = np.eye(6), np.array([0, 1, 2, 0, 4, 0])
    found = pn.plots.MisclassifiedDisplay.from_model(identity(6), X, y, image_shape=(2, 3))
    assert (found.errors, found.total) == (2, 6)
    assert found.images.shape == (2, 2, 3)
    assert found.images[0].tolist() == [[0, 0, 0], [1, 0, 0]]
    assert found.y_pred.tolist() == [3, 5]
    square = pn.plots.MisclassifiedDisplay.from_model(identity(4), np.eye(4), [1, 1, 2, 3])
    assert square.images.shape == (1, 2, 2)
    with pytest.raises(ValueError, match=r"image_shape must have 6 pixels, got \(2, 2\)"):
        pn.plots.MisclassifiedDisplay.from_model(identity(6), X, y)


def test_images_of_a_convolution():
    model = pn.Sequential([pn.Flatten(), pn.Dense(2)], input_shape=(2, 2, 1), seed=0)
    X = np.random.default_rng(0).normal(size=(9, 2, 2, 1))
    wrong = 1 - model.predict(X).argmax(axis=1)
    found = pn.plots.MisclassifiedDisplay.from_model(model, X, wrong)
    assert found.images.shape == (9, 2, 2)


def test_confusion_matrix_of_a_model():
    pytest.importorskip("sklearn")
    found = pn.plots.plot_confusion_matrix_of(identity(3), np.eye(3), [0, 2, 2])
    assert found.confusion_matrix.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 1]]
    logit = pn.Sequential([pn.Dense(1)], input_shape=(1,))
    logit.set_parameters({"0.weight": [[1.0]]})
    found = pn.plots.plot_confusion_matrix_of(logit, [[-1.0], [0.5]], [1, 1])
    assert found.confusion_matrix.tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize("count", [1, 2, 9, 10, 13, 19, 50, 73])
def test_the_last_row_of_weight_images_is_filled(count):
    sheet = mosaic(np.ones((count, 3, 3)))
    rows, columns = (size // 4 + 1 for size in sheet.shape)
    assert count <= rows * columns < count + rows
    assert count - (rows - 1) * columns > columns - rows
