"""Half the gamma deviance, from logarithms of means."""

from __future__ import annotations

import numpy as np

from reference.reduction import weighted_mean


def gamma(outputs, targets, sample_weight=None):
    """l = mean_j t_j e^-y_j - 1 + y_j - log t_j;  dl/dy_j = (1 - t_j e^-y_j) / outputs."""
    y, t = np.asarray(outputs, np.float64), np.asarray(targets, np.float64)
    each = t * np.exp(-y) - 1 + y - np.log(t)
    return weighted_mean(each.mean(axis=1), (1 - t * np.exp(-y)) / y.shape[1], sample_weight)
