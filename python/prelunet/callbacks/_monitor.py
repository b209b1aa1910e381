"""`Monitor`, which reads a value from the logs and decides whether it has improved."""

from __future__ import annotations

import math

from .._validation import choice, real
from .base import Callback, Logs

_FALLS = ("loss", "error", "deviance", "divergence")
_RISES = ("accuracy", "acc", "auc", "score", "precision", "recall", "f1")


class Monitor:
    """A monitored value in the logs and the direction of its improvement.

    `owner` is the callback's name, for messages. Changes up to `min_delta` do not count. With the
    mode "auto", the words in the name of the value tell whether smaller or larger is better.
    """

    def __init__(self, owner: str, name: str, *, min_delta: float, mode: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{owner}: monitor must be a string, got {name!r}")
        self._owner = owner
        self.name = name
        self.min_delta = real(owner, "min_delta", min_delta, minimum=0.0)
        mode = choice(owner, "mode", mode, ("auto", "min", "max"))
        self.mode = self._direction() if mode == "auto" else mode

    def _direction(self) -> str:
        words = self.name.lower().split("_")
        falls = any(word in _FALLS for word in words)
        rises = any(word in _RISES for word in words)
        if falls == rises:
            raise ValueError(
                f"{self._owner}: mode must be 'min' or 'max' for monitor={self.name!r}, whose name "
                "does not say which is better, got 'auto'"
            )
        return "min" if falls else "max"

    def is_due(self, epoch: int, callback: Callback) -> bool:
        """Return whether this epoch reports the value: some epochs may have no validation."""
        between: int = callback.params.get("validation_freq", 1)
        return (epoch + 1) % between == 0 or not self.name.startswith("val_")

    def value(self, logs: Logs | None) -> float:
        """Return the value from the logs."""
        return find(self._owner, self.name, logs)

    def improves(self, value: float, best: float | None) -> bool:
        """Return whether `value` is better than `best`, which is None at first; never for NaN."""
        if best is None:
            return not math.isnan(value)
        if self.mode == "min":
            return value < best - self.min_delta
        return value > best + self.min_delta


def find(owner: str, name: str, logs: Logs | None) -> float:
    """Return ``logs[name]``, or raise a ValueError that lists the available keys."""
    if logs is None or name not in logs:
        there = ", ".join(repr(key) for key in logs or ()) or "nothing"
        raise ValueError(f"{owner}: monitor must be a key of the logs ({there}), got {name!r}")
    return logs[name]
