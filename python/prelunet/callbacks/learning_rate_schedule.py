"""`LearningRateSchedule`, which sets the learning rate of each epoch."""

from __future__ import annotations

from collections.abc import Callable

from .._validation import real
from .base import Callback, Logs


class LearningRateSchedule(Callback):
    """Set the learning rate of every epoch by a user-defined function.

    For a rate that changes with every update, pass a `Schedule` to the optimizer instead.

    Parameters
    ----------
    function : callable
        ``function(epoch, learning_rate) -> float``, which returns the rate for an epoch, counted
        from 0, given the current rate.
    """

    def __init__(self, function: Callable[[int, float], float]) -> None:
        if not callable(function):
            raise TypeError(
                "LearningRateSchedule: function must be callable as function(epoch, "
                f"learning_rate), got {function!r}"
            )
        self.function = function

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the learning rate of the epoch."""
        rate = self.function(epoch, self.model.learning_rate)
        self.model.learning_rate = real(
            "LearningRateSchedule", f"function's result for epoch {epoch}", rate, minimum=0.0
        )
