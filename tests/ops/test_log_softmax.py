"""log_softmax_forward and log_softmax_backward."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from op_cases import normal
from reference.log_softmax import log_softmax_backward, log_softmax_forward
from tolerances import (
    assert_close_to_scale,
    assert_same_bits,
    elementary_roundings,
    sum_tolerance,
)

ROWS = [0, 1, 8, 17, 130]
COLUMNS = [1, 2, 3, 10, 16, 63, 64, 65, 200]


def tolerance(columns, dtype):
    return sum_tolerance(columns + 2 * elementary_roundings(dtype) + 8, dtype)


@pytest.mark.parametrize("columns", COLUMNS)
def test_forward_and_backward(rng, dtype, columns):
    for rows in ROWS:
        x, grad = 3 * normal(rng, (rows, columns), dtype), normal(rng, (rows, columns), dtype)
        y = pn.ops.log_softmax_forward(x)
        assert y.dtype == dtype
        out = x.copy()
        assert pn.ops.log_softmax_forward(out, out=out) is out
        assert_same_bits(out, y)
        if rows == 0:
            continue
        assert_close_to_scale(y, log_softmax_forward(x), tolerance(columns, dtype))
        grad_x = pn.ops.log_softmax_backward(grad, y)
        assert_close_to_scale(grad_x, log_softmax_backward(grad, y), tolerance(columns, dtype))


def test_the_oracle_is_the_gradient_of_its_forward(rng):
    x, grad = rng.standard_normal((2, 5)), rng.standard_normal((2, 5))
    step = np.finfo(float).eps ** (1 / 3)
    expected = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        move = np.zeros_like(x)
        move[place] = step
        change = log_softmax_forward(x + move) - log_softmax_forward(x - move)
        expected[place] = (change * grad).sum() / (2 * step)
    found = log_softmax_backward(grad, log_softmax_forward(x))
    assert_close_to_scale(found, expected, sum_tolerance(64, np.float32))


@pytest.mark.parametrize("columns", [17, 40, 64])
def test_rows_as_lanes_have_the_bits_of_rows_one_by_one(rng, dtype, columns):
    """Columns of minus infinity make rows too wide for lanes, and change nothing else."""
    narrow, grad = 3 * normal(rng, (70, columns), dtype), normal(rng, (70, columns), dtype)
    wide, wide_grad = np.full((70, 65), -np.inf, dtype), np.zeros((70, 65), dtype)
    wide[:, :columns], wide_grad[:, :columns] = narrow, grad
    y, wide_y = pn.ops.log_softmax_forward(narrow), pn.ops.log_softmax_forward(wide)
    assert_same_bits(y, np.ascontiguousarray(wide_y[:, :columns]))
    grad_x = pn.ops.log_softmax_backward(grad, y)
    wide_grad_x = pn.ops.log_softmax_backward(wide_grad, wide_y)
    assert_same_bits(grad_x, np.ascontiguousarray(wide_grad_x[:, :columns]))
    for row in (0, 33, 69):
        assert_same_bits(pn.ops.log_softmax_forward(narrow[row : row + 1])[0], y[row])


def test_extremes(dtype):
    x = np.array([[1e4, 0.0, -1e4], [-np.inf, 0.0, 0.0], [np.nan, 0.0, 1.0]], dtype)
    y = pn.ops.log_softmax_forward(x)
    assert y[0].tolist() == [0.0, -1e4, -2e4]
    assert y[1, 0] == -np.inf
    assert_close_to_scale(y[1, 1:], [-np.log(2.0)] * 2, tolerance(3, dtype))
    assert np.isnan(y[2]).all()


def test_a_loss_has_the_gradient_of_the_cross_entropy(rng):
    x, labels = rng.standard_normal((30, 7)), rng.integers(7, size=30)
    y = pn.ops.log_softmax_forward(x)
    grad = np.zeros_like(x)
    grad[np.arange(30), labels] = -1 / 30
    loss, expected = pn.ops.softmax_cross_entropy(x, labels)
    assert_close_to_scale(-y[np.arange(30), labels].mean(), loss, tolerance(30, np.float64))
    found = pn.ops.log_softmax_backward(grad, y)
    assert_close_to_scale(found, expected, tolerance(30, np.float64))
