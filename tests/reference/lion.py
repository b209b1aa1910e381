"""Lion. Chen et al., arXiv:2302.06675, algorithm 2."""

from __future__ import annotations

import numpy as np


def lion_update(
    parameter,
    gradient,
    mean_gradient,
    *,
    learning_rate,
    beta_1=0.9,
    beta_2=0.99,
    l2=0.0,
    weight_decay=0.0,
):
    """Return the new (p, m), g = dp + l2 p.

    p' = (1 - rate decay) p - rate sign(beta_1 m + (1 - beta_1) g);  m' = beta_2 m + (1 - beta_2) g.
    """
    p, g, m = (np.asarray(array, np.float64) for array in (parameter, gradient, mean_gradient))
    g = g + l2 * p
    p = (1 - learning_rate * weight_decay) * p
    return p - learning_rate * np.sign(beta_1 * m + (1 - beta_1) * g), beta_2 * m + (1 - beta_2) * g
