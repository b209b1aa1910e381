"""LearningRateSchedule."""

from __future__ import annotations

from collections.abc import Callable

from .._validation import real
from .base import Callback, Logs


class LearningRateSchedule(Callback):
    """Set the learning rate of every epoch by a function of your own.

    For a rate that changes with every update give the optimizer a `Schedule` instead.

    Parameters
    ----------
    function : callable
        ``function(epoch, learning_rate) -> float``: the rate for this epoch (counted from 0) from
        the rate at its beginning.
    """

    def __init__(self, function: Callable[[int, float], float]) -> None:
        if not callable(function):
            raise TypeError(
                "LearningRateSchedule: function must be callable as function(epoch, "
                f"learning_rate), got {function!r}"
            )
        self.function = function

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the rate."""
        rate = self.function(epoch, self.model.learning_rate)
        self.model.learning_rate = real(
            "LearningRateSchedule", f"function's result for epoch {epoch}", rate, minimum=0.0
        )
