"""`TerminateOnNaN`, which stops diverged training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ._monitor import find
from .base import Callback, Logs, entry


class TerminateOnNaN(Callback):
    """Stop training after an epoch whose loss is NaN or infinite."""

    def __init__(self) -> None:
        self._found = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Reset the state."""
        self._found = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Stop training if the loss is not finite."""
        self._found = not math.isfinite(find("TerminateOnNaN", "loss", logs))
        self._stop_if_found()

    def get_state(self) -> dict[str, Any]:
        """Return whether this callback has stopped training."""
        return {"found": self._found}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state; a stopped run stays stopped."""
        self._found = entry("TerminateOnNaN", state, "found", bool)
        self._stop_if_found()

    def _stop_if_found(self) -> None:
        if self._found:
            self.model.stop_training = True
