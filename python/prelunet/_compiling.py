"""`compile_core`, which passes a training configuration to the C++ core."""

from __future__ import annotations

from collections.abc import Sequence

from ._validation import choice
from .compiled import Compiled
from .dtypes import Core
from .ops import LOSSES, UPDATES
from .optimizers import Optimizer
from .parameter_groups import ParameterGroup, groups_by_name
from .schedules import Schedule

_NO_GROUP = ParameterGroup("*")


def compile_core(core: Core, compiled: Compiled, names: Sequence[str]) -> None:
    """Set the core's loss, its rule for correct predictions and its optimizer."""
    loss, optimizer = compiled.loss, compiled.optimizer
    by_output = loss.probabilities == "sigmoid" or (
        core.outputs == 1 and loss.probabilities != "softmax"
    )
    rule = "threshold" if by_output else "argmax"
    threshold = 0.0 if loss.probabilities == "sigmoid" else 0.5  # 0 is the logit of 0.5
    if optimizer.update not in UPDATES:
        raise TypeError(f"compile: optimizer must have an update of the core, got {optimizer!r}")
    scheduled = isinstance(optimizer.weight_decay, Schedule)
    config: dict[str, object] = {
        "update": optimizer.update,
        "options": optimizer.options(),
        "l2": optimizer.l2,
        "weight_decay": 0.0 if scheduled else optimizer.weight_decay,
        "factors": _factors(core, optimizer, names),
        "clip_value": optimizer.clip_value or 0.0,
        "clip_norm": optimizer.clip_norm or 0.0,
        "ema_momentum": optimizer.ema_momentum if optimizer.use_ema else None,
    }
    # The core requires a loss even if a Python function computes it.
    function = compiled.function is not None
    name = choice("compile", "loss's name", "mean_squared_error" if function else loss.name, LOSSES)
    core.compile(name, loss.options, rule, threshold, config, compiled.clip_delta or 0.0)


def _factors(
    core: Core, optimizer: Optimizer, names: Sequence[str]
) -> list[tuple[float, float, float]]:
    """Return the factors of learning rate, weight decay and epsilon of each parameter."""
    groups = groups_by_name(optimizer.groups, names)
    found = []
    for name, info in zip(names, core.parameters(), strict=True):
        group = groups.get(name, _NO_GROUP)
        decays = info["kind"] == "weight" or optimizer.decay_all
        decay = group.weight_decay_factor if decays else 0.0
        found.append((group.learning_rate_factor, decay, group.epsilon_factor))
    return found
