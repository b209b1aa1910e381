"""Tolerances of the tests, each derived from the arithmetic it bounds. No test carries a literal.

The model is the standard one of rounding-error analysis (N. J. Higham, Accuracy and Stability of
Numerical Algorithms, 2nd ed., SIAM 2002, chapters 2 to 4): an operation gives the exact result
times (1 + d) with abs(d) <= u, u half the spacing of the floating-point numbers at one, and n of
them in a chain give at most gamma_n = n u / (1 - n u).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Ruled for the project: gradients of float64 networks against the oracle, relative to the tensor's
# largest absolute gradient.
ORACLE_GRADIENT = 1e-12

# Ruled for the project: outputs of a network in other libraries, relative to the largest of them.
PORTED_OUTPUTS = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-12}

# Ruled for the project: the losses of a training in another library, as a share of ours.
LOSS_CURVE = 1e-5

# Promised by the library: how many units in the last place exp, log, tanh and sigmoid may err.
ELEMENTARY_ULPS = {np.dtype(np.float32): 1.0, np.dtype(np.float64): 2.0}


def ulp(dtype: npt.DTypeLike) -> float:
    """Return the unit in the last place of one: the distance from 1 to the next number."""
    return float(np.finfo(dtype).eps)


def gamma(roundings: int, dtype: npt.DTypeLike) -> float:
    """Return gamma_n, the relative error that `roundings` operations in a chain may gather."""
    gathered = roundings * ulp(dtype) / 2
    if gathered >= 1:
        raise ValueError(f"gamma: {roundings} roundings of {np.dtype(dtype)} leave no digit")
    return gathered / (1 - gathered)


def sum_tolerance(length: int, dtype: npt.DTypeLike) -> float:
    """Return the bound on the error of a sum or chain of `length` terms, in any order of addition.

    It is relative to the sum of the terms' absolute values: the strict use is
    ``assert_within(actual, expected, sum_tolerance(k, dtype) * (abs(a) @ abs(b)))``. Where terms do
    not cancel to nothing in the whole tensor, the tensor's largest absolute value stands for that
    sum (`assert_close_to_scale`). The oracle sums in float64 and errs too, hence the second term,
    which matters in float64 alone. A product that is rounded before it is added (no FMA) is within
    the same bound: each term meets one rounding of its own and at most length - 1 of additions.

    An operation that is not a sum has for `length` the number of roundings that one result meets,
    `elementary_roundings` for each exp, log, tanh or sigmoid in it.
    """
    return gamma(length, dtype) + gamma(length, np.float64)


def elementary_roundings(dtype: npt.DTypeLike) -> int:
    """Return how many roundings (of half an ULP each) one exp, log, tanh or sigmoid counts for."""
    return int(2 * ELEMENTARY_ULPS[np.dtype(dtype)])


def finite_difference_step() -> float:
    """Return the step of central differences in float64 that balances truncation and rounding."""
    return float(np.cbrt(ulp(np.float64)))


def finite_difference_tolerance(scale: float, roundings: int) -> float:
    """Return the absolute error of (f(x + h) - f(x - h)) / 2h, h = `finite_difference_step()`.

    Truncation is h^2 f'''/6, with f''' at most 6 `scale`; each value of f, at most `scale` in size
    and computed by a chain of `roundings` operations, errs by gamma of them, and x + h itself is
    rounded once more (f' at most `scale`).
    """
    step = finite_difference_step()
    return scale * (step**2 + gamma(roundings + 1, np.float64) / step)


def ulps_between(actual: npt.ArrayLike, exact: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the distance of `actual` from `exact` (a wider type) in ULPs of actual's dtype.

    The ULP is that of the exact value's binade, the smallest subnormal number below the normal
    range. Where the exact value rounds to infinity or is NaN, the same is 0 away, another inf.
    """
    actual, exact = np.asarray(actual), np.asarray(exact)
    narrow = np.finfo(actual.dtype)
    with np.errstate(all="ignore"):
        rounded = exact.astype(actual.dtype)
        _, exponent = np.frexp(exact)
        exponent = np.maximum(exponent - 1, narrow.minexp)
        unit = np.ldexp(exact.dtype.type(1), exponent - narrow.nmant)
        distance = (np.abs(actual.astype(exact.dtype) - exact) / unit).astype(np.float64)
    same = (actual == rounded) | (np.isnan(actual) & np.isnan(rounded))
    ordinary = np.isfinite(rounded) & np.isfinite(actual) & (exact != 0)
    return np.where(ordinary, distance, np.where(same, 0.0, np.inf))


def assert_within(
    actual: npt.ArrayLike, expected: npt.ArrayLike, bound: npt.ArrayLike, label: str = ""
) -> None:
    """Assert abs(actual - expected) <= bound in every element, and name the worst one if not.

    NaN and the infinities are right where, and only where, they are expected.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    _assert_same_shape(actual, expected, label)
    if actual.size == 0:
        return
    with np.errstate(invalid="ignore"):
        error = np.abs(actual.astype(np.float64) - expected)
    allowed = np.broadcast_to(np.asarray(bound, dtype=np.float64), error.shape)
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    wrong = ~same & ~(np.isfinite(error) & (error <= allowed))
    if not wrong.any():
        return
    excess = np.where(wrong, np.where(np.isfinite(error), error, np.inf), -np.inf)
    where = tuple(int(i) for i in np.unravel_index(np.argmax(excess), error.shape))
    raise AssertionError(
        f"{label}: {int(wrong.sum())} of {error.size} elements differ; the worst at {where}: "
        f"got {actual[where]!r}, expected {expected[where]!r}, "
        f"off by {error[where]:.3g}, allowed {allowed[where]:.3g}"
    )


def assert_close_to_scale(
    actual: npt.ArrayLike, expected: npt.ArrayLike, tolerance: float, label: str = ""
) -> None:
    """Assert abs(actual - expected) <= tolerance * max(abs(expected)) in every element."""
    expected = np.asarray(expected, dtype=np.float64)
    scale = float(np.max(np.abs(expected), initial=0.0))
    assert_within(actual, expected, tolerance * scale, label)


def bits_of(values: npt.ArrayLike) -> bytes:
    """Return the bits of an array in C order, with one NaN in place of every NaN.

    That a result is NaN is part of the contract; its sign and payload are not.
    """
    array = np.asarray(values)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), array.dtype.type(np.nan), array)
    return array.tobytes()


def assert_same_bits(actual: npt.ArrayLike, expected: npt.ArrayLike, label: str = "") -> None:
    """Assert equal dtype, shape and bits: -0.0 is not 0.0. Every NaN is the same, as ruled."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    dtypes = f"dtype {actual.dtype}, expected {expected.dtype}"
    assert actual.dtype == expected.dtype, f"{label}: {dtypes}"
    _assert_same_shape(actual, expected, label)
    same = (actual == expected) & (np.signbit(actual) == np.signbit(expected))
    different = ~(same | (np.isnan(actual) & np.isnan(expected)))
    if different.any():
        where = tuple(int(i) for i in np.argwhere(different)[0])
        raise AssertionError(
            f"{label}: {int(different.sum())} of {actual.size} elements differ in their bits; the "
            f"first at {where}: got {actual[where]!r}, expected {expected[where]!r}"
        )


def _assert_same_shape(
    actual: npt.NDArray[np.generic], expected: npt.NDArray[np.generic], label: str
) -> None:
    shapes = f"shape {actual.shape}, expected {expected.shape}"
    assert actual.shape == expected.shape, f"{label}: {shapes}"
