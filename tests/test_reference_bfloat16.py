"""The oracle of bfloat16 against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from bfloat16_numbers import KINDS, starts
from reference.bfloat16 import (
    SMALLEST_NORMAL,
    add,
    bfloat16_gemm,
    from_bfloat16,
    multiply_add,
    to_bfloat16,
)
from tolerances import assert_same_bits


def rounded(exact):
    """Return a rational number as float32, 24 bits and then flushed: exact arithmetic alone."""
    size, exponent, sign = abs(exact), -126, -1.0 if exact < 0 else 1.0
    if size == 0:
        return np.float32(0)
    while size >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while size < Fraction(2) ** exponent:
        exponent -= 1
    spacing = Fraction(2) ** (exponent - 23)
    size = round(size / spacing) * spacing  # Python rounds half to even
    if size < Fraction(2) ** -126:
        return np.float32(sign * 0.0)
    return np.float32(sign * (np.inf if size >= Fraction(2) ** 128 else float(size)))


@pytest.mark.parametrize(
    "kind", ["around one", "of every size", "cancelling", "subnormal products"]
)
def test_the_oracle_rounds_once(rng, kind):
    a, b = from_bfloat16(KINDS[kind](rng, 600)), from_bfloat16(KINDS[kind](rng, 600))
    c = starts(rng, kind, 600)
    # Products beside sums of about their size, whose last bits are near ties.
    near = 1 + rng.choice([0, 2.0**-20], 300)
    with np.errstate(over="ignore", under="ignore"):
        c[::2] = (-a[::2].astype(np.float64) * b[::2] * near).astype(np.float32)
    c = np.where(np.isfinite(c) & (np.abs(c) >= SMALLEST_NORMAL), c, np.float32(1))
    expected = [
        rounded(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)))
        for x, y, z in zip(a, b, c, strict=True)
    ]
    assert_same_bits(multiply_add(a, b, c), np.array(expected))
    expected = [rounded(Fraction(float(x)) + Fraction(float(z))) for x, z in zip(a, c, strict=True)]
    assert_same_bits(add(a, c), np.array(expected))


def test_conversion_is_the_nearest():
    """Every bfloat16 is itself; a number between two goes to the nearer, or to the even one."""
    bits = np.arange(0x0080, 0x7F7F, dtype=np.uint32)
    exact = (bits << 16).view(np.float32)
    half = ((bits << 16) + 0x8000).view(np.float32)
    below, above = np.nextafter(half, np.float32(0)), np.nextafter(half, np.float32(np.inf))
    for x, expected in [(exact, bits), (below, bits), (half, bits + (bits & 1)), (above, bits + 1)]:
        assert_same_bits(to_bfloat16(x), expected.astype(np.uint16))
        assert_same_bits(to_bfloat16(-x), (expected | 0x8000).astype(np.uint16))
    assert_same_bits(from_bfloat16(bits.astype(np.uint16)), exact)


def test_orders_by_hand():
    one, half_ulp = to_bfloat16(np.float32(1)), to_bfloat16(np.float32(2.0**-24))
    a, b = np.array([[one, half_ulp, half_ulp, half_ulp]]), np.full((4, 1), one)
    # (1 + u) + (u + u), where 1 + u is 1; then 1 + 2u is the next number.
    assert bfloat16_gemm(a, b, "amx")[0, 0] == np.float32(1 + 2.0**-23)
    # ((u + 1) + u) + u: each of the three is 1.
    assert bfloat16_gemm(a, b, "vdpbf16")[0, 0] == np.float32(1)
