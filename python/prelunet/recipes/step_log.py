"""Training counted in steps: loss and accuracy at regular steps and at the last one."""

from __future__ import annotations

import sys

from prelunet.callbacks import Callback
from prelunet.callbacks.base import Logs


class StepLog(Callback):
    """Loss and accuracy every `every` steps: recorded, and printed unless a bar shows them.

    Training ends at step `last`, a multiple of `every`.
    """

    def __init__(self, every: int, last: int, *, quiet: bool) -> None:
        self.steps_between = every
        self.last = last
        self.quiet = quiet
        self.steps: list[int] = []
        self.logs: list[Logs] = []

    def on_steps(self, steps: int, logs: Logs | None = None) -> None:
        """Record and print the logs."""
        self.steps.append(steps)
        self.logs.append(dict(logs or {}))
        if steps == self.last:
            self.model.stop_training = True
        if not self.quiet and not sys.stderr.isatty():  # a bar shows the same
            print(f"step {steps}, training accuracy {self.logs[-1]['accuracy']:.4g}", flush=True)

    def curve(self, name: str) -> tuple[list[float], list[float]]:
        """Return the steps and the values of one quantity."""
        return list(map(float, self.steps)), [log[name] for log in self.logs]
