"""Activations without learned parameters: every row of the registry."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from op_cases import normal
from reference import activation as oracle
from tolerances import assert_same_bits, assert_within, elementary_roundings, sum_tolerance

ACTIVATIONS = list(pn.ops.ACTIVATIONS)
PARAMETRIC = [name for name, default in pn.ops.ACTIVATIONS.items() if default is not None]
SIZES = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 100, 1000]


def forward(name, x, *parameter, **more):
    return getattr(pn.ops, f"{name}_forward")(x, *parameter, **more)


def backward(name, grad_out, x, *parameter):
    return getattr(pn.ops, f"{name}_backward")(grad_out, x, *parameter)


def error_bound(values, x, dtype):
    """Return the bound for an activation or its derivative at x.

    Two elementary functions and a few products, whose factors are at most 1 or abs(x); exp(-x^2/2)
    of gelu and the cancelling 1 - y^2 of tanh err relative to 1, hence the bound is relative to
    1 or abs(x) and not to the result.
    """
    roundings = 2 * elementary_roundings(dtype) + 8
    return sum_tolerance(roundings, dtype) * np.maximum(np.maximum(1, np.abs(x)), np.abs(values))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_forward_agrees_with_the_oracle(rng, dtype, name):
    for size in SIZES:
        x = 3 * normal(rng, (size,), dtype)
        y, expected = forward(name, x), getattr(oracle, f"{name}_forward")(x)
        assert y.dtype == dtype
        assert_within(y, expected, error_bound(expected, x, dtype), f"size {size}")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_backward_agrees_with_the_oracle(rng, dtype, name):
    for size in SIZES:
        x, grad_out = 3 * normal(rng, (size,), dtype), normal(rng, (size,), dtype)
        grad_x = backward(name, grad_out, x)
        expected = getattr(oracle, f"{name}_backward")(grad_out, x)
        bound = np.abs(grad_out) * error_bound(np.zeros(size), x, dtype)
        assert grad_x.dtype == dtype
        assert_within(grad_x, expected, bound, f"size {size}")


@pytest.mark.parametrize("name", PARAMETRIC)
@pytest.mark.parametrize("parameter", [0.0, 0.3, 1.5])
def test_parameter(rng, dtype, name, parameter):
    x, grad_out = 3 * normal(rng, (99,), dtype), normal(rng, (99,), dtype)
    # The parameter is rounded to dtype: one rounding more than at its default, in the bound's 8.
    expected = getattr(oracle, f"{name}_forward")(x, parameter)
    assert_within(forward(name, x, parameter), expected, error_bound(expected, x, dtype))
    expected = getattr(oracle, f"{name}_backward")(grad_out, x, parameter)
    bound = np.abs(grad_out) * error_bound(expected, x, dtype)
    assert_within(backward(name, grad_out, x, parameter), expected, bound)


@pytest.mark.parametrize("name", PARAMETRIC)
def test_default_parameter(rng, dtype, name):
    x = normal(rng, (50,), dtype)
    default = pn.ops.ACTIVATIONS[name]
    assert_same_bits(forward(name, x), forward(name, x, default))
    assert_same_bits(backward(name, x, x), backward(name, x, x, default))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_part_equals_the_whole(rng, dtype, name):
    """Vectors, tails and threads: each element is a function of itself alone."""
    x, grad_out = 3 * normal(rng, (100,), dtype), normal(rng, (100,), dtype)
    y, grad_x = forward(name, x), backward(name, grad_out, x)
    for begin in range(0, 20):
        for end in (begin + 1, 40, 63, 100):
            part, label = slice(begin, end), f"[{begin}:{end}]"
            assert_same_bits(forward(name, x[part]), y[part], label)
            assert_same_bits(backward(name, grad_out[part], x[part]), grad_x[part], label)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(12,), (3, 4), (2, 3, 2), (0, 4), (3, 0)])
def test_any_shape(rng, dtype, name, shape):
    x = normal(rng, shape, dtype)
    assert_same_bits(forward(name, x), forward(name, x.ravel()).reshape(shape))
    assert_same_bits(backward(name, x, x), backward(name, x.ravel(), x.ravel()).reshape(shape))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_out(rng, dtype, name):
    x = normal(rng, (9, 21), dtype)
    expected = forward(name, x)
    out = np.full_like(x, np.nan)
    assert forward(name, x, out=out) is out
    assert_same_bits(out, expected)
    assert forward(name, x, out=x) is x
    assert_same_bits(x, expected)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_stays_nan(dtype, name):
    x = np.array([1.0, np.nan, -1.0] * 11, dtype)
    assert np.isnan(forward(name, x)).tolist() == np.isnan(x).tolist()
    grad_out = np.where(np.isnan(x), dtype(1), np.nan)  # NaN wherever x is a number
    grad_x = backward(name, grad_out, x)
    active = forward(name, np.where(x > 0, x, dtype(-1))) != 0  # relu's zero forgets the gradient
    assert np.isnan(grad_x[active & ~np.isnan(x)]).all()


# The design's activations; their limits are theirs alone, so a new one needs no entry here.
WITH_LIMITS = ("relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid")


@pytest.mark.parametrize("name", WITH_LIMITS)
def test_far_right_is_the_limit(dtype, name):
    huge = np.array([1e3, 1e30, np.finfo(dtype).max, np.inf], dtype)
    expected = {"tanh": np.ones_like(huge), "sigmoid": np.ones_like(huge)}.get(name, huge)
    assert_same_bits(forward(name, huge), expected)
    flat = np.zeros(3, dtype) if name in ("tanh", "sigmoid") else np.ones(3, dtype)
    assert_same_bits(backward(name, np.ones(3, dtype), huge[:3]), flat)


@pytest.mark.parametrize("name", WITH_LIMITS)
def test_far_left_is_the_limit(dtype, name):
    huge = np.array([-1e3, -1e30, np.finfo(dtype).min], dtype)
    zeros, ones = np.zeros_like(huge), np.ones_like(huge)
    limits = {
        "leaky_relu": dtype(0.01) * huge,
        "elu": -ones,
        "tanh": -ones,
    }
    assert (forward(name, huge) == limits.get(name, zeros)).all()
    slopes = {"leaky_relu": dtype(0.01) * ones}
    assert (backward(name, ones, huge) == slopes.get(name, zeros)).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_small_values_keep_their_digits(dtype, name):
    """Near zero f(x) - f(0) is as good relative to itself: no 1 is added and taken away again."""
    if name == "sigmoid":
        pytest.skip("sigmoid(0) is 1/2, beside which small x has no digits to keep")
    for exponent in range(-30, -1):
        x = np.array([1.7, -1.7], dtype) * dtype(10.0) ** dtype(exponent)
        expected = getattr(oracle, f"{name}_forward")(x)
        bound = sum_tolerance(2 * elementary_roundings(dtype) + 8, dtype) * np.abs(expected)
        assert_within(forward(name, x), expected, bound, f"1e{exponent}")


def test_ties_at_zero(dtype):
    zero, one = np.zeros(1, dtype), np.ones(1, dtype)
    assert backward("relu", one, zero).tolist() == [0.0]
    assert backward("leaky_relu", one, zero, 0.25).tolist() == [0.25]
    assert backward("elu", one, zero, 0.25).tolist() == [0.25]
