"""`Compiled`: the immutable record of the arguments of `Sequential.compile`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import losses, optimizers, schedules
from ._validation import real
from .metrics import Metric, get_all

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False, repr=False)
class Compiled:
    """The training settings of a model."""

    optimizer: optimizers.Optimizer
    loss: losses.Loss
    schedule: schedules.Schedule  # of the optimizer, unless the user has replaced it
    metrics: Mapping[str, Metric | None]  # by name; None for a metric that the engine computes
    clip_delta: float | None = None  # the limit of deltas; see `Sequential.compile`

    @classmethod
    def checked(
        cls,
        optimizer: optimizers.Optimizer | str,
        loss: losses.Loss | str | losses.Function,
        wanted: Sequence[str | Metric] | None,
        clip_delta: float | None,
    ) -> Compiled:
        """Check the arguments of `Sequential.compile` and return their record."""
        checked_optimizer = optimizers.get(optimizer, owner="compile", name="optimizer")
        checked_loss = losses.get(loss, owner="compile", name="loss")
        checked_metrics = get_all(wanted)
        if clip_delta is not None:
            clip_delta = real("compile", "clip_delta", clip_delta, exclusive_minimum=0.0)
        schedule = schedules.get(checked_optimizer.learning_rate)
        return cls(checked_optimizer, checked_loss, schedule, checked_metrics, clip_delta)

    def with_schedule(self, schedule: schedules.Schedule) -> Compiled:
        """Return the same settings with another schedule; `dataclasses.replace` takes longer."""
        made = object.__new__(Compiled)
        made.__dict__.update(self.__dict__, schedule=schedule)
        made.__dict__.pop("fits_into_files", None)  # depends on the schedule
        return made

    @cached_property
    def function(self) -> losses.FunctionLoss | None:
        """The loss if it is a Python function; None if the engine computes it."""
        return self.loss if isinstance(self.loss, losses.FunctionLoss) else None

    @cached_property
    def fits_into_files(self) -> bool:
        """Whether neither the loss nor a schedule is a Python function."""
        own = (self.optimizer.learning_rate, self.optimizer.weight_decay)
        given = (self.schedule, *map(schedules.get, own))
        return self.function is None and not any(one.holds_function for one in given)

    @cached_property
    def metric_functions(self) -> dict[str, Metric]:
        """The metrics that are functions, by name."""
        return {name: metric for name, metric in self.metrics.items() if metric is not None}

    def counts_accuracy(self, y: Array) -> bool:
        """Return whether the engine computes accuracy and these targets are classes."""
        if "accuracy" not in self.metrics or self.metrics["accuracy"] is not None:
            return False
        if not self.loss.regression:
            return True
        quantities = y.ndim == 1 and y.dtype.kind == "f"
        return not quantities and are_classes(y)

    def probabilities(self, operation: str) -> Literal["softmax", "sigmoid"]:
        """Return the name of the function that converts outputs to probabilities.

        Raises a ValueError if the loss is not a cross-entropy.
        """
        if self.loss.probabilities is None:
            raise ValueError(
                f"{operation}: the loss must be a cross-entropy, got {self.loss.name!r}; "
                "predict gives the outputs"
            )
        return self.loss.probabilities

    def describe(self) -> dict[str, Any]:
        """Return the optimizer, the loss, `clip_delta` and the engine's metrics as JSON values."""
        return {
            "optimizer": self.optimizer.config(),
            "loss": self.loss.config(),
            "clip_delta": self.clip_delta,
            "metrics": [name for name, metric in self.metrics.items() if metric is None],
        }

    @classmethod
    def from_description(
        cls, description: Mapping[str, Any], functions: Sequence[Metric]
    ) -> Compiled:
        """Return the record of a `describe` result and of metric functions."""
        return cls.checked(
            optimizers.Optimizer.from_config(description["optimizer"]),
            losses.Loss.from_config(description["loss"]),
            [*description["metrics"], *functions],
            description.get("clip_delta"),
        )


def are_classes(y: Array) -> bool:
    """Return whether each row of targets identifies one class.

    True for integers (n,), for 0 and 1 in a column (n, 1), and for one-hot rows.
    """
    if y.ndim == 1:
        whole = y.dtype.kind == "f" and bool((y == np.floor(y)).all())
        return y.dtype.kind in "iub" or whole
    if y.ndim != 2 or not bool(((y == 0) | (y == 1)).all()):
        return False
    return y.shape[1] == 1 or bool((np.count_nonzero(y, axis=1) == 1).all())
