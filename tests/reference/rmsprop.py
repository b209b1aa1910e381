"""RMSprop by the rule of Keras; Hinton's lecture 6e (2012)."""

from __future__ import annotations

import numpy as np


def rmsprop_update(
    parameter,
    gradient,
    mean_square,
    mean_gradient,
    velocity,
    *,
    learning_rate,
    rho=0.9,
    epsilon=1e-7,
    momentum=0.0,
    centered=False,
    l2=0.0,
    weight_decay=0.0,
):
    """Return the new (p, v, a, m), g = dp + l2 p.

    v' = rho v + (1 - rho) g^2;  a' = rho a + (1 - rho) g;  s = v' - a'^2 if centered, else v';
    m' = momentum m + rate g / sqrt(max(s, 0) + epsilon);  p' = (1 - rate decay) p - m'.
    """
    p, g, v, a, m = (
        np.asarray(array, np.float64)
        for array in (parameter, gradient, mean_square, mean_gradient, velocity)
    )
    g = g + l2 * p
    p = (1 - learning_rate * weight_decay) * p
    v = rho * v + (1 - rho) * g**2
    a = rho * a + (1 - rho) * g
    spread = np.maximum(v - a**2, 0) if centered else v
    m = momentum * m + learning_rate * g / np.sqrt(spread + epsilon)
    return p - m, v, a, m
