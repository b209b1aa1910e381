"""The pinball loss of quantiles. Koenker and Bassett, Econometrica 46 (1978)."""

from __future__ import annotations

import numpy as np

from reference.reduction import weighted_mean


def pinball(outputs, targets, sample_weight=None, *, quantile=0.5):
    """l = mean_j of q_j e_j where e_j > 0, else (q_j - 1) e_j, e = t - y.

    dl/dy_j = -q_j where e_j > 0, 1 - q_j where e_j < 0, 0 where it is 0, / outputs.
    """
    y, t = np.asarray(outputs, np.float64), np.asarray(targets, np.float64)
    e, q = t - y, np.broadcast_to(quantile, y.shape)
    slopes = np.select([e > 0, e < 0, e == 0], [-q, 1 - q, 0.0], e)
    return weighted_mean((-slopes * e).mean(axis=1), slopes / y.shape[1], sample_weight)
