"""The helpers of the tests can fail: each refuses what it exists to refuse."""

from __future__ import annotations

import numpy as np
import pytest

from tolerances import (
    assert_close_to_scale,
    assert_same_bits,
    assert_within,
    bits_of,
    gamma,
    sum_tolerance,
    ulp,
    ulps_between,
)


def test_gamma_grows_with_the_chain(dtype):
    assert gamma(0, dtype) == 0
    assert gamma(1, dtype) > ulp(dtype) / 2
    assert gamma(200, dtype) > 2 * gamma(100, dtype)
    assert sum_tolerance(100, dtype) >= gamma(100, dtype) + gamma(100, np.float64)
    with pytest.raises(ValueError, match="leave no digit"):
        gamma(2**60, dtype)


@pytest.mark.parametrize("actual", [[1.0, 2.5], [1.0, np.nan], [1.0, np.inf], [1.0], [[1.0, 2.0]]])
def test_assert_within_refuses(actual):
    assert_within([1.0, 2.25], [1.0, 2.0], 0.25)
    with pytest.raises(AssertionError, match="some label"):
        assert_within(actual, [1.0, 2.0], 0.25, "some label")


@pytest.mark.parametrize("expected", [np.nan, np.inf, -np.inf])
def test_special_values_are_equal_to_themselves_alone(expected):
    assert_within([expected], [expected], 0.0)
    for actual in {np.nan, np.inf, -np.inf, 1.0} - {expected}:
        with pytest.raises(AssertionError):
            assert_within([actual], [expected], np.inf)


def test_assert_within_names_the_worst():
    with pytest.raises(AssertionError, match=r"2 of 4 elements differ; the worst at \(1, 0\)"):
        assert_within([[1.0, 2.0], [9.0, 5.0]], [[1.0, 2.0], [3.0, 4.0]], 0.5)


def test_scale_is_the_largest_expected():
    assert_close_to_scale([8.0, 0.5], [8.0, 0.0], 1 / 16)
    with pytest.raises(AssertionError):
        assert_close_to_scale([8.0, 0.5], [8.0, 0.0], 1 / 17)
    assert_close_to_scale(np.empty((0, 3)), np.empty((0, 3)), 0.0)


def test_same_bits():
    assert_same_bits(np.array([0.0, np.nan]), np.array([0.0, -np.nan]))
    for actual in (np.array([-0.0]), np.array([np.nextafter(0, 1)]), np.array([np.nan])):
        with pytest.raises(AssertionError):
            assert_same_bits(actual, np.array([0.0]))
    with pytest.raises(AssertionError, match="dtype"):
        assert_same_bits(np.zeros(1, np.float32), np.zeros(1))


def test_ulps():
    one = np.float32(1)
    above, below = np.nextafter(one, np.float32(2)), np.nextafter(one, np.float32(0))
    assert ulps_between(np.array([one, above, below]), np.ones(3)).tolist() == [0.0, 1.0, 0.5]
    tiny = np.finfo(np.float32).smallest_subnormal
    exact = np.array([0.0, float(tiny) / 4, 1e300, np.inf, np.nan, 1e300])
    given = np.array([0.0, 0.0, np.inf, np.inf, np.nan, 1.0], np.float32)
    assert ulps_between(given, exact).tolist() == [0.0, 0.25, 0.0, 0.0, 0.0, np.inf]
    assert ulps_between(np.array([tiny]), np.array([0.0])).tolist() == [np.inf]


def test_every_nan_has_the_same_bits(dtype):
    """x86 gives the sign that Arm does not, and compilers choose which operand's payload stays."""
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    nan = np.array([np.nan], dtype)
    other = (nan.view(unsigned) | unsigned.type(5)).view(dtype)
    for values in (-nan, other, -other):
        assert values.tobytes() != nan.tobytes()
        assert_same_bits(values, nan)
        assert bits_of(values) == bits_of(nan)
    assert bits_of(dtype(-0.0)) != bits_of(dtype(0.0))
    assert bits_of(nan) != bits_of(np.array([np.inf], dtype))
    assert bits_of(np.arange(4).reshape(2, 2).T) == bits_of(np.array([0, 2, 1, 3]))
    with pytest.raises(AssertionError, match="differ in their bits"):
        assert_same_bits(np.array([1.0], dtype), nan)
