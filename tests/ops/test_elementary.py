"""exp, log, tanh, sigmoid, cos_2pi and sin_2pi: the promised ULPs, over the whole range."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from tolerances import ELEMENTARY_ULPS, assert_same_bits, ulps_between
from ulp import REFERENCES, compute, errors, floats

EXACT = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "cos_2pi": lambda x: mpmath.cospi(2 * (x - mpmath.nint(x))),
    "sin_2pi": lambda x: mpmath.sinpi(2 * (x - mpmath.nint(x))),
}
# Where the function changes its regime: no need to sample where it is constant or not defined.
RANGES = {"exp": (-760.0, 720.0), "tanh": (-30.0, 30.0), "sigmoid": (-760.0, 60.0)}
RANGES |= {"cos_2pi": (-40.0, 40.0), "sin_2pi": (-40.0, 40.0)}


def assert_ulps(name, x, exact):
    distance = ulps_between(compute(name, x), exact)
    worst = int(np.argmax(distance))
    assert distance[worst] <= ELEMENTARY_ULPS[x.dtype], f"{name}({x[worst]!r}): {distance[worst]}"


@pytest.mark.parametrize("name", REFERENCES)
def test_float32_over_all_bit_patterns(name):
    """Every 1021st float32 and both edges of every binade; ``tests/support/ulp.py`` takes all."""
    binades = np.arange(0, 2**32, 2**23)[:, np.newaxis] + np.arange(-64, 64)
    patterns = np.concatenate([np.arange(0, 2**32, 1021), binades.ravel() % 2**32])
    x = floats(patterns)
    distance = errors(name, x)
    worst = int(np.argmax(distance))
    assert distance[worst] <= ELEMENTARY_ULPS[x.dtype], f"{name}({x[worst]!r}): {distance[worst]}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_returns_one_nan(dtype):
    """Otherwise its sign is that of an invalid operation, negative on x86 and positive on Arm."""
    x = np.tile(np.array([np.nan, -np.nan, -1, -np.inf, -1e-40], dtype), 9)  # vectors and a tail
    bits = np.dtype(f"u{np.dtype(dtype).itemsize}")
    one = np.array(np.nan, dtype).view(bits)
    np.testing.assert_array_equal(compute("log", x).view(bits), np.full(x.size, one))


def float64_samples(name, rng, count):
    """Return uniform samples of the regime, and samples of every exponent."""
    anywhere = rng.integers(2**63, size=count, dtype=np.uint64)
    anywhere |= rng.integers(2, size=count, dtype=np.uint64) << np.uint64(63)
    x = anywhere.view(np.float64)
    x = x[np.isfinite(x)]
    near_one = rng.uniform(0.5, 2.0, count)
    if name == "log":
        return np.concatenate([np.abs(x), near_one])
    low, high = RANGES[name]
    tiny = near_one * rng.choice([-1.0, 1.0], count) * 2.0 ** -rng.integers(1, 60, count)
    return np.concatenate([x, rng.uniform(low, high, count), rng.uniform(-2, 2, count), tiny])


@pytest.mark.parametrize("name", EXACT)
def test_float64_dense(rng, name):
    if np.finfo(np.longdouble).nmant < 60:
        pytest.skip("long double is no wider than double here; mpmath alone checks")
    x = float64_samples(name, rng, 100_000)
    with np.errstate(all="ignore"):
        assert_ulps(name, x, REFERENCES[name](x.astype(np.longdouble)))


def assert_ulps_exactly(name, x):
    """As assert_ulps, one by one with mpmath."""
    finfo = np.finfo(x.dtype)
    largest, smallest_exponent = float(finfo.max), int(finfo.minexp)
    with mpmath.workprec(160):
        for given, got in zip(x.tolist(), compute(name, x).tolist(), strict=True):
            exact = EXACT[name](mpmath.mpf(given))
            if exact > largest:  # by less than half a unit, or infinite
                assert got in (np.inf, largest), f"{name}({given!r}) = {got!r}"
                continue
            exponent = max(mpmath.frexp(exact)[1] - 1, smallest_exponent)
            unit = mpmath.ldexp(1, exponent - int(finfo.nmant))
            distance = abs(mpmath.mpf(got) - exact) / unit
            message = f"{name}({given!r}) = {got!r}: {mpmath.nstr(distance)} ULP"
            assert distance <= ELEMENTARY_ULPS[x.dtype], message


@pytest.mark.parametrize("name", EXACT)
def test_float64_against_mpmath(rng, name):
    assert_ulps_exactly(name, float64_samples(name, rng, 500))


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("exp", [np.inf, -np.inf, 0.0, -0.0, np.nan], [np.inf, 0.0, 1.0, 1.0, np.nan]),
        ("log", [np.inf, 0.0, -0.0, 1.0], [np.inf, -np.inf, -np.inf, 0.0]),
        ("log", [-1.0, -np.inf, -0.5, np.nan], [np.nan] * 4),
        ("tanh", [np.inf, -np.inf, 0.0, -0.0, np.nan], [1.0, -1.0, 0.0, -0.0, np.nan]),
        ("cos_2pi", [0.0, -0.0, 0.5, 3.0, -1e30, np.inf, np.nan], [1, 1, -1, 1, 1, np.nan, np.nan]),
        ("sin_2pi", [0.0, -0.0, 0.25, -0.25, 2.75, -np.inf], [0.0, -0.0, 1.0, -1.0, -1.0, np.nan]),
        ("sigmoid", [np.inf, -np.inf, 0.0, -0.0, np.nan], [1.0, 0.0, 0.5, 0.5, np.nan]),
    ],
)
def test_special_values(dtype, name, given, expected):
    # Repeated past the widest vector, so that the whole vectors and the tail both meet each.
    assert_same_bits(compute(name, np.array(given * 13, dtype)), np.array(expected * 13, dtype))


@pytest.mark.parametrize("name", EXACT)
def test_around_overflow_and_underflow(dtype, name):
    finfo = np.finfo(dtype)
    edges = {
        "exp": [np.log(float(finfo.max)), np.log(float(finfo.smallest_subnormal))],
        "log": [float(finfo.smallest_subnormal), float(finfo.tiny), float(finfo.max), 1.0],
        "tanh": [float(finfo.tiny), 9.01, 19.06, 0.5],
        "sigmoid": [np.log(float(finfo.smallest_subnormal)), 16.6, 36.7],
        "cos_2pi": [float(finfo.tiny), 0.125, 0.25, 0.375, 0.5, 2.0**22, 2.0**23, 2.0**52],
        "sin_2pi": [float(finfo.tiny), 0.125, 0.25, 0.5, 0.625, 2.0**22, 2.0**23, 2.0**52],
    }[name]
    x = np.array(edges, dtype)
    neighbours = [x]
    with np.errstate(over="ignore", under="ignore"):
        for _ in range(40):
            neighbours.append(np.nextafter(neighbours[-1], dtype(np.inf)))
            neighbours.insert(0, np.nextafter(neighbours[0], dtype(-np.inf)))
    x = np.concatenate(neighbours)
    x = x[np.isfinite(x) & ((x > 0) | (name != "log"))]
    assert_ulps_exactly(name, x)
