"""Sum of squares over the outputs, mean over the rows."""

from __future__ import annotations

import numpy as np

from reference.reduction import weighted_mean


def batch_mean_squared_error(outputs, targets, sample_weight=None):
    """l = sum_j (y_j - t_j)^2,  dl/dy_j = 2 (y_j - t_j)."""
    difference = np.asarray(outputs, np.float64) - np.asarray(targets, np.float64)
    return weighted_mean((difference**2).sum(axis=1), 2 * difference, sample_weight)
