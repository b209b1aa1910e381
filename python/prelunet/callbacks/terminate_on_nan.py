"""TerminateOnNaN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ._monitor import find
from .base import Callback, Logs, entry


class TerminateOnNaN(Callback):
    """Stop after an epoch whose loss is NaN or infinite."""

    def __init__(self) -> None:
        self._found = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget any earlier training."""
        self._found = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        self._found = not math.isfinite(find("TerminateOnNaN", "loss", logs))
        self._stop_if_found()

    def get_state(self) -> dict[str, Any]:
        """Return whether training has ended here."""
        return {"found": self._found}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """End a training that had ended."""
        self._found = entry("TerminateOnNaN", state, "found", bool)
        self._stop_if_found()

    def _stop_if_found(self) -> None:
        if self._found:
            self.model.stop_training = True
