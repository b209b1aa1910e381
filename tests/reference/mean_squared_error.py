"""Mean of squares over all elements."""

from __future__ import annotations

import numpy as np

from reference.reduction import weighted_mean


def mean_squared_error(outputs, targets, sample_weight=None):
    """l = mean_j (y_j - t_j)^2,  dl/dy_j = 2 (y_j - t_j) / outputs."""
    difference = np.asarray(outputs, np.float64) - np.asarray(targets, np.float64)
    gradients = 2 * difference / difference.shape[1]
    return weighted_mean((difference**2).mean(axis=1), gradients, sample_weight)
