"""Updates of parameters in place, a function for each row of the core's list; and clipping.

`prelunet.optimizers` has the order of the two.
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
"""The updates: the names of the tensors of state that each one keeps."""

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
    # A check takes a microsecond, as much as the rest of a small update.
    given |= {key: f"({key} if {key} is defaults[{key!r}] else {given[key]})" for key in defaults}
    body = (
        f"core(parameter, gradient, [{', '.join(state for state, _ in states)}], "
        f"{given.get('step', '1')}, {given['learning_rate']}, {given['l2']}, "
        f"{given['weight_decay']}, {{{', '.join(f'{o!r}: {given[o]}' for o in options)}}})"
    )
    documentation = f"""{description_of(described)}

Updates the parameter and its state in place.

Parameters
----------
parameter : ndarray of any shape
gradient : ndarray of the shape of parameter
{"".join(_state_entry(*state) for state in states)}{_STEP if steps else ""}learning_rate : float
    At least 0.
{parameters_of(described, options)}l2, weight_decay : float, default 0.0
    At least 0.
"""
    names = {"core": getattr(_ops, op), "checks": checks, "defaults": defaults}
    return make_function(op, signature, body, documentation, names)


_STEP = "step : int\n    The number of this step, counted from 1.\n"


def _state_entry(name: str, option: str) -> str:
    entry = f"{name} : ndarray of the shape of parameter"
    return f"{entry}, optional\n    Needed where `{option}` is not 0.\n" if option else f"{entry}\n"


UPDATE_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {f"{row[0]}_update": _function_of(*row) for row in _ops.UPDATES}
)
"""The function of each row, by name."""


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
