"""Layer normalization forward and backward."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from central_differences import assert_is_gradient
from op_cases import normal
from reference.layer_norm import layer_norm_backward, layer_norm_forward
from tolerances import assert_same_bits, assert_within, sum_tolerance

ROWS = [0, 1, 2, 7, 8, 9, 17, 64]
COLUMNS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257]
# Roundings of x - mean, its square, r (a sum, a root, a quotient, a conversion), h, the products
# and differences of grad_x, and the conversions of its two means.
ROUNDINGS = 16
EPSILON = 1e-3


def tolerance(columns, dtype):
    """Return the relative error of a sum along a row in float64 and what follows in dtype."""
    return sum_tolerance(ROUNDINGS, dtype) + sum_tolerance(2 * columns, np.float64)


def normalized(x):
    """Return r, h, and what h's error is relative to; in float64 x - mean may cancel."""
    exact = x.astype(np.float64)
    centered = exact - exact.mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + EPSILON)
    h = centered * r
    cancelled = r * np.abs(exact).mean(axis=-1, keepdims=True) * (1 + np.abs(h))
    return r, h, np.abs(h) + (cancelled if x.dtype == np.float64 else 0.0)


def case(rng, rows, columns, dtype):
    """Return grad_y, x, gamma and beta."""
    matrices = (normal(rng, (rows, columns), dtype) for _ in range(2))
    return (*matrices, *(normal(rng, (columns,), dtype) for _ in range(2)))


@pytest.mark.parametrize("columns", COLUMNS)
def test_forward_agrees_with_the_oracle(rng, dtype, columns):
    for rows in ROWS:
        _, x, gamma, beta = case(rng, rows, columns, dtype)
        y, expected = pn.ops.layer_norm_forward(x, gamma, beta), layer_norm_forward(x, gamma, beta)
        _, _, size = normalized(x)
        bound = tolerance(columns, dtype) * (np.abs(gamma) * size + np.abs(beta))
        assert y.dtype == dtype
        assert_within(y, expected, bound, f"{x.shape}")


@pytest.mark.parametrize("columns", COLUMNS)
def test_backward_agrees_with_the_oracle(rng, dtype, columns):
    for rows in ROWS:
        grad_y, x, gamma, _ = case(rng, rows, columns, dtype)
        actual = pn.ops.layer_norm_backward(grad_y, x, gamma)
        expected = layer_norm_backward(grad_y, x, gamma)
        r, h, size = normalized(x)
        d = np.abs(grad_y.astype(np.float64) * gamma)
        mean, product, wrong = (
            v.mean(axis=-1, keepdims=True) for v in (d, d * np.abs(h), d * size)
        )
        terms = d + mean + np.abs(h) * product
        terms = terms * (1 + size.max(initial=0.0)) + size * product + np.abs(h) * wrong
        sums = tolerance(columns, dtype) + sum_tolerance(rows + 1, dtype)
        bounds = (
            tolerance(columns, dtype) * r * terms,
            sums * (np.abs(grad_y) * size).sum(axis=0),
            sums * np.abs(grad_y).astype(np.float64).sum(axis=0),
        )
        for got, right, bound in zip(actual, expected, bounds, strict=True):
            assert got.dtype == dtype
            assert_within(got, right, bound, f"{x.shape}")


def test_the_oracle_is_the_derivative(rng):
    grad_y, x, gamma, beta = (
        rng.standard_normal(s) for s in [(2, 3, 4), (2, 3, 4), (3, 4), (3, 4)]
    )
    gradients = layer_norm_backward(grad_y, x, gamma)

    def value(x, gamma, beta):
        return float((grad_y * layer_norm_forward(x, gamma, beta)).sum())

    roundings = 4 * x.size
    assert_is_gradient(gradients[0], lambda v: value(v, gamma, beta), x, roundings=roundings)
    assert_is_gradient(gradients[1], lambda v: value(x, v, beta), gamma, roundings=roundings)
    assert_is_gradient(gradients[2], lambda v: value(x, gamma, v), beta, roundings=roundings)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((6,), 1), ((5, 6), 2), ((3, 4, 6), 1), ((3, 4, 6), 2), ((2, 3, 4, 6), 3), ((0, 4, 6), 2)],
)
def test_gamma_has_the_normalized_axes(rng, dtype, shape, axes):
    x, grad_y = normal(rng, shape, dtype), normal(rng, shape, dtype)
    gamma, beta = (normal(rng, shape[-axes:], dtype) for _ in range(2))
    flat_x, flat_grad = (v.reshape(-1, gamma.size) for v in (x, grad_y))
    y = pn.ops.layer_norm_forward(x, gamma, beta)
    flat_y = pn.ops.layer_norm_forward(flat_x, gamma.reshape(-1), beta.reshape(-1))
    assert_same_bits(y, flat_y.reshape(shape))
    gradients = pn.ops.layer_norm_backward(grad_y, x, gamma)
    flat = pn.ops.layer_norm_backward(flat_grad, flat_x, gamma.reshape(-1))
    for got, expected in zip(gradients, flat, strict=True):
        assert_same_bits(got, expected.reshape(got.shape))


@pytest.mark.parametrize("columns", [1, 5, 64, 100])
def test_a_large_mean_costs_no_digits(rng, columns):
    """Mean and x - mean are computed in float64: float32 loses nothing to cancellation."""
    x = (1000 + normal(rng, (20, columns), np.float32)).astype(np.float32)
    gamma, beta = np.ones(columns, np.float32), np.zeros(columns, np.float32)
    expected = layer_norm_forward(x, gamma, beta)
    bound = tolerance(columns, np.float32) * np.abs(expected)
    # In float64 the sum of n numbers near 1000 errs by n roundings.
    bound += sum_tolerance(columns + 1, np.float64) * 1000 / np.sqrt(EPSILON)
    assert_within(pn.ops.layer_norm_forward(x, gamma, beta), expected, bound)


def test_equal_entries_give_beta(rng, dtype):
    for columns in (1, 4, 33):
        gamma, beta = (normal(rng, (columns,), dtype) for _ in range(2))
        x = np.full((3, columns), 0.5, dtype)
        y = pn.ops.layer_norm_forward(x, gamma, beta)
        assert_same_bits(y, np.tile(beta, (3, 1)))


def test_sums_go_by_chunks_of_eight_rows(rng, dtype):
    grad_y, x, gamma, _ = case(rng, 37, 19, dtype)
    _, *whole = pn.ops.layer_norm_backward(grad_y, x, gamma)
    totals = np.zeros((2, 19), dtype)
    for i in range(0, 37, 8):
        totals += pn.ops.layer_norm_backward(grad_y[i : i + 8], x[i : i + 8], gamma)[1:]
    assert_same_bits(np.array(whole), totals)
    assert_same_bits(whole[1], pn.ops.column_sums(grad_y))


def test_a_row_does_not_depend_on_others(rng, dtype):
    for columns in (3, 16, 40, 100):
        grad_y, x, gamma, beta = case(rng, 21, columns, dtype)
        x[5] = np.nan
        y, (grad_x, *_) = (
            pn.ops.layer_norm_forward(x, gamma, beta),
            pn.ops.layer_norm_backward(grad_y, x, gamma),
        )
        for i in range(21):
            row = slice(i, i + 1)
            assert_same_bits(y[row], pn.ops.layer_norm_forward(x[row], gamma, beta))
            alone = pn.ops.layer_norm_backward(grad_y[row], x[row], gamma)[0]
            assert_same_bits(grad_x[row], alone)
        assert np.flatnonzero(np.isnan(y).any(axis=1)).tolist() == [5]


def test_out(rng, dtype):
    _, x, gamma, beta = case(rng, 9, 21, dtype)
    expected = pn.ops.layer_norm_forward(x, gamma, beta)
    out = np.full_like(x, np.nan)
    assert pn.ops.layer_norm_forward(x, gamma, beta, out=out) is out
    assert_same_bits(out, expected)
    assert pn.ops.layer_norm_forward(x, gamma, beta, out=x) is x
    assert_same_bits(x, expected)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, np.nan, np.inf])
def test_epsilon_must_be_positive(rng, epsilon):
    grad_y, x, gamma, beta = case(rng, 3, 4, np.float64)
    with pytest.raises(ValueError, match="layer_norm_forward: epsilon must be a finite number > 0"):
        pn.ops.layer_norm_forward(x, gamma, beta, epsilon)
    with pytest.raises(ValueError, match="layer_norm_backward: epsilon must be a finite number"):
        pn.ops.layer_norm_backward(grad_y, x, gamma, epsilon)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 4), (1, 5, 4), (0,)])
def test_gamma_of_another_shape_is_refused(rng, shape):
    x, gamma = normal(rng, (6, 3, 4), np.float64), np.ones(shape)
    for call in (
        lambda: pn.ops.layer_norm_forward(x, gamma, gamma),
        lambda: pn.ops.layer_norm_backward(x, x, gamma),
    ):
        with pytest.raises(ValueError, match=r": gamma must have the shape of the last axes of x"):
            call()
