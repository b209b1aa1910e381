"""Convolution against its oracle, over sizes, kernels, strides and paddings."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from op_cases import normal
from reference.conv2d import conv2d_backward, conv2d_forward
from tolerances import assert_same_bits, assert_within, sum_tolerance

PADDINGS = ("valid", "same")

# images, (height, width), channels, filters, kernel, stride
SHAPES = [
    (1, (1, 1), 1, 1, (1, 1), (1, 1)),
    (3, (5, 7), 2, 3, (3, 2), (1, 1)),
    (9, (4, 4), 3, 17, (4, 4), (1, 1)),
    (2, (28, 28), 1, 32, (5, 5), (1, 1)),
    (2, (14, 14), 32, 64, (5, 5), (1, 1)),
    (17, (3, 3), 16, 47, (2, 2), (1, 1)),
    (8, (9, 11), 5, 8, (3, 3), (2, 2)),
    (5, (17, 16), 3, 10, (5, 4), (3, 2)),
    (4, (8, 8), 7, 5, (2, 2), (4, 3)),  # windows with gaps between them
    (11, (2, 13), 1, 2, (1, 5), (1, 3)),
    (1, (40, 40), 3, 50, (3, 3), (1, 1)),
    # Few channels and many images: grad_x has images as columns of its products.
    (16, (12, 12), 6, 16, (5, 5), (1, 1)),
    (15, (12, 12), 6, 16, (5, 5), (1, 1)),  # one image too few
    (101, (4, 5), 1, 3, (3, 2), (1, 1)),
    (33, (9, 11), 8, 9, (3, 3), (2, 2)),
    (20, (8, 8), 7, 5, (2, 2), (4, 3)),
    (49, (2, 13), 2, 2, (1, 5), (1, 3)),
]
IDS = ["cnn" if shape[2] == 32 else str(shape) for shape in SHAPES]  # CI leaves cnn out under QEMU


def arrays(rng, shape, dtype, padding):
    """Return grad_out, x, weight, bias of a convolution, and its options; None if it has none."""
    images, (height, width), channels, filters, kernel, stride = shape
    x = normal(rng, (images, height, width, channels), dtype)
    weight, bias = normal(rng, (filters, *kernel, channels), dtype), normal(rng, (filters,), dtype)
    options = {"stride": stride, "padding": padding}
    expected = conv2d_forward(x, weight, bias, **options)
    return normal(rng, expected.shape, dtype), x, weight, bias, options


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("shape", SHAPES, ids=IDS)
def test_forward_agrees_with_the_oracle(rng, dtype, shape, padding):
    _, x, weight, bias, options = arrays(rng, shape, dtype, padding)
    for b in (bias, None):
        terms = conv2d_forward(abs(x), abs(weight), None if b is None else abs(b), **options)
        bound = sum_tolerance(weight[0].size + 2, dtype) * terms
        expected = conv2d_forward(x, weight, b, **options)
        assert_within(pn.ops.conv2d_forward(x, weight, b, **options), expected, bound)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("shape", SHAPES, ids=IDS)
def test_backward_agrees_with_the_oracle(rng, dtype, shape, padding):
    grad_out, x, weight, _, options = arrays(rng, shape, dtype, padding)
    results = pn.ops.conv2d_backward(grad_out, x, weight, **options)
    expected = conv2d_backward(grad_out, x, weight, **options)
    terms = conv2d_backward(abs(grad_out), abs(x), abs(weight), **options)
    sums = grad_out.shape[0] * grad_out.shape[1] * grad_out.shape[2]
    chains = (weight[..., 0].size, sums, sums)
    names = ("grad_x", "grad_weight", "grad_bias")
    for name, got, right, of, chain in zip(names, results, expected, terms, chains, strict=True):
        assert_within(got, right, sum_tolerance(chain + 1, dtype) * of, name)


@pytest.mark.parametrize("trial", range(60))
def test_random_shapes_in_float64(trial):
    rng = np.random.default_rng(trial)
    kernel, stride = rng.integers(1, 6, 2), rng.integers(1, 4, 2)
    padding = PADDINGS[trial % 2]
    size = rng.integers(1, 18, 2)
    size = np.maximum(size, kernel) if padding == "valid" else size
    counts = (int(n) for n in rng.integers(1, 20, 3))
    images, channels, filters = counts
    shape = (images, tuple(size), channels, filters, tuple(kernel), tuple(map(int, stride)))
    grad_out, x, weight, bias, options = arrays(rng, shape, np.float64, padding)
    y = pn.ops.conv2d_forward(x, weight, bias, **options)
    bound = sum_tolerance(weight[0].size + 2, np.float64)
    terms = conv2d_forward(abs(x), abs(weight), abs(bias), **options)
    assert_within(y, conv2d_forward(x, weight, bias, **options), bound * terms)
    expected = conv2d_backward(grad_out, x, weight, **options)
    terms = conv2d_backward(abs(grad_out), abs(x), abs(weight), **options)
    bound = sum_tolerance(grad_out.size + weight.size, np.float64)
    results = pn.ops.conv2d_backward(grad_out, x, weight, **options)
    for got, right, of in zip(results, expected, terms, strict=True):
        assert_within(got, right, bound * of)


def test_a_window_of_one_pixel_is_a_matrix_product(rng, dtype):
    x, weight = normal(rng, (5, 6, 7, 9), dtype), normal(rng, (11, 1, 1, 9), dtype)
    product = pn.ops.gemm(x.reshape(-1, 9), weight.reshape(11, 9), transpose_b=True)
    assert_same_bits(pn.ops.conv2d_forward(x, weight).reshape(-1, 11), product)


def test_a_window_as_large_as_the_image_is_a_matrix_product(rng, dtype):
    x, weight = normal(rng, (37, 4, 3, 5), dtype), normal(rng, (19, 4, 3, 5), dtype)
    rows, taps = x.reshape(37, -1), weight.reshape(19, -1)
    product = pn.ops.gemm(rows, taps, transpose_b=True)
    assert_same_bits(pn.ops.conv2d_forward(x, weight).reshape(37, 19), product)
    grad_out = normal(rng, (37, 1, 1, 19), dtype)
    _, grad_weight, _ = pn.ops.conv2d_backward(grad_out, x, weight)
    expected = pn.ops.gemm(grad_out.reshape(37, 19), rows, transpose_a=True)
    assert_same_bits(grad_weight.reshape(19, -1), expected)


@pytest.mark.parametrize("padding", PADDINGS)
def test_an_image_alone_has_the_bits_that_it_has_among_others(rng, dtype, padding):
    for shape in SHAPES:
        grad_out, x, weight, bias, options = arrays(rng, shape, dtype, padding)
        y = pn.ops.conv2d_forward(x, weight, bias, **options)
        grad_x, _, _ = pn.ops.conv2d_backward(grad_out, x, weight, **options)
        for i in range(len(x)):
            one = np.s_[i : i + 1]
            alone = pn.ops.conv2d_forward(x[one], weight, bias, **options)
            assert_same_bits(alone, y[one])
            grad_alone, _, _ = pn.ops.conv2d_backward(grad_out[one], x[one], weight, **options)
            assert_same_bits(grad_alone, grad_x[one])


def test_hand_made_same_padding():
    """What is odd goes below and right: a window of two has its padding there alone."""
    x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    weight = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(1, 2, 2, 1)
    y = pn.ops.conv2d_forward(x, weight, padding="same")
    assert y.reshape(2, 2).tolist() == [[4321.0, 402.0], [43.0, 4.0]]


def test_no_images(dtype):
    x, weight = np.empty((0, 4, 4, 2), dtype), np.ones((3, 2, 2, 2), dtype)
    assert pn.ops.conv2d_forward(x, weight).shape == (0, 3, 3, 3)
    grad_out = np.empty((0, 3, 3, 3), dtype)
    grad_x, grad_weight, grad_bias = pn.ops.conv2d_backward(grad_out, x, weight)
    assert grad_x.shape == x.shape
    assert not grad_weight.any()
    assert not grad_bias.any()


@pytest.mark.parametrize(
    ("x", "weight", "options", "says"),
    [
        (
            (2, 4, 4, 3),
            (5, 3, 3, 2),
            {},
            r"weight must have shape \(5, 3, 3, 3\), got \(5, 3, 3, 2\)",
        ),
        ((2, 4, 4, 3), (5, 3, 3), {}, r"weight must have shape \(filters, .*, got \(5, 3, 3\)"),
        ((2, 4, 4), (5, 3, 3, 2), {}, r"x must have shape \(images, .*, got \(2, 4, 4\)"),
        ((2, 2, 4, 3), (5, 3, 3, 3), {}, r"x must have channels, .*\(3, 3\), got .*\(2, 2, 4, 3\)"),
        ((2, 4, 4, 3), (5, 3, 0, 3), {}, r"weight must have no empty axis, got"),
        ((2, 4, 4, 0), (5, 3, 3, 0), {}, r"weight must have no empty axis, got"),
        ((2, 4, 4, 3), (5, 3, 3, 3), {"stride": 0}, "stride must be an integer >= 1, got 0"),
        ((2, 4, 4, 3), (5, 3, 3, 3), {"stride": (1, 2, 3)}, "stride must be an integer or two"),
        ((2, 4, 4, 3), (5, 3, 3, 3), {"padding": "full"}, "padding must be one of 'valid', 'same'"),
    ],
)
def test_what_does_not_fit_is_refused(dtype, x, weight, options, says):
    arrays = np.ones(x, dtype), np.ones(weight, dtype)
    with pytest.raises(ValueError, match=f"conv2d_forward: {says}"):
        pn.ops.conv2d_forward(*arrays, **options)
    with pytest.raises(ValueError, match=f"conv2d_backward: {says}"):
        pn.ops.conv2d_backward(np.ones((2, 2, 2, 5), dtype), *arrays, **options)
