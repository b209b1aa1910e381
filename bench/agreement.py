"""Whether two libraries computed the same answer, up to rounding.

A chain of n roundings has an error of at most ``n u / (1 - n u)`` relative to the magnitude of the
terms, where u is half the distance between 1 and the next floating-point number (N. J. Higham,
Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002, section 3.1). n is derived from
the case: the length of the sums behind an element of the answer. Answers are compared by their mean
errors.

Rectifiers and pooling add to this error. If an input of a rectifier is within rounding of zero, two
libraries may use different slopes, and both are correct. The same holds for entries of a pooling
window that are nearly equal. See `flip_error`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from .cases.kernels import KernelCase
from .cases.networks import MIXED, Array, Network
from .cases.predictions import PredictCase
from .cases.steps import CHECK_STEPS, StepCase

# Roundings per element of an activation, a loss or an update, besides the sums.
ELEMENTWISE_ROUNDINGS = 32


class DisagreementError(ValueError):
    """Two answers differ by more than rounding."""


def roundings_of(case: StepCase | PredictCase | KernelCase) -> int:
    """Return the largest number of consecutive roundings of an element of the answer."""
    if isinstance(case, KernelCase):
        return case.chain + ELEMENTWISE_ROUNDINGS
    forward = sum(_layer_roundings(case.network))
    if isinstance(case, PredictCase):
        return forward
    if case.network.dtype == MIXED:
        return CHECK_STEPS * 3 * forward
    back = sum(layer.fan_out + ELEMENTWISE_ROUNDINGS for layer in case.network.layers)
    # The gradient of a weight is a sum over rows and over the positions that use the weight.
    places = max(m for m, _, _ in case.network.products(case.for_check().batch))
    return CHECK_STEPS * (forward + back + places)


def flip_error(network: Network, unit: float) -> float:
    """Return the possible effect of different choices, relative to a gradient.

    A rectifier chooses by the sign of its input. Pooling chooses by the signs of differences, one
    fewer than the entries of a window. These numbers are of order one, so the fraction of them
    within rounding of zero is about the rounding unit. Each different choice changes the
    contribution of one row to the gradient through one output of a layer, which is one of rows x
    outputs contributions with random signs. Rows and outputs cancel; the number of choices per
    output remains.
    """
    roundings = accumulate(_layer_roundings(network))
    flips = sum(s.choices * n * unit for s, n in zip(network.layers, roundings, strict=True))
    return float(np.sqrt(flips))


def _layer_roundings(network: Network) -> list[int]:
    if network.dtype == MIXED:  # both operands are rounded, and sums are float32
        return [2 for _ in network.layers]
    return [terms + ELEMENTWISE_ROUNDINGS for _, _, terms in network.products(1)]


def _unit(network: Network) -> float:
    """Return the largest relative error of a rounding."""
    if network.dtype == MIXED:
        return 2.0**-9  # bfloat16 has 8 bits
    return float(np.finfo(network.dtype).eps) / 2


def check_parameters(
    title: str, case: StepCase, actual: Sequence[Array], expected: Sequence[Array]
) -> float:
    """Compare parameters after training with `expected`, which was computed in float64.

    Compares how far each tensor moved from its initial value, which both libraries share.
    Subtracting that value leaves the rounding of the parameter itself, once per step. Returns the
    largest error, relative to the allowed one; raises a DisagreementError if it exceeds 1.
    """
    unit = _unit(case.network)
    share = roundings_of(case) * unit + flip_error(case.network, unit)
    first = case.network.parameters()
    allowed = []
    for start, end in zip(first, expected, strict=True):
        moved = np.abs(end.astype(np.float64) - start).mean()
        kept = np.abs(end).mean()
        # Parameters are float32 or float64, whatever the products are.
        stored = float(np.finfo(case.network.variable_dtype).eps) / 2
        allowed.append(float(share * moved + CHECK_STEPS * stored * kept))
    return _compare(title, actual, expected, allowed)


def check_arrays(
    title: str,
    case: PredictCase | KernelCase,
    actual: Sequence[Array],
    expected: Sequence[Array],
) -> float:
    """Compare outputs, or the results of a kernel; see `check_parameters`."""
    float32 = float(np.finfo(np.float32).eps) / 2
    unit = _unit(case.network) if isinstance(case, PredictCase) else float32
    scale = roundings_of(case) * unit
    return _compare(title, actual, expected, [scale * float(np.abs(e).max()) for e in expected])


def _compare(
    title: str, actual: Sequence[Array], expected: Sequence[Array], allowed: Sequence[float]
) -> float:
    if [a.shape for a in actual] != [e.shape for e in expected]:
        raise DisagreementError(
            f"bench: {title}: the answer has shapes {[a.shape for a in actual]}, expected "
            f"{[e.shape for e in expected]}"
        )
    worst = 0.0
    for number, (mine, right, most) in enumerate(zip(actual, expected, allowed, strict=True)):
        error = float(np.abs(mine.astype(np.float64) - right).mean())
        if not error <= most:
            raise DisagreementError(
                f"bench: {title}: array {number} of {len(actual)}, of shape {mine.shape}, is off "
                f"by {error:.3g} on average, rounding explains {most:.3g}"
            )
        worst = max(worst, error / most if most else 0.0)
    return worst
