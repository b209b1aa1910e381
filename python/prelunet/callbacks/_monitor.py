"""What callbacks that watch a number share: finding it, and saying whether it got better."""

from __future__ import annotations

import math

from .._validation import choice, real
from .base import Callback, Logs

_FALLS = ("loss", "error", "deviance", "divergence")
_RISES = ("accuracy", "acc", "auc", "score", "precision", "recall", "f1")


class Monitor:
    """A number in the logs and the direction in which it is better.

    Parameters
    ----------
    owner : str
        The callback's name, for messages.
    name : str
        The key in the logs.
    min_delta : float
        A change must be larger than this to count.
    mode : {"auto", "min", "max"}
        The better direction; "auto" goes by the name, the way scikit-learn names its metrics.
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
        """Return whether this epoch reports the number: not all of them need be validated."""
        between: int = callback.params.get("validation_freq", 1)
        return (epoch + 1) % between == 0 or not self.name.startswith("val_")

    def value(self, logs: Logs | None) -> float:
        """Return the number from the logs."""
        return find(self._owner, self.name, logs)

    def improves(self, value: float, best: float | None) -> bool:
        """Return whether `value` is better than `best`, which is None at first. NaN never is."""
        if best is None:
            return not math.isnan(value)
        if self.mode == "min":
            return value < best - self.min_delta
        return value > best + self.min_delta


def find(owner: str, name: str, logs: Logs | None) -> float:
    """Return ``logs[name]``, or raise a ValueError that lists what there is."""
    if logs is None or name not in logs:
        there = ", ".join(repr(key) for key in logs or ()) or "nothing"
        raise ValueError(f"{owner}: monitor must be a key of the logs ({there}), got {name!r}")
    return logs[name]
