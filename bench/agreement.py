"""Whether two libraries came to the same answer, up to what rounding can do.

A chain of n roundings errs by at most ``n u / (1 - n u)`` of the terms' sizes, u being half the
spacing of the floating-point numbers at one (N. J. Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., SIAM 2002, section 3.1). n is counted from the case: the sums that an element
of the answer has gone through. Answers are compared by their mean errors.

A rectifier adds to that: where its input is within rounding of zero, two libraries may take
different slopes, and both are right. So does pooling, between entries of a window that are as near
to each other. See `flip_error`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from .cases.kernels import KernelCase
from .cases.networks import Array, Network
from .cases.predictions import PredictCase
from .cases.steps import CHECK_STEPS, StepCase

# An activation, a loss or an update: roundings of one element beside the sums.
ELEMENTWISE_ROUNDINGS = 32


class DisagreementError(ValueError):
    """Two answers differ by more than rounding."""


def roundings_of(case: StepCase | PredictCase | KernelCase) -> int:
    """Return how many roundings an element of the answer may have met, one after another."""
    if isinstance(case, KernelCase):
        return case.chain + ELEMENTWISE_ROUNDINGS
    forward = sum(_layer_roundings(case.network))
    if isinstance(case, PredictCase):
        return forward
    back = sum(layer.fan_out + ELEMENTWISE_ROUNDINGS for layer in case.network.layers)
    # The gradient of a weight is a sum over rows and the places that it is applied at.
    places = max(m for m, _, _ in case.network.products(case.for_check().batch))
    return CHECK_STEPS * (forward + back + places)


def flip_error(network: Network, unit: float) -> float:
    """Return what choices that fall otherwise may change, as a share of a gradient.

    A rectifier chooses by the sign of its input; pooling by the signs of differences, one less than
    a window has entries. They are of the order of one, so as many are within rounding of zero as
    rounding is large. Each changes what one row gives to the gradient through one output of a
    layer: one of rows x outputs such parts, which have random signs, as the flips have. Rows and
    outputs cancel, and the choices for one output remain.
    """
    roundings = accumulate(_layer_roundings(network))
    flips = sum(s.choices * n * unit for s, n in zip(network.layers, roundings, strict=True))
    return float(np.sqrt(flips))


def _layer_roundings(network: Network) -> list[int]:
    return [terms + ELEMENTWISE_ROUNDINGS for _, _, terms in network.products(1)]


def check_parameters(
    title: str, case: StepCase, actual: Sequence[Array], expected: Sequence[Array]
) -> float:
    """Compare parameters after training; `expected` was computed in float64.

    What is compared is how far each tensor has moved from its first value, which both share.
    Subtracting that value leaves the rounding of the parameter itself, once for each step.

    Returns
    -------
    float
        The largest error as a share of what is allowed.

    Raises
    ------
    DisagreementError
        If an answer has another shape, or differs by more than rounding.
    """
    unit = float(np.finfo(case.network.dtype).eps) / 2
    share = roundings_of(case) * unit + flip_error(case.network, unit)
    first = case.network.parameters()
    allowed = []
    for start, end in zip(first, expected, strict=True):
        moved = np.abs(end.astype(np.float64) - start).mean()
        kept = np.abs(end).mean()
        allowed.append(float(share * moved + CHECK_STEPS * unit * kept))
    return _compare(title, actual, expected, allowed)


def check_arrays(
    title: str,
    case: PredictCase | KernelCase,
    actual: Sequence[Array],
    expected: Sequence[Array],
) -> float:
    """Compare outputs, or the results of a kernel; as `check_parameters`."""
    unit = float(np.finfo(np.float32).eps) / 2
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
