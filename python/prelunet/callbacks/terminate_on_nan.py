"""TerminateOnNaN."""

from __future__ import annotations

import math

from ._monitor import find
from .base import Callback, Logs


class TerminateOnNaN(Callback):
    """Stop after an epoch whose loss is NaN or infinite."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        if not math.isfinite(find("TerminateOnNaN", "loss", logs)):
            self.model.stop_training = True
