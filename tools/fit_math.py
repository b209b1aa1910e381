"""Fit the polynomials of cpp/kernels/math.h and print them with their errors (needs mpmath).

Each row of ``TABLES`` is a function, the interval it is needed on and how many coefficients it
gets. Interpolation at Chebyshev nodes comes within a small factor of the minimax fit. The error
printed is relative, of the coefficients as rounded to double; the lowest power comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mpmath import mp, mpf

mp.dps = 60
MARGIN = mpf("1.0001")  # reduction rounds, so arguments may lie just outside the interval
TINY = mpf("1e-20")  # below it the quotients here would cancel: their limit at 0 is exact enough


@dataclass(frozen=True)
class Table:
    """A function to fit on [low, high] by p, or by p / q with a q that starts with 1.

    With ``in_root`` the nodes are Chebyshev's in sqrt(x), so they lie closer together near 0.
    ``apart`` is taken out of p's first coefficient, to be added where rounding does least harm.
    """

    name: str
    function: Callable[[mpf], mpf]
    low: mpf
    high: mpf
    p_count: int
    q_count: int = 1
    in_root: bool = False
    apart: float = 0.0


def fit(table: Table) -> tuple[list[mpf], list[mpf]]:
    """Solve p(x) - f(x) q(x) = 0 at as many nodes x as there are unknowns."""
    count = table.p_count + table.q_count - 1
    low, high = (mp.sqrt(end) if table.in_root else end for end in (table.low, table.high))
    system, values = mp.matrix(count, count), mp.matrix(count, 1)
    for row in range(count):
        node = mp.cos(mp.pi * (2 * row + 1) / (2 * count))
        x = (high + low + (high - low) * node) / 2
        x = x * x if table.in_root else x
        values[row] = table.function(x)
        for i in range(table.p_count):
            system[row, i] = x**i
        for i in range(1, table.q_count):
            system[row, table.p_count + i - 1] = -values[row] * x**i
    solution = list(mp.lu_solve(system, values))
    solution[0] -= table.apart
    return solution[: table.p_count], [mpf(1), *solution[table.p_count :]]


def exp_ratio(r: mpf) -> mpf:
    """(e^r - 1) / r."""
    return mp.expm1(r) / r if abs(r) > TINY else mpf(1)


def exp_remainder(r: mpf) -> mpf:
    """(e^r - 1 - r) / r^2."""
    return (mp.expm1(r) - r) / r**2 if abs(r) > TINY else mpf(1) / 2


def tanh_ratio(z: mpf) -> mpf:
    """tanh(x) / x with x = sqrt(z)."""
    return mp.tanh(mp.sqrt(z)) / mp.sqrt(z) if z > TINY else mpf(1)


def tanh_remainder(z: mpf) -> mpf:
    """(tanh(x) - x) / x^3 with x = sqrt(z)."""
    return (tanh_ratio(z) - 1) / z if z > TINY else -mpf(1) / 3


def log_remainder(z: mpf) -> mpf:
    """(log((1 + s) / (1 - s)) - 2 s) / s^3 with s = sqrt(z)."""
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2) / z if z > TINY else mpf(2) / 3


def normal_center(z: mpf) -> mpf:
    """(Phi(x) - 1/2) / x with x = sqrt(z)."""
    return mp.erf(mp.sqrt(z / 2)) / (2 * mp.sqrt(z)) if z > TINY else 1 / mp.sqrt(2 * mp.pi)


def normal_tail(shift: int, offset: mpf, u: mpf) -> mpf:
    """Phi(-t) e^(t^2 / 2) (t + shift) with u = 1 / (t + shift) - offset."""
    w = u + offset
    t = 1 / w - shift
    return mp.erfc(t / mp.sqrt(2)) / 2 * mp.exp(t**2 / 2) / w


def sin_2pi_ratio(z: mpf) -> mpf:
    """sin(2 pi s) / s with s = sqrt(z)."""
    s = mp.sqrt(z)
    return mp.sin(2 * mp.pi * s) / s if z > TINY else 2 * mp.pi


def cos_2pi_remainder(z: mpf) -> mpf:
    """(cos(2 pi s) - 1) / s^2 with s = sqrt(z)."""
    return -2 * (mp.sin(mp.pi * mp.sqrt(z)) ** 2) / z if z > TINY else -2 * mp.pi**2


HALF_LN2 = mp.log(2) / 2 * MARGIN
EIGHTH = mpf(1) / 64  # the square of an eighth of a turn; the reduction is exact
MAX_S = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1) * MARGIN
TAIL32 = partial(normal_tail, 5, mpf(0))
TAIL64 = partial(normal_tail, 2, mpf("0.203125"))  # the offset is exact in binary
TABLES = [
    Table("exp float32", exp_ratio, -HALF_LN2, HALF_LN2, 8),
    Table("exp float64", exp_remainder, -HALF_LN2, HALF_LN2, 11),
    Table("tanh float32", tanh_ratio, mpf(0), mpf("9.02") ** 2, 6, 6, in_root=True),
    Table("tanh float64", tanh_remainder, mpf(0), mpf("0.55") ** 2, 3, 4),
    Table("log float32", log_remainder, mpf(0), MAX_S**2, 6),
    Table("log float64", log_remainder, mpf(0), MAX_S**2, 7),
    Table("normal_cdf float32, t to 14.5", TAIL32, mpf("0.0512"), mpf("0.2"), 14),
    Table("normal_cdf float64, center", normal_center, mpf(0), mpf("0.67") ** 2, 9),
    Table(
        "normal_cdf float64, t from 0.67 to 39",
        TAIL64,
        mpf("-0.1788"),
        mpf("0.1715"),
        28,
        apart=0.5,
    ),
    Table("sin_2pi float32", sin_2pi_ratio, mpf(0), EIGHTH, 5),
    Table("cos_2pi float32", cos_2pi_remainder, mpf(0), EIGHTH, 5),
    Table("sin_2pi float64", sin_2pi_ratio, mpf(0), EIGHTH, 8, apart=float(2 * mp.pi)),
    Table("cos_2pi float64", cos_2pi_remainder, mpf(0), EIGHTH, 8),
]


def main() -> None:
    """Print every table."""
    for table in TABLES:
        p, q = ([float(c) for c in row] for row in fit(table))
        error = mpf(0)
        for x in mp.linspace(table.low, table.high, 2001):
            quotient = table.apart + mp.polyval(p[::-1], x) / mp.polyval(q[::-1], x)
            error = max(error, abs(quotient / table.function(x) - 1))
        interval = f"[{mp.nstr(table.low, 4)}, {mp.nstr(table.high, 4)}]"
        print(f"{table.name} on {interval}: error {mp.nstr(error, 2)}")
        for row in (p, q) if table.q_count > 1 else (p,):
            print("  " + ", ".join(repr(c) for c in row))


if __name__ == "__main__":
    main()
