"""How the rows' losses become one number, and what that makes of their gradients."""

from __future__ import annotations

import numpy as np


def weighted_mean(row_losses, row_gradients, sample_weight):
    """L = sum(w l) / sum(w), w = 1 without weights; nothing to learn from when sum(w) = 0."""
    weights = _weights(row_losses, sample_weight)
    total = weights.sum()
    if total == 0:
        return 0.0, np.zeros_like(row_gradients)
    return float(weights @ row_losses / total), row_gradients * (weights / total)[:, None]


def weighted_sum(row_losses, row_gradients, sample_weight):
    """L = sum(w l), w = 1 without weights."""
    weights = _weights(row_losses, sample_weight)
    return float(weights @ row_losses), row_gradients * weights[:, None]


def _weights(row_losses, sample_weight):
    if sample_weight is None:
        return np.ones(len(row_losses))
    return np.asarray(sample_weight, np.float64)
