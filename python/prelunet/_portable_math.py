"""Powers and a cosine for schedules, made of +, -, *, / alone: the same bits on every machine.

The C library's pow and cos, and NumPy's, differ in the last bit between processors and versions,
and a learning rate that differs in one bit makes another network. IEEE 754 fixes the four
operations; `math.frexp`, `math.ldexp` and `round` are exact. Results are within a few units in the
last place, which a learning rate does not feel.
"""

from __future__ import annotations

import math

_LN_2 = 0.6931471805599453
_HALF_PI = 1.5707963267948966

# Taylor's coefficients from the highest power down. The first term left out is below 1e-17 of the
# sum for abs(x) <= ln(2) / 2 in exp; for x <= pi / 4 in sin(x) / x, in powers of x^2; and for
# abs(z) <= 3 - 2 sqrt(2) in artanh(z) / z, in powers of z^2.
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
    """Return the natural logarithm of x > 0: of (1 + z) / (1 - z), after the powers of two."""
    mantissa, exponent = math.frexp(x)
    if mantissa < math.sqrt(0.5):
        mantissa, exponent = 2 * mantissa, exponent - 1
    z = (mantissa - 1) / (mantissa + 1)
    return exponent * _LN_2 + 2 * z * _polynomial(_ARTANH, z * z)


def exp(x: float) -> float:
    """Return e ** x for a result in the range of normal numbers."""
    doublings = round(x / _LN_2)
    return math.ldexp(_polynomial(_EXP, x - doublings * _LN_2), doublings)


def raised_cosine(t: float) -> float:
    """Return (1 + cos(pi t)) / 2 for t in [0, 1]: from exactly 1 down to exactly 0."""
    x = _HALF_PI * min(t, 1.0 - t)
    sine = x * _polynomial(_SIN, x * x)
    return 1.0 - sine * sine if t <= 0.5 else sine * sine
