"""Clipping of gradients."""

from __future__ import annotations

import numpy as np


def clip_by_value(gradient, limit):
    """g' = g limited to [-limit, limit]."""
    return np.clip(np.asarray(gradient, np.float64), -limit, limit)


def clip_by_norm(gradients, limit):
    """Return ([g limit / norm, ...], norm), norm = sqrt(sum g^2) over all; unchanged if <= limit.

    Pascanu, Mikolov and Bengio, arXiv:1211.5063.
    """
    gradients = [np.asarray(g, np.float64) for g in gradients]
    norm = float(np.sqrt(sum((g**2).sum() for g in gradients)))
    scale = limit / norm if norm > limit else 1.0
    return [scale * g for g in gradients], norm
