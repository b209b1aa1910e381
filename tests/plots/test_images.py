"""Figures of images: weights, and what a classifier gets wrong."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from prelunet.plots import MisclassifiedDisplay, WeightsDisplay

IMAGES = np.arange(24.0).reshape(2, 4, 3) - 12


def test_weights_are_drawn_side_by_side_on_one_scale():
    display = WeightsDisplay.from_weights(IMAGES[..., np.newaxis], title="Filters")
    drawn = display.im_.get_array()
    np.testing.assert_array_equal(drawn[:, :3], IMAGES[0])
    np.testing.assert_array_equal(drawn[:, 4:], IMAGES[1])
    assert np.ma.getmaskarray(np.ma.masked_invalid(drawn))[:, 3].all()  # the gap
    assert display.im_.get_clim() == (-12, 12)
    assert display.ax_.get_title() == "Filters (2)"


def test_weights_of_a_dense_layer_need_the_shape_of_its_images():
    rows = IMAGES.reshape(2, 12)
    display = WeightsDisplay.from_weights(rows, image_shape=(4, 3), limit=1.0)
    np.testing.assert_array_equal(display.images, IMAGES)
    assert display.im_.get_clim() == (-1, 1)
    with pytest.raises(ValueError, match=r"weight must have shape .* with image_shape, got"):
        WeightsDisplay.from_weights(rows)


def test_several_channels_are_drawn_as_their_mean():
    display = WeightsDisplay.from_weights(np.stack([IMAGES, 3 * IMAGES], axis=3))
    np.testing.assert_array_equal(display.images, 2 * IMAGES)


@pytest.mark.parametrize("shape", [(4, 3), (0, 4, 3), (2, 4, 3, 1)])
def test_what_are_no_images_is_refused(shape):
    with pytest.raises(ValueError, match=r"images must have shape \(n, height, width\), got"):
        WeightsDisplay(np.zeros(shape))


def test_weights_on_given_axes():
    figure = Figure()
    ax = figure.add_subplot()
    display = WeightsDisplay(IMAGES).plot(ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure


def test_only_wrong_images_are_drawn_with_both_classes():
    y_true, y_pred = np.array([0, 1, 2, 1]), np.array([0, 2, 2, 0])
    images = np.arange(4 * 9.0).reshape(4, 3, 3, 1)
    display = MisclassifiedDisplay.from_predictions(images, y_true, y_pred)
    titles = [ax.get_title() for ax in display.axes_]
    assert titles == ["1 taken for 2", "1 taken for 0"]
    shown = [ax.get_images()[0].get_array() for ax in display.axes_]
    np.testing.assert_array_equal(shown, images[[1, 3], :, :, 0])
    assert display.figure_.get_suptitle() == "Misclassified: 2 of 4"


def test_no_more_than_25_images_and_names_of_classes():
    y_true, names = np.zeros(40, int), ["cat", "dog"]
    display = MisclassifiedDisplay.from_predictions(
        np.zeros((40, 2, 2)), y_true, y_true + 1, class_names=names
    )
    assert len(display.axes_) == 25
    assert display.axes_[0].get_title() == "cat taken for dog"
    assert display.figure_.get_suptitle() == "Misclassified: 40 of 40"


def test_a_classifier_without_errors():
    labels = np.zeros(3, int)
    display = MisclassifiedDisplay.from_predictions(np.zeros((3, 2, 2)), labels, labels)
    assert len(display.axes_) == 0
    assert display.figure_.get_suptitle() == "Misclassified: 0 of 3"


def test_misclassified_on_given_axes():
    axes = Figure().subplots(1, 2)
    images, true, wrong = np.zeros((2, 2, 2)), np.zeros(2, int), np.ones(2, int)
    assert list(MisclassifiedDisplay.from_predictions(images, true, wrong, ax=axes).axes_) == [
        *axes
    ]
    with pytest.raises(ValueError, match="ax must be at least 2 axes, got 1"):
        MisclassifiedDisplay.from_predictions(images, true, wrong, ax=axes[:1])


@pytest.mark.parametrize("images", [np.zeros((3, 2, 2)), np.zeros((2, 4)), np.zeros((2, 2, 2, 3))])
def test_arrays_that_do_not_fit_are_refused(images):
    labels = np.zeros(2, int)
    with pytest.raises(ValueError, match="MisclassifiedDisplay: images must have shape"):
        MisclassifiedDisplay.from_predictions(images, labels, labels)
