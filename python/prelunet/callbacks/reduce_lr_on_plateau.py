"""ReduceLROnPlateau."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

from .._validation import integer, real
from ._monitor import Monitor
from .base import Callback, Logs, entry


class ReduceLROnPlateau(Callback):
    """Multiply the learning rate by a factor when a number has not got better for some epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The number to watch, a key of the history.
    factor : float, default 0.1
        What the rate is multiplied by, in (0, 1).
    patience : int, default 10
        Epochs without a better value before the rate is reduced. Those without a validation do not
        count where a number of it is watched.
    min_delta : float, default 1e-4
        A change must be larger than this to be better.
    cooldown : int, default 0
        Epochs after a reduction in which nothing is counted.
    min_learning_rate : float, default 0.0
        The rate is never reduced below this.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger is better; "auto" goes by the name ("..._loss", "..._score").
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_learning_rate: float = 0.0,
        mode: str = "auto",
    ) -> None:
        owner = "ReduceLROnPlateau"
        self._monitor = Monitor(owner, monitor, min_delta=min_delta, mode=mode)
        self.factor = real(owner, "factor", factor, exclusive_minimum=0.0, exclusive_maximum=1.0)
        self.patience = integer(owner, "patience", patience, minimum=0)
        self.cooldown = integer(owner, "cooldown", cooldown, minimum=0)
        self.min_learning_rate = real(owner, "min_learning_rate", min_learning_rate, minimum=0.0)
        self._reset()

    def _reset(self) -> None:
        self._best: float | None = None
        self._wait = 0
        self._cooling = 0  # epochs of the cooldown that are left

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget any earlier training."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare; reduce the rate when patience is at its end."""
        if not self._monitor.is_due(epoch, self):
            return
        value = self._monitor.value(logs)
        cooling = self._cooling > 0
        self._cooling -= cooling
        if self._monitor.improves(value, self._best):
            self._best, self._wait = value, 0
            return
        if cooling:
            return
        self._wait += 1
        if self._wait >= self.patience:
            rate = self.model.learning_rate
            if rate > self.min_learning_rate:
                self.model.learning_rate = max(rate * self.factor, self.min_learning_rate)
                self._wait, self._cooling = 0, self.cooldown

    def get_state(self) -> dict[str, Any]:
        """Return the best value, and the epochs waited and left to cool down."""
        return {"best": self._best, "wait": self._wait, "cooling": self._cooling}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on waiting; the model keeps the learning rate itself."""
        owner = "ReduceLROnPlateau"
        best = entry(owner, state, "best", float, int, NoneType)
        wait, cooling = (entry(owner, state, name, int) for name in ("wait", "cooling"))
        self._best, self._wait, self._cooling = best, wait, cooling
