"""Periodic embeddings. Gorishniy et al., NeurIPS 2022; PBLD: Holzmueller et al., NeurIPS 2024.

PBLD  y = (W cos(2 pi w x + b) + c, x)
PLR   y = max(W (cos(2 pi w x), sin(2 pi w x)) + c, 0)
"""

from __future__ import annotations

import numpy as np


def _waves(x, frequency, phase):
    angle = 2 * np.pi * frequency * np.asarray(x, np.float64)[:, :, None]
    if phase is not None:
        return np.cos(angle + phase), -np.sin(angle + phase)
    waves = np.concatenate([np.cos(angle), np.sin(angle)], axis=2)
    return waves, np.concatenate([-np.sin(angle), np.cos(angle)], axis=2)


def periodic_forward(x, frequency, phase, weight, bias):
    """x (rows, features); weight (features, outputs, terms); PLR if phase is None."""
    waves, _ = _waves(x, frequency, phase)
    z = np.einsum("nft,fot->nfo", waves, weight) + bias
    y = np.maximum(z, 0) if phase is None else np.concatenate([z, x[:, :, None]], axis=2)
    return y.reshape(len(x), -1)


def periodic_backward(grad_y, x, frequency, phase, weight, bias):
    """Return grad_x and the gradients of frequency, phase, weight and bias."""
    waves, slopes = _waves(x, frequency, phase)
    rows, features = np.shape(x)
    dz = np.reshape(grad_y, (rows, features, -1))
    grad_x = np.zeros((rows, features))
    if phase is None:
        dz = dz * (np.einsum("nft,fot->nfo", waves, weight) + bias > 0)
    else:
        dz, grad_x = dz[:, :, :-1], dz[:, :, -1]
    angles = np.einsum("nfo,fot->nft", dz, weight) * slopes
    if phase is None:
        angles = sum(np.split(angles, 2, axis=2))
    grad_x = grad_x + 2 * np.pi * np.einsum("nft,ft->nf", angles, frequency)
    grad_frequency = 2 * np.pi * np.einsum("nft,nf->ft", angles, x)
    grad_phase = None if phase is None else angles.sum(axis=0)
    grad_weight = np.einsum("nfo,nft->fot", dz, waves)
    return grad_x, grad_frequency, grad_phase, grad_weight, dz.sum(axis=0)
