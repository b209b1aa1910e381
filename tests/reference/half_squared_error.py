"""Half the sum of squares over everything."""

from __future__ import annotations

import numpy as np

from reference.reduction import weighted_sum


def half_squared_error(outputs, targets, sample_weight=None):
    """l = sum_j (y_j - t_j)^2 / 2,  dl/dy_j = y_j - t_j;  L = sum(w l)."""
    difference = np.asarray(outputs, np.float64) - np.asarray(targets, np.float64)
    return weighted_sum((difference**2).sum(axis=1) / 2, difference, sample_weight)
