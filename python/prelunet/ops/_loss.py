"""Losses with their gradients: a function for each row of the core's registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from .._core import ops as _ops
from ..losses import Loss
from ._generated import description_of, make_function, parameters_of

LOSSES: Mapping[str, float | None] = MappingProxyType(
    {name: value if option else None for name, _, _, option, value in _ops.LOSSES}
)
"""The losses of the registry, with the default of their option, or None without one."""

_ROWS = "targets : ndarray of the shape of outputs"
_LABELS = """targets : integer ndarray of shape (rows,), or ndarray of the shape of outputs
    Labels, or targets with the dtype of `outputs`."""
_REDUCTIONS = {
    "mean": "The loss is ``sum(w l) / sum(w)``, or 0 if all weights are 0.",
    "sum": "The loss is ``sum(w l)``.",
}


def _options(value: float | tuple[float, ...]) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)


def _function_of(
    name: str, reduction: str, takes_labels: bool, option: str, default: float
) -> Callable[..., Any]:
    described = Loss.named()[name]
    names: dict[str, Any] = {"core": getattr(_ops, name)}
    signature, value = "outputs, targets, *, sample_weight=None", "(0.0,)"
    if option:
        names |= {"check": described.checks()[option], "options": _options}
        signature += f", {option}={default!r}"
        value = f"options(check({name!r}, {option!r}, {option}))"
    documentation = f"""{description_of(described)}

Here y are the outputs, t the targets and l the loss of a row.

Parameters
----------
outputs : ndarray of shape (rows, outputs)
{_LABELS if takes_labels else _ROWS}
sample_weight : ndarray of shape (rows,), optional
    Row weights w, finite and at least 0.
    {_REDUCTIONS[reduction]}
{parameters_of(described, [option]) if option else ""}
Returns
-------
loss : float
    Loss of the batch.
grad_outputs : ndarray of the shape of outputs
    Gradient of the loss with respect to the outputs.
"""
    body = f"core(outputs, targets, sample_weight, {value})"
    return make_function(name, signature, body, documentation, names)


LOSS_MAKERS = {row[0]: partial(_function_of, *row) for row in _ops.LOSSES}
"""A maker for the op of each row, by name."""
