"""The powers, logarithm and cosine of schedules against mpmath's."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from prelunet import _portable_math
from tolerances import gamma

# Operations in Horner's rule over the longest series (14 terms), and the few around it.
ROUNDINGS = 2 * 14 + 6


def relative_error(actual, exact):
    return float(abs((mpmath.mpf(actual) - exact) / exact))


@pytest.fixture(autouse=True)
def _many_digits():
    with mpmath.workprec(200):
        yield


def test_log(rng):
    x = np.concatenate([10.0 ** rng.uniform(-300, 300, 300), 1 + rng.uniform(-0.1, 0.1, 300)])
    for value in [0.5, 2.0, 5e-324, *x.tolist()]:
        error = relative_error(_portable_math.log(value), mpmath.log(value))
        assert error <= gamma(ROUNDINGS, np.float64)
    assert _portable_math.log(1.0) == 0.0


def test_exp(rng):
    # x less its doublings times ln 2 keeps the error of that product: one rounding for each unit.
    for value in rng.uniform(-700, 700, 500).tolist():
        error = relative_error(_portable_math.exp(value), mpmath.exp(value))
        assert error <= gamma(ROUNDINGS + int(2 * abs(value)), np.float64)
    assert _portable_math.exp(0.0) == 1.0


def test_raised_cosine(rng):
    for t in [0.5, 1e-9, 1 - 1e-9, *rng.uniform(size=500).tolist()]:
        exact = (1 + mpmath.cos(mpmath.pi * t)) / 2
        assert relative_error(_portable_math.raised_cosine(t), exact) <= gamma(
            ROUNDINGS, np.float64
        )
    assert _portable_math.raised_cosine(0.0) == 1.0
    assert _portable_math.raised_cosine(1.0) == 0.0


@pytest.mark.parametrize("base", [0.1, 0.5, 0.999, 1.0, 1.5])
@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 7, 100, 255])
def test_integer_power(base, exponent):
    exact = mpmath.mpf(base) ** exponent
    actual = _portable_math.integer_power(base, exponent)
    assert relative_error(actual, exact) <= gamma(exponent, np.float64)
