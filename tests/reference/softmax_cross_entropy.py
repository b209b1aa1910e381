"""Softmax and its cross-entropy with integer labels or rows of targets."""

from __future__ import annotations

import numpy as np

from reference.reduction import weighted_mean


def softmax_forward(logits):
    """p_j = e^z_j / sum_k e^z_k, each z less the row's largest, which changes nothing."""
    z = np.asarray(logits, np.float64)
    exponentials = np.exp(z - z.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def softmax_cross_entropy(outputs, targets, sample_weight=None, *, label_smoothing=0.0):
    """l = -sum_j t_j log p_j,  dl/dz = p sum(t) - t.

    Smoothing by s takes (1 - s) t + s / classes for t.
    """
    z, targets = np.asarray(outputs, np.float64), np.asarray(targets)
    classes = z.shape[1]
    t = np.eye(classes)[targets] if targets.ndim == 1 else targets.astype(np.float64)
    t = (1 - label_smoothing) * t + label_smoothing / classes
    mass = t.sum(axis=1, keepdims=True)
    shifted = z - z.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    losses = -(t * log_p).sum(axis=1)
    gradients = np.exp(log_p) * mass - t
    return weighted_mean(losses, gradients, sample_weight)
