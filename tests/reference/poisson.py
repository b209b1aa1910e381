"""Half the Poisson deviance, from logarithms of rates."""

from __future__ import annotations

import numpy as np

from reference.reduction import weighted_mean


def poisson(outputs, targets, sample_weight=None):
    """l = mean_j e^y_j - t_j - t_j (y_j - log t_j);  dl/dy_j = (e^y_j - t_j) / outputs.

    0 log 0 = 0.
    """
    y, t = np.asarray(outputs, np.float64), np.asarray(targets, np.float64)
    log_t = np.log(np.where(t > 0, t, 1.0))
    each = np.exp(y) - t - t * (y - log_t)
    return weighted_mean(each.mean(axis=1), (np.exp(y) - t) / y.shape[1], sample_weight)
