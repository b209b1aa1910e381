"""Mean of absolute values over all elements."""

from __future__ import annotations

import numpy as np

from reference.reduction import weighted_mean


def mean_absolute_error(outputs, targets, sample_weight=None):
    """l = mean_j |y_j - t_j|,  dl/dy_j = sign(y_j - t_j) / outputs, 0 where they are equal."""
    difference = np.asarray(outputs, np.float64) - np.asarray(targets, np.float64)
    gradients = np.sign(difference) / difference.shape[1]
    return weighted_mean(np.abs(difference).mean(axis=1), gradients, sample_weight)
