"""Stochastic gradient descent with momentum."""

from __future__ import annotations

import numpy as np


def sgd_update(
    parameter,
    gradient,
    velocity,
    *,
    learning_rate,
    momentum=0.0,
    nesterov=False,
    l2=0.0,
    weight_decay=0.0,
):
    """Return the new (p, v): v' = momentum v - rate g, p' = (1 - rate decay) p + v', g = dp + l2 p.

    Nesterov: p' = (1 - rate decay) p + momentum v' - rate g. L2 is taken where the gradient was:
    at the p before its decay.
    """
    p, g, v = (np.asarray(a, np.float64) for a in (parameter, gradient, velocity))
    g = g + l2 * p
    p = (1 - learning_rate * weight_decay) * p
    v = momentum * v - learning_rate * g
    return p + (momentum * v - learning_rate * g if nesterov else v), v
