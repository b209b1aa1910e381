"""Adam, and AdamW where the weight decay is not zero.

Kingma and Ba, arXiv:1412.6980; Loshchilov and Hutter, arXiv:1711.05101.
"""

from __future__ import annotations

import numpy as np


def adam_update(
    parameter,
    gradient,
    first_moment,
    second_moment,
    *,
    step,
    learning_rate,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-8,
    l2=0.0,
    weight_decay=0.0,
    bias_correction=True,
):
    """Return the new (p, m, v) of step t = 1, 2, ..., g = dp + l2 p.

    m' = beta_1 m + (1 - beta_1) g;  v' = beta_2 v + (1 - beta_2) g^2;
    p' = (1 - rate decay) p - rate (m' / (1 - beta_1^t)) / (sqrt(v' / (1 - beta_2^t)) + epsilon);
    without bias correction m' and v' are not divided.
    """
    p, g, m, v = (
        np.asarray(a, np.float64) for a in (parameter, gradient, first_moment, second_moment)
    )
    g = g + l2 * p
    p = (1 - learning_rate * weight_decay) * p
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    m_hat = m / (1 - beta_1**step) if bias_correction else m
    v_hat = v / (1 - beta_2**step) if bias_correction else v
    return p - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v
