"""Central differences in float64, and what makes them right: no kink near by."""

from __future__ import annotations

import numpy as np

import prelunet as pn
from op_cases import POSITIVE_TARGETS, positive_targets
from tolerances import assert_within, finite_difference_step, finite_difference_tolerance

LOSSES = list(pn.ops.LOSSES)


def central_differences(function, x):
    """Return the gradient of the number function(x) at x."""
    step = finite_difference_step()
    gradient = np.zeros(x.shape)
    for where in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[where] += step
        down[where] -= step
        gradient[where] = (function(up) - function(down)) / (up[where] - down[where])
    return gradient


def assert_is_gradient(actual, function, x, *, roundings):
    """Assert that `actual` is the gradient of `function` at x, a sum of terms of the order of 1."""
    expected = central_differences(function, x)
    scale = max(1.0, abs(function(x)), float(np.abs(expected).max()))
    assert_within(actual, expected, finite_difference_tolerance(scale, roundings))


def away_from_kinks(rng, shape):
    """Draw from [-2, -0.1] and [0.1, 2], so that no central difference straddles zero."""
    return rng.uniform(0.1, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


def loss_case(name, rng, rows=5, columns=4):
    """Return outputs and targets that lie at no kink of the loss."""
    outputs = 2 * rng.standard_normal((rows, columns))
    if name == "softmax_cross_entropy":
        return outputs, rng.integers(columns, size=rows)
    if name == "sigmoid_cross_entropy":
        return outputs, rng.uniform(size=(rows, columns))
    if name in POSITIVE_TARGETS:
        return outputs, positive_targets(name, rng, rows, columns)
    return outputs, outputs - away_from_kinks(rng, (rows, columns))
