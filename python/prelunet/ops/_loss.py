"""Losses with their gradients; `prelunet.losses` describes the same ones for models."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy.typing as npt

from .._core import ops as _ops
from .._validation import real

Array = npt.NDArray[Any]

LOSSES: Mapping[str, float | None] = MappingProxyType(
    {name: value if option else None for name, _, _, option, value in _ops.LOSSES}
)
"""The losses: the default of each one's option, None where it has none."""


def softmax_cross_entropy(
    outputs: Array,
    targets: npt.NDArray[Any],
    *,
    sample_weight: Array | None = None,
    label_smoothing: float = 0.0,
) -> tuple[float, Array]:
    """Cross-entropy of softmax(outputs) and its gradient in one pass.

    ``l = -sum_j t_j log softmax(z)_j``, ``dl/dz = softmax(z) sum_j t_j - t``

    Parameters
    ----------
    outputs : ndarray of shape (rows, classes)
        Logits z.
    targets : integer ndarray of shape (rows,), or ndarray of shape (rows, classes)
        Labels, or rows of targets of the dtype of `outputs`.
    sample_weight : ndarray of shape (rows,), optional
        Finite and at least 0. The loss is ``sum(w l) / sum(w)``, 0 where the weights are.
    label_smoothing : float, default 0.0
        s in [0, 1): t becomes ``(1 - s) t + s / classes``.

    Returns
    -------
    loss : float
    grad_outputs : ndarray of shape (rows, classes)
    """
    share = real(
        "softmax_cross_entropy",
        "label_smoothing",
        label_smoothing,
        minimum=0.0,
        exclusive_maximum=1.0,
    )
    return _ops.softmax_cross_entropy(outputs, targets, sample_weight, share)


def sigmoid_cross_entropy(
    outputs: Array, targets: Array, *, sample_weight: Array | None = None
) -> tuple[float, Array]:
    """Cross-entropy of sigmoid(outputs) and its gradient in one pass.

    ``l = mean_j(log(1 + exp(z_j)) - t_j z_j)``, ``dl/dz_j = (sigmoid(z_j) - t_j) / outputs``

    Outputs are logits z; targets t are in [0, 1].

    Parameters
    ----------
    outputs : ndarray of shape (rows, outputs)
    targets : ndarray of the shape of outputs
    sample_weight : ndarray of shape (rows,), optional
        Finite and at least 0. The loss is ``sum(w l) / sum(w)``, 0 where the weights are.

    Returns
    -------
    loss : float
    grad_outputs : ndarray of the shape of outputs
    """
    return _ops.sigmoid_cross_entropy(outputs, targets, sample_weight, 0.0)


def mean_squared_error(
    outputs: Array, targets: Array, *, sample_weight: Array | None = None
) -> tuple[float, Array]:
    """Mean of the squared errors over all elements, and its gradient.

    ``l = mean_j (y_j - t_j)**2``, ``dl/dy_j = 2 (y_j - t_j) / outputs``

    Parameters
    ----------
    outputs : ndarray of shape (rows, outputs)
    targets : ndarray of the shape of outputs
    sample_weight : ndarray of shape (rows,), optional
        Finite and at least 0. The loss is ``sum(w l) / sum(w)``, 0 where the weights are.

    Returns
    -------
    loss : float
    grad_outputs : ndarray of the shape of outputs
    """
    return _ops.mean_squared_error(outputs, targets, sample_weight, 0.0)


def batch_mean_squared_error(
    outputs: Array, targets: Array, *, sample_weight: Array | None = None
) -> tuple[float, Array]:
    """Squared errors summed over a row's outputs, the mean over rows, and its gradient.

    ``l = sum_j (y_j - t_j)**2``, ``dl/dy_j = 2 (y_j - t_j)``

    Parameters
    ----------
    outputs : ndarray of shape (rows, outputs)
    targets : ndarray of the shape of outputs
    sample_weight : ndarray of shape (rows,), optional
        Finite and at least 0. The loss is ``sum(w l) / sum(w)``, 0 where the weights are.

    Returns
    -------
    loss : float
    grad_outputs : ndarray of the shape of outputs
    """
    return _ops.batch_mean_squared_error(outputs, targets, sample_weight, 0.0)


def half_squared_error(
    outputs: Array, targets: Array, *, sample_weight: Array | None = None
) -> tuple[float, Array]:
    """Half the squared errors summed over all elements, and its gradient.

    ``l = sum_j (y_j - t_j)**2 / 2``, ``dl/dy_j = y_j - t_j``

    Parameters
    ----------
    outputs : ndarray of shape (rows, outputs)
    targets : ndarray of the shape of outputs
    sample_weight : ndarray of shape (rows,), optional
        Finite and at least 0. The loss is ``sum(w l)``.

    Returns
    -------
    loss : float
    grad_outputs : ndarray of the shape of outputs
    """
    return _ops.half_squared_error(outputs, targets, sample_weight, 0.0)


def mean_absolute_error(
    outputs: Array, targets: Array, *, sample_weight: Array | None = None
) -> tuple[float, Array]:
    """Mean of the absolute errors over all elements, and its gradient.

    ``l = mean_j abs(y_j - t_j)``, ``dl/dy_j = sign(y_j - t_j) / outputs``, 0 where they are equal.

    Parameters
    ----------
    outputs : ndarray of shape (rows, outputs)
    targets : ndarray of the shape of outputs
    sample_weight : ndarray of shape (rows,), optional
        Finite and at least 0. The loss is ``sum(w l) / sum(w)``, 0 where the weights are.

    Returns
    -------
    loss : float
    grad_outputs : ndarray of the shape of outputs
    """
    return _ops.mean_absolute_error(outputs, targets, sample_weight, 0.0)


def huber(
    outputs: Array, targets: Array, *, sample_weight: Array | None = None, delta: float = 1.0
) -> tuple[float, Array]:
    """Huber's loss: squared near zero, absolute beyond `delta`; and its gradient.

    With ``d = y_j - t_j``, l is the mean over j of ``d**2 / 2`` where ``abs(d) <= delta``, else of
    ``delta * (abs(d) - delta / 2)``; dl/dy_j is d within [-delta, delta], divided by the outputs.

    Parameters
    ----------
    outputs : ndarray of shape (rows, outputs)
    targets : ndarray of the shape of outputs
    sample_weight : ndarray of shape (rows,), optional
        Finite and at least 0. The loss is ``sum(w l) / sum(w)``, 0 where the weights are.
    delta : float, default 1.0
        Above 0, in the units of the targets.

    Returns
    -------
    loss : float
    grad_outputs : ndarray of the shape of outputs
    """
    limit = real("huber", "delta", delta, exclusive_minimum=0.0)
    return _ops.huber(outputs, targets, sample_weight, limit)
