"""factor * x + y."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import prelunet as pn
from op_cases import normal
from reference.scaled_sum import scaled_sum
from tolerances import assert_same_bits, assert_within, sum_tolerance

FACTORS = [0.1, 1.0, 0.0, -0.75, 1e20]


@pytest.mark.parametrize("factor", FACTORS)
def test_agrees_with_the_oracle(rng, dtype, factor):
    for shape in [(1,), (7,), (16,), (17,), (3, 5), (2, 47, 3), (1000,)]:
        x, y = normal(rng, shape, dtype), normal(rng, shape, dtype)
        exact = float(dtype(factor))
        bound = sum_tolerance(2, dtype) * scaled_sum(abs(x), abs(y), abs(exact))
        assert_within(pn.ops.scaled_sum(x, y, factor), scaled_sum(x, y, exact), bound, f"{shape}")


def test_is_rounded_once(rng, dtype):
    """No number lies nearer to the exact result than what comes out."""
    if pn.show_config(mode="dicts")["isa"] == "baseline":
        pytest.skip("the baseline has no fused multiply-add")
    x, y = normal(rng, (200,), dtype), normal(rng, (200,), dtype)
    y -= dtype(0.1) * x  # most digits of the product cancel: a rounded one would show
    for i, got in enumerate(pn.ops.scaled_sum(x, y, 0.1)):
        exact = Fraction(float(dtype(0.1))) * Fraction(float(x[i])) + Fraction(float(y[i]))
        error = abs(Fraction(float(got)) - exact)
        for other in (np.nextafter(got, dtype(np.inf)), np.nextafter(got, dtype(-np.inf))):
            assert error <= abs(Fraction(float(other)) - exact)


def test_a_factor_of_one_adds(rng, dtype):
    x, y = normal(rng, (101,), dtype), normal(rng, (101,), dtype)
    assert_same_bits(pn.ops.scaled_sum(x, y, 1.0), x + y)


@pytest.mark.parametrize("which", ["x", "y"])
def test_out_may_be_an_input(rng, dtype, which):
    arrays = {"x": normal(rng, (9, 13), dtype), "y": normal(rng, (9, 13), dtype)}
    expected = pn.ops.scaled_sum(**arrays, factor=0.3)
    out = arrays[which]
    assert pn.ops.scaled_sum(**arrays, factor=0.3, out=out) is out
    assert_same_bits(out, expected)


def test_special_values(dtype):
    x = np.array([np.inf, np.nan, -0.0, 1.0, np.inf], dtype)
    y = np.array([1.0, 2.0, -0.0, -2.0, -np.inf], dtype)
    expected = np.array([np.inf, np.nan, -0.0, 0.0, np.nan], dtype)
    assert_same_bits(pn.ops.scaled_sum(x, y, 2.0), expected)


@pytest.mark.parametrize("factor", [np.nan, np.inf])
def test_a_factor_that_is_not_finite_is_refused(dtype, factor):
    x = np.ones(3, dtype)
    with pytest.raises(ValueError, match="scaled_sum: factor must be a finite number, got"):
        pn.ops.scaled_sum(x, x, factor)


def test_arrays_of_two_shapes_are_refused(dtype):
    with pytest.raises(ValueError, match=r"scaled_sum: y must have shape \(3,\), got \(4,\)"):
        pn.ops.scaled_sum(np.ones(3, dtype), np.ones(4, dtype), 1.0)
