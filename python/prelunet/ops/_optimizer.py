"""Updates of parameters in place, and clipping; `prelunet.optimizers` has the order of the two."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from .._core import ops as _ops
from .._validation import boolean, integer, real

Array = npt.NDArray[Any]
_LARGEST_STEP = 2**63 - 1


def sgd_update(
    parameter: Array,
    gradient: Array,
    velocity: Array | None = None,
    *,
    learning_rate: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    l2: float = 0.0,
    weight_decay: float = 0.0,
) -> None:
    """Update a parameter, and its velocity, in place; equations: `prelunet.optimizers.SGD`.

    Parameters
    ----------
    parameter : ndarray of any shape
    gradient : ndarray of the shape of parameter
    velocity : ndarray of the shape of parameter, optional
        Needed for momentum.
    learning_rate : float
        At least 0.
    momentum : float, default 0.0
        In [0, 1).
    nesterov : bool, default False
        Whether momentum is Nesterov's.
    l2, weight_decay : float, default 0.0
        At least 0.
    """
    op = "sgd_update"
    _ops.sgd_update(
        parameter,
        gradient,
        velocity,
        real(op, "learning_rate", learning_rate, minimum=0.0),
        real(op, "momentum", momentum, minimum=0.0, exclusive_maximum=1.0),
        boolean(op, "nesterov", nesterov),
        real(op, "l2", l2, minimum=0.0),
        real(op, "weight_decay", weight_decay, minimum=0.0),
    )


def adam_update(
    parameter: Array,
    gradient: Array,
    first_moment: Array,
    second_moment: Array,
    *,
    step: int,
    learning_rate: float,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    l2: float = 0.0,
    weight_decay: float = 0.0,
) -> None:
    """Update a parameter and its moments in place; equations: `prelunet.optimizers.Adam`.

    Parameters
    ----------
    parameter : ndarray of any shape
    gradient, first_moment, second_moment : ndarray of the shape of parameter
    step : int
        The number of this step, counted from 1.
    learning_rate : float
        At least 0.
    beta_1 : float, default 0.9
    beta_2 : float, default 0.999
        In [0, 1): how much of a moment stays.
    epsilon : float, default 1e-8
        Above 0.
    l2, weight_decay : float, default 0.0
        At least 0.
    """
    op = "adam_update"
    _ops.adam_update(
        parameter,
        gradient,
        first_moment,
        second_moment,
        integer(op, "step", step, minimum=1, maximum=_LARGEST_STEP),
        real(op, "learning_rate", learning_rate, minimum=0.0),
        real(op, "beta_1", beta_1, minimum=0.0, exclusive_maximum=1.0),
        real(op, "beta_2", beta_2, minimum=0.0, exclusive_maximum=1.0),
        real(op, "epsilon", epsilon, exclusive_minimum=0.0),
        real(op, "l2", l2, minimum=0.0),
        real(op, "weight_decay", weight_decay, minimum=0.0),
    )


def clip_by_value(gradient: Array, limit: float) -> None:
    """Move each element into [-limit, limit], in place; NaN stays.

    Parameters
    ----------
    gradient : ndarray of any shape
    limit : float
        Above 0.
    """
    _ops.clip_by_value(gradient, real("clip_by_value", "limit", limit, exclusive_minimum=0.0))


def clip_by_norm(gradients: list[Array] | tuple[Array, ...], limit: float) -> float:
    """Scale all gradients together by ``min(1, limit / norm)``, in place.

    Parameters
    ----------
    gradients : list of ndarray
        All of one dtype.
    limit : float
        Above 0.

    Returns
    -------
    float
        The norm before: the root of the sum of all squares.
    """
    if not isinstance(gradients, (list, tuple)):
        raise TypeError(
            f"clip_by_norm: gradients must be a list of arrays, got {type(gradients).__name__}"
        )
    checked = real("clip_by_norm", "limit", limit, exclusive_minimum=0.0)
    return _ops.clip_by_norm(list(gradients), checked)
