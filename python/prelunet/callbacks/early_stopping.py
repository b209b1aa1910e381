"""`EarlyStopping`, which stops training without improvement."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from .._validation import boolean, choice, integer, real
from ._monitor import Monitor
from .base import Callback, Logs, copy_parameters, entry


class EarlyStopping(Callback):
    """Stop training when a monitored value has stopped improving.

    Parameters
    ----------
    monitor : str, default "val_loss"
        Key of the monitored value in the history.
    patience : int or None, default 0
        Number of epochs without improvement after which training stops. Both 0 and 1 stop at the
        first epoch without improvement. Epochs without validation do not count if a validation
        value is monitored. None never stops, for `restore_best_weights` alone.
    min_delta : float, default 0.0
        Changes up to this value do not count as an improvement.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger is better; "auto" infers it from the name ("..._loss",
        "..._score").
    restore_best_weights : bool, default False
        Whether to restore the parameters of the best epoch at the end of training, stopped early
        or not.
    baseline : float, optional
        Value that an improvement must also exceed: training stops after `patience` epochs that are
        not better than the baseline, even if they improve.
    ties : {"first", "last"}, default "first"
        Which of several epochs with the best value is the best epoch. A repetition of the best
        value is no improvement.

    Attributes
    ----------
    best : float or None
        Best value so far.
    best_epoch : int or None
        Epoch of the best value, counted from 0.
    stopped_epoch : int or None
        Epoch after which this callback stopped training; None if it did not.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        patience: int | None = 0,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best_weights: bool = False,
        baseline: float | None = None,
        ties: str = "first",
    ) -> None:
        owner = "EarlyStopping"
        self._monitor = Monitor(owner, monitor, min_delta=min_delta, mode=mode)
        self.patience = (
            None
            if patience is None
            else integer(owner, "patience (unless None)", patience, minimum=0)
        )
        self.ties = choice(owner, "ties", ties, ("first", "last"))
        self.restore_best_weights = boolean(owner, "restore_best_weights", restore_best_weights)
        self.baseline = None if baseline is None else real(owner, "baseline", baseline)
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.stopped_epoch: int | None = None
        self._wait = 0
        self._best_parameters: dict[str, npt.NDArray[Any]] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Reset the state."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the value with the best one; stop training if patience is exhausted."""
        if not self._monitor.is_due(epoch, self):
            return
        value = self._monitor.value(logs)
        self._wait += 1
        improves = self._monitor.improves(value, self.best)
        if improves or (self.ties == "last" and value == self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self._best_parameters = copy_parameters(self.model)
        if improves and (self.baseline is None or self._monitor.improves(value, self.baseline)):
            self._wait = 0
        if self._wait > 0 and self._is_exhausted(self._wait):
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _is_exhausted(self, wait: int) -> bool:
        return self.patience is not None and wait >= self.patience

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Restore the best parameters if `restore_best_weights` is True."""
        if self._best_parameters is not None:
            self.model.set_parameters(self._best_parameters)

    def get_state(self) -> dict[str, Any]:
        """Return the best value and parameters, and the number of epochs without improvement."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            "wait": self._wait,
            "best_parameters": self._best_parameters,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state; a stopped run stays stopped unless `patience` has been increased."""
        owner = "EarlyStopping"
        best = entry(owner, state, "best", float, int, NoneType)
        best_epoch, stopped = (
            entry(owner, state, name, int, NoneType) for name in ("best_epoch", "stopped_epoch")
        )
        wait = entry(owner, state, "wait", int)
        kept = entry(owner, state, "best_parameters", dict, NoneType)
        if self.restore_best_weights and kept is not None:
            self._best_parameters = self._checked_copies(kept)
        self.best, self.best_epoch, self._wait = best, best_epoch, wait
        if stopped is not None and self._is_exhausted(wait):
            self.stopped_epoch = stopped
            self.model.stop_training = True

    def _checked_copies(self, parameters: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
        """Return copies of parameters, checked for the model's names, shapes and dtype."""
        expected, got = (
            {name: (v.shape, v.dtype) for name, v in p.items() if isinstance(v, np.ndarray)}
            for p in (self.model.parameters(), parameters)
        )
        if got != expected or len(parameters) != len(expected):
            raise TypeError("EarlyStopping: state['best_parameters'] must be like the model's")
        return {name: np.array(values) for name, values in parameters.items()}
