"""Powers, logarithms and a cosine for schedules, with the same bits on every machine.

pow and cos of the C library and of NumPy differ in the last bit between processors and versions,
and a one-bit difference in the learning rate changes the trained network. These functions use only
+, -, * and /, which IEEE 754 defines exactly, and `math.frexp`, `math.ldexp` and `round`, which are
exact. Results are accurate to a few units in the last place.
"""

from __future__ import annotations

import math

_LN_2 = 0.6931471805599453
_HALF_PI = 1.5707963267948966

# Taylor coefficients, highest power first. The first omitted term is below 1e-17 of the sum: in exp
# for abs(x) <= ln(2) / 2; in sin(x) / x, a series in x^2, for x <= pi / 4; and in artanh(z) / z, a
# series in z^2, for abs(z) <= 3 - 2 sqrt(2).
_EXP = tuple(1.0 / math.factorial(k) for k in range(13, -1, -1))
_SIN = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(8, -1, -1))
_ARTANH = tuple(1.0 / (2 * k + 1) for k in range(11, -1, -1))


def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    total = 0.0
    for coefficient in coefficients:
        total = total * x + coefficient
    return total


def integer_power(base: float, exponent: int) -> float:
    """Return base ** exponent for exponent >= 0, by repeated squaring."""
    result = 1.0
    while exponent:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


def log(x: float) -> float:
    """Return the natural logarithm of x > 0, by range reduction and 2 artanh(z)."""
    mantissa, exponent = math.frexp(x)
    if mantissa < math.sqrt(0.5):
        mantissa, exponent = 2 * mantissa, exponent - 1
    z = (mantissa - 1) / (mantissa + 1)
    return exponent * _LN_2 + 2 * z * _polynomial(_ARTANH, z * z)


def log2(x: float) -> float:
    """Return the binary logarithm of x > 0; exact for powers of 2."""
    mantissa, exponent = math.frexp(x)
    return (exponent - 1) + log(2 * mantissa) / _LN_2


def exp(x: float) -> float:
    """Return e ** x; the result must be a normal number."""
    doublings = round(x / _LN_2)
    return math.ldexp(_polynomial(_EXP, x - doublings * _LN_2), doublings)


def raised_cosine(t: float) -> float:
    """Return (1 + cos(pi t)) / 2 for t in [0, 1]; exact at both ends."""
    x = _HALF_PI * min(t, 1.0 - t)
    sine = x * _polynomial(_SIN, x * x)
    return 1.0 - sine * sine if t <= 0.5 else sine * sine
