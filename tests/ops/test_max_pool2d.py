"""Pooling against its oracle and against cases made by hand."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from op_cases import normal
from reference.max_pool2d import max_pool2d_backward, max_pool2d_forward
from tolerances import assert_same_bits, assert_within, sum_tolerance

PADDINGS = ("valid", "same")
SIZES = [(1, 1), (2, 3), (5, 5), (7, 4), (28, 28), (17, 1)]
WINDOWS = [((1, 1), (1, 1)), ((2, 2), (2, 2)), ((3, 3), (2, 2)), ((3, 2), (1, 1)), ((2, 2), (3, 4))]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("channels", [1, 3, 8, 17, 32])
def test_agrees_with_the_oracle(rng, dtype, channels, padding):
    for size in SIZES:
        for window, stride in WINDOWS:
            if padding == "valid" and (size[0] < window[0] or size[1] < window[1]):
                continue
            options = {"stride": stride, "padding": padding}
            # Few numbers, so that there are ties.
            x = rng.integers(-3, 3, (10, *size, channels)).astype(dtype)
            y = pn.ops.max_pool2d_forward(x, window, **options)
            expected = max_pool2d_forward(x, window, **options)
            assert_same_bits(y, expected.astype(dtype))
            grad_out = normal(rng, y.shape, dtype)
            grad_x = pn.ops.max_pool2d_backward(grad_out, x, window, **options)
            terms = max_pool2d_backward(abs(grad_out), x, window, **options)
            bound = sum_tolerance(window[0] * window[1], dtype) * terms
            assert_within(grad_x, max_pool2d_backward(grad_out, x, window, **options), bound)


def image(rows):
    """Return one image of one channel."""
    return np.array(rows, np.float64)[np.newaxis, ..., np.newaxis]


def plain(images):
    """Return the first image's only channel as lists."""
    return images[0, ..., 0].tolist()


def test_ties_go_to_the_first_in_row_order():
    x = image([[1, 5, 0, 0], [5, 5, 0, 0], [-1, -1, 2, 1], [-1, -1, 1, 2]])
    grad_x = pn.ops.max_pool2d_backward(image([[1, 2], [3, 4]]), x)
    assert plain(grad_x) == [[0, 1, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]


def test_padding_never_wins():
    """TensorFlow's SAME: three rows in windows of two end with one that has one row inside."""
    x = image([[-1, -2, -3], [-4, -5, -6], [-7, -8, -9]])
    assert plain(pn.ops.max_pool2d_forward(x, 2, padding="same")) == [[-1, -3], [-7, -9]]
    assert plain(pn.ops.max_pool2d_forward(x, 2, padding="valid")) == [[-1]]


def test_same_of_windows_of_three_pads_on_both_sides():
    x = image([[1, 2, 3, 4, 5]])
    assert plain(pn.ops.max_pool2d_forward(x, (1, 3), stride=2, padding="same")) == [[2, 4, 5]]
    assert plain(pn.ops.max_pool2d_forward(x, (1, 3), stride=1, padding="same")) == [
        [2, 3, 4, 5, 5]
    ]


def test_where_windows_overlap_gradients_add_up():
    x = image([[1, 9, 2]])
    grad_x = pn.ops.max_pool2d_backward(image([[1, 10]]), x, (1, 2), stride=1)
    assert plain(grad_x) == [[0, 11, 0]]


def test_nan_wins_and_gets_the_gradient(dtype):
    x = image([[1, np.nan], [np.inf, np.nan], [3, 4], [5, -np.inf]]).astype(dtype)
    y = pn.ops.max_pool2d_forward(x)
    assert np.isnan(y[0, 0, 0, 0])
    assert y[0, 1, 0, 0] == 5
    grad_x = pn.ops.max_pool2d_backward(np.ones_like(y), x)
    assert plain(grad_x) == [[0, 1], [0, 0], [0, 0], [1, 0]]


def test_signed_zeros_are_equal(dtype):
    x = image([[-0.0, 0.0]]).astype(dtype)
    assert np.signbit(pn.ops.max_pool2d_forward(x, (1, 2))[0, 0, 0, 0])
    grad_x = pn.ops.max_pool2d_backward(image([[1]]).astype(dtype), x, (1, 2))
    assert plain(grad_x) == [[1, 0]]


def test_no_images(dtype):
    x = np.empty((0, 4, 6, 3), dtype)
    assert pn.ops.max_pool2d_forward(x, (2, 3)).shape == (0, 2, 2, 3)
    assert pn.ops.max_pool2d_backward(np.empty((0, 2, 3, 3), dtype), x).shape == x.shape


@pytest.mark.parametrize(
    ("shape", "size", "options", "says"),
    [
        ((2, 4, 4), 2, {}, r"x must have shape \(images, .*, got \(2, 4, 4\)"),
        ((2, 1, 4, 3), 2, {}, r"x must have channels, .*, got shape \(2, 1, 4, 3\)"),
        ((2, 4, 4, 0), 2, {}, r"x must have channels, .*, got shape \(2, 4, 4, 0\)"),
        ((2, 4, 4, 3), 0, {}, "size must be an integer >= 1, got 0"),
        ((2, 4, 4, 3), 2, {"stride": -1}, "stride must be an integer >= 1, got -1"),
        ((2, 4, 4, 3), 2, {"padding": "full"}, "padding must be one of 'valid', 'same'"),
    ],
)
def test_what_does_not_fit_is_refused(dtype, shape, size, options, says):
    x = np.ones(shape, dtype)
    with pytest.raises(ValueError, match=f"max_pool2d_forward: {says}"):
        pn.ops.max_pool2d_forward(x, size, **options)
    with pytest.raises(ValueError, match=f"max_pool2d_backward: {says}"):
        pn.ops.max_pool2d_backward(x, x, size, **options)
