"""Cross-entropy of independent binary outputs, from logits."""

from __future__ import annotations

import numpy as np

from reference.activation import sigmoid_forward
from reference.reduction import weighted_mean


def sigmoid_cross_entropy(outputs, targets, sample_weight=None):
    """l = mean_j log(1 + e^z_j) - t_j z_j,  dl/dz_j = (s(z_j) - t_j) / outputs."""
    z, t = np.asarray(outputs, np.float64), np.asarray(targets, np.float64)
    losses = (np.logaddexp(0.0, z) - t * z).mean(axis=1)
    gradients = (sigmoid_forward(z) - t) / z.shape[1]
    return weighted_mean(losses, gradients, sample_weight)
