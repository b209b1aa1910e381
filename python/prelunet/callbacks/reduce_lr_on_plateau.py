"""`ReduceLROnPlateau`, which reduces the learning rate without improvement."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

from .._validation import integer, real
from ._monitor import Monitor
from .base import Callback, Logs, entry


class ReduceLROnPlateau(Callback):
    """Reduce the learning rate when a monitored value has stopped improving.

    Parameters
    ----------
    monitor : str, default "val_loss"
        Key of the monitored value in the history.
    factor : float, default 0.1
        Factor of the reduction, in (0, 1).
    patience : int, default 10
        Number of epochs without improvement after which the rate is reduced. Epochs without
        validation do not count if a validation value is monitored.
    min_delta : float, default 1e-4
        Changes up to this value do not count as an improvement.
    cooldown : int, default 0
        Number of epochs after a reduction that do not count.
    min_learning_rate : float, default 0.0
        Lower limit of the reduced rate.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger is better; "auto" infers it from the name ("..._loss",
        "..._score").
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
        self._cooling = 0  # remaining epochs of the cooldown

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Reset the state."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the value with the best one; reduce the rate if patience is exhausted."""
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
        """Return the best value, the epochs without improvement and the remaining cooldown."""
        return {"best": self._best, "wait": self._wait, "cooling": self._cooling}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state; the model's state includes the learning rate."""
        owner = "ReduceLROnPlateau"
        best = entry(owner, state, "best", float, int, NoneType)
        wait, cooling = (entry(owner, state, name, int) for name in ("wait", "cooling"))
        self._best, self._wait, self._cooling = best, wait, cooling
