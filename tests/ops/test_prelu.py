"""PReLU forward and backward, shared and channel."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from op_cases import normal
from reference.prelu import prelu_backward, prelu_forward
from tolerances import assert_same_bits, assert_within, sum_tolerance

ROWS = [0, 1, 2, 7, 8, 9, 15, 16, 17, 64, 100]
CHANNELS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 47, 48, 49, 100]


def alpha_count(kind, channels):
    return 1 if kind == "shared" else channels


@pytest.fixture(params=["shared", "channel"])
def kind(request):
    return request.param


def test_forward_agrees_with_the_oracle(rng, dtype, kind):
    for rows in ROWS:
        for channels in CHANNELS:
            x = normal(rng, (rows, channels), dtype)
            alpha = normal(rng, (alpha_count(kind, channels),), dtype)
            y, expected = pn.ops.prelu_forward(x, alpha), prelu_forward(x, alpha)
            assert y.dtype == dtype
            # One product of numbers exact in float64: the result is correctly rounded.
            assert_within(y, expected, sum_tolerance(1, dtype) * np.abs(expected), f"{x.shape}")


def test_backward_agrees_with_the_oracle(rng, dtype, kind):
    for rows in ROWS:
        for channels in CHANNELS:
            x, grad_out = (normal(rng, (rows, channels), dtype) for _ in range(2))
            alpha = normal(rng, (alpha_count(kind, channels),), dtype)
            grad_x, grad_alpha = pn.ops.prelu_backward(grad_out, x, alpha)
            expected_x, expected_alpha = prelu_backward(grad_out, x, alpha)
            rounding = sum_tolerance(1, dtype)
            assert_within(grad_x, expected_x, rounding * np.abs(expected_x), f"{x.shape}")
            # Terms: dy x where x <= 0; the oracle sums their absolute values too.
            _, terms = prelu_backward(np.abs(grad_out), np.minimum(x, 0), np.ones_like(alpha))
            bound = sum_tolerance(rows * channels // alpha.size + 1, dtype) * np.abs(terms)
            assert_within(grad_alpha, expected_alpha, bound, f"{x.shape}")
            assert grad_x.dtype == grad_alpha.dtype == dtype
            assert grad_alpha.shape == alpha.shape


@pytest.mark.parametrize("shape", [(6,), (2, 6), (3, 4, 6), (2, 3, 4, 6), (2, 0, 6)])
def test_any_rank(rng, dtype, kind, shape):
    x, grad_out = normal(rng, shape, dtype), normal(rng, shape, dtype)
    alpha = normal(rng, (alpha_count(kind, 6),), dtype)
    flat_x, flat_grad = x.reshape(-1, 6), grad_out.reshape(-1, 6)
    forward = pn.ops.prelu_forward(x, alpha)
    grad_x, grad_alpha = pn.ops.prelu_backward(grad_out, x, alpha)
    flat_grad_x, flat_grad_alpha = pn.ops.prelu_backward(flat_grad, flat_x, alpha)
    assert_same_bits(forward, pn.ops.prelu_forward(flat_x, alpha).reshape(shape))
    assert_same_bits(grad_x, flat_grad_x.reshape(shape))
    assert_same_bits(grad_alpha, flat_grad_alpha)


def test_ties_at_zero(dtype):
    x = np.array([[0.0, -0.0, -2.0, 3.0]], dtype)
    grad_out = np.array([[1.0, 2.0, 3.0, 4.0]], dtype)
    alpha = np.array([0.25], dtype)
    assert pn.ops.prelu_forward(x, alpha).tolist() == [[0.0, 0.0, -0.5, 3.0]]
    grad_x, grad_alpha = pn.ops.prelu_backward(grad_out, x, alpha)
    assert grad_x.tolist() == [[0.25, 0.5, 0.75, 4.0]]
    assert grad_alpha.tolist() == [-6.0]


@pytest.mark.parametrize("alpha", [0.25, 0.0, -0.5, 1.0, 3.0])
def test_special_values(dtype, alpha):
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, tiny, -4 * tiny, 1e-3, -1e-3] * 3, dtype)
    alphas = np.array([alpha], dtype)
    with np.errstate(invalid="ignore", under="ignore"):
        expected = np.where(x > 0, x, alphas * x)  # float arithmetic has one right answer here
    assert_same_bits(pn.ops.prelu_forward(x, alphas), expected)
    grad_x, _ = pn.ops.prelu_backward(x, x, alphas)
    assert_same_bits(grad_x, expected)


def test_nan_in_one_channel_leaves_the_others(rng, dtype):
    x, grad_out = normal(rng, (20, 17), dtype), normal(rng, (20, 17), dtype)
    x[3, 5] = np.nan
    _, grad_alpha = pn.ops.prelu_backward(grad_out, x, normal(rng, (17,), dtype))
    assert np.flatnonzero(np.isnan(grad_alpha)).tolist() == [5]


def test_shared_grad_alpha_adds_the_channels_in_order(rng, dtype):
    x, grad_out = normal(rng, (37, 53), dtype), normal(rng, (37, 53), dtype)
    _, channels = pn.ops.prelu_backward(grad_out, x, np.full(53, 0.25, dtype))
    _, shared = pn.ops.prelu_backward(grad_out, x, np.full(1, 0.25, dtype))
    total = dtype(0)
    for channel in channels:
        total += channel
    assert_same_bits(shared, np.array([total]))


def test_grad_alpha_goes_by_chunks_of_eight_rows(rng, dtype):
    x, grad_out = normal(rng, (37, 19), dtype), normal(rng, (37, 19), dtype)
    alpha = np.full(19, 0.25, dtype)
    _, whole = pn.ops.prelu_backward(grad_out, x, alpha)
    total = np.zeros(19, dtype)
    for i in range(0, 37, 8):
        total += pn.ops.prelu_backward(grad_out[i : i + 8], x[i : i + 8], alpha)[1]
    assert_same_bits(whole, total)


def test_out(rng, dtype, kind):
    x, alpha = normal(rng, (9, 21), dtype), normal(rng, (alpha_count(kind, 21),), dtype)
    expected = pn.ops.prelu_forward(x, alpha)
    out = np.full_like(x, np.nan)
    assert pn.ops.prelu_forward(x, alpha, out=out) is out
    assert_same_bits(out, expected)
    assert pn.ops.prelu_forward(x, alpha, out=x) is x
    assert_same_bits(x, expected)
