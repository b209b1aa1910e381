"""The logarithm of the hyperbolic cosine of the errors."""

from __future__ import annotations

import numpy as np

from reference.reduction import weighted_mean


def log_cosh(outputs, targets, sample_weight=None):
    """l = mean_j log(cosh(d)), d = y_j - t_j;  dl/dy_j = tanh(d) / outputs."""
    d = np.asarray(outputs, np.float64) - np.asarray(targets, np.float64)
    each = np.abs(d) + np.log1p(np.exp(-2 * np.abs(d))) - np.log(2)
    return weighted_mean(each.mean(axis=1), np.tanh(d) / d.shape[1], sample_weight)
