"""Huber's loss, square near zero and linear beyond delta. Huber, Ann. Math. Statist. 35 (1964)."""

from __future__ import annotations

import numpy as np

from reference.reduction import weighted_mean


def huber(outputs, targets, sample_weight=None, *, delta=1.0):
    """l = mean_j of d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), d = y_j - t_j.

    dl/dy_j = d limited to [-delta, delta], / outputs.
    """
    d = np.asarray(outputs, np.float64) - np.asarray(targets, np.float64)
    each = np.where(np.abs(d) <= delta, d**2 / 2, delta * (np.abs(d) - delta / 2))
    return weighted_mean(each.mean(axis=1), np.clip(d, -delta, delta) / d.shape[1], sample_weight)
