"""In-place parameter updates, one for each row of the core's registry, and gradient clipping.

`prelunet.optimizers` documents the order of clipping and updates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy.typing as npt

from .._core import ops as _ops
from .._validation import integer, real
from ..optimizers import Optimizer
from ._generated import description_of, make_function, parameters_of

Array = npt.NDArray[Any]

UPDATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: tuple(state for state, _ in states) for name, states, _ in _ops.UPDATES}
)
"""The updates of the registry, with the names of their state tensors."""

_LARGEST_STEP = 2**63 - 1
_CHECKS: dict[str, Callable[[str, str, object], Any]] = {
    "learning_rate": partial(real, minimum=0.0),
    "l2": partial(real, minimum=0.0),
    "weight_decay": partial(real, minimum=0.0),
    "step": partial(integer, minimum=1, maximum=_LARGEST_STEP),
}


def _function_of(
    name: str, states: tuple[tuple[str, str], ...], options: tuple[str, ...]
) -> Callable[..., Any]:
    described = Optimizer.named()[name]
    op, steps = f"{name}_update", ["step"] if described.uses_step else []
    checks = _CHECKS | {option: described.checks()[option] for option in options}
    defaults = {option: getattr(described, option) for option in options}
    defaults |= {"l2": 0.0, "weight_decay": 0.0}
    signature = ", ".join(
        [
            *("parameter", "gradient"),
            *(f"{state}=None" if option else state for state, option in states),
            *("*", *steps, "learning_rate"),
            *(f"{option}=defaults[{option!r}]" for option in defaults),
        ]
    )
    given = {
        key: f"checks[{key!r}]({op!r}, {key!r}, {key})"
        for key in [*steps, "learning_rate", *defaults]
    }
    # Skips checks of defaults: each takes a microsecond, as long as the rest of a small update.
    given |= {key: f"({key} if {key} is defaults[{key!r}] else {given[key]})" for key in defaults}
    body = (
        f"core(parameter, gradient, [{', '.join(state for state, _ in states)}], "
        f"{given.get('step', '1')}, {given['learning_rate']}, {given['l2']}, "
        f"{given['weight_decay']}, [{', '.join(given[o] for o in options)}])"
    )
    documentation = f"""{description_of(described)}

Updates the parameter and its state in place.

Parameters
----------
parameter : ndarray of any shape
    Updated in place.
gradient : ndarray of the shape of parameter
    Gradient of the loss.
{"".join(_state_entry(*state) for state in states)}{_STEP if steps else ""}learning_rate : float
    At least 0.
{parameters_of(described, options)}l2, weight_decay : float, default 0.0
    Factors of the penalty and of the decoupled decay, at least 0.
"""
    names = {"core": getattr(_ops, op), "checks": checks, "defaults": defaults}
    return make_function(op, signature, body, documentation, names)


_STEP = "step : int\n    Number of this step, counted from 1.\n"


def _state_entry(name: str, option: str) -> str:
    entry = f"{name} : ndarray of the shape of parameter"
    if option:
        return f"{entry}, optional\n    State, updated in place; required if `{option}` is not 0.\n"
    return f"{entry}\n    State, updated in place.\n"


UPDATE_MAKERS = {f"{row[0]}_update": partial(_function_of, *row) for row in _ops.UPDATES}
"""A maker for the op of each row, by name."""


def clip_by_value(gradient: Array, limit: float) -> None:
    """Clip each element to [-limit, limit], in place; NaN is unchanged.

    Parameters
    ----------
    gradient : ndarray of any shape
        Modified in place.
    limit : float
        Largest magnitude of an element, above 0.
    """
    _ops.clip_by_value(gradient, real("clip_by_value", "limit", limit, exclusive_minimum=0.0))


def clip_by_norm(gradients: list[Array] | tuple[Array, ...], limit: float) -> float:
    """Multiply all gradients by ``min(1, limit / norm)``, in place.

    Parameters
    ----------
    gradients : list of ndarray
        Gradients of one dtype, modified in place.
    limit : float
        Largest joint norm, above 0.

    Returns
    -------
    float
        The joint Euclidean norm of the gradients before scaling.
    """
    if not isinstance(gradients, (list, tuple)):
        raise TypeError(
            f"clip_by_norm: gradients must be a list of arrays, got {type(gradients).__name__}"
        )
    checked = real("clip_by_norm", "limit", limit, exclusive_minimum=0.0)
    return _ops.clip_by_norm(list(gradients), checked)
