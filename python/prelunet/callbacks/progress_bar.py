"""`ProgressBar`, which shows progress as a tqdm bar, or as one line per epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from .._extras import require
from .._validation import boolean
from .base import Callback, Logs

_SECONDS_BETWEEN_DRAWS = 0.1  # epochs may take only microseconds


class ProgressBar(Callback):
    """Show the progress, the loss and the metrics of training on stderr.

    On a terminal or in a notebook, if tqdm is installed, a single bar covers all epochs and remains
    with the last values. Otherwise every epoch writes one line.

    Parameters
    ----------
    lines : bool, default False
        Write one line per epoch also on a terminal and in a notebook.
    """

    def __init__(self, *, lines: bool = False) -> None:
        self._lines = boolean("ProgressBar", "lines", lines)
        self._bar_class: Any = None
        self._bar: Any = None
        self._drawn = 0.0
        self._values: dict[str, float] = {}
        self._epoch = 0
        self._began = 0.0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Reset the state and choose between a bar and lines."""
        self.close()
        self._values = {}
        self._bar_class = None if self._lines else find_bar_class(sys.stderr)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Open the bar at the first epoch, which is not epoch 0 in a resumed run."""
        self._epoch = epoch
        self._began = time.perf_counter()
        if self._bar_class is not None and self._bar is None:
            self._bar = self._bar_class(
                total=self.params["epochs"],
                initial=epoch,
                file=sys.stderr,
                dynamic_ncols=True,
                bar_format=self._layout("{remaining} left"),
            )
            self._drawn = self._began

    def on_epoch_progress(self, done: int, total: int, logs: Logs | None = None) -> None:
        """Update the bar within an epoch."""
        if self._bar is not None:
            self._move(self._epoch + done / total, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Update the bar at the end of an epoch, or write the epoch's line."""
        if self._bar is not None:
            self._move(epoch + 1, logs)
            return
        seconds = time.perf_counter() - self._began
        line = f"epoch {self._count()}  {_format(logs or {})}  {seconds:.1f} s"
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Close the bar, which remains visible."""
        if self._bar is not None:
            self._bar.bar_format = self._layout("{elapsed}")
            self._bar.close()
            self._bar = None

    def _move(self, position: float, logs: Logs | None) -> None:
        self._bar.n = position
        self._values.update(logs or {})
        now = time.perf_counter()
        if now - self._drawn >= _SECONDS_BETWEEN_DRAWS:
            self._drawn = now
            self._bar.bar_format = self._layout("{remaining} left")
            self._bar.refresh()

    def _layout(self, clock: str) -> str:
        # Values come before the clock, since narrow terminals truncate the end.
        shown = [_format(self._values), clock] if self._values else [clock]
        return f"{self._count()} |{{bar}}| {', '.join(shown)}"

    def _count(self) -> str:
        total = str(self.params["epochs"])
        return f"{self._epoch + 1:{len(total)}}/{total}"


class ModelsBar:
    """Show how many of several models are trained, as a bar of steps or as one line per model."""

    def __init__(self, models: int, steps: int) -> None:
        self._models = models
        self._shown = 0  # models in the bar or the lines
        bar_class = find_bar_class(sys.stderr)
        self._bar = None
        if bar_class is not None:
            self._bar = bar_class(total=steps, file=sys.stderr, bar_format=self._layout())

    def show(self, trained: Sequence[int], steps: int) -> None:
        """Show the models that are trained, by their places in the list, and all steps made."""
        if self._bar is not None:
            self._shown = len(trained)
            self._bar.n, self._bar.bar_format = steps, self._layout()
            self._bar.refresh()
            return
        for number in trained[self._shown :]:
            self._shown += 1
            text = f"{self._shown}/{self._models} models: model {number} is trained"
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Close the bar, which remains visible."""
        if self._bar is not None:
            self._bar.close()

    def _layout(self) -> str:
        count = f"{self._shown:{len(str(self._models))}}/{self._models} models"
        return f"{count} |{{bar}}| {{n_fmt}}/{{total_fmt}} steps, {{remaining}} left"


def find_bar_class(stream: TextIO) -> Any:
    """Return tqdm's class for `stream`; None if it is not interactive or tqdm is missing."""
    in_notebook = type(stream).__module__.startswith("ipykernel")
    if not in_notebook and not stream.isatty():
        return None
    try:
        module = "tqdm.auto" if in_notebook else "tqdm"
        tqdm = require(module, extra="progress", purpose="a progress bar").tqdm
    except ImportError:
        return None
    # Disables the monitor thread, which redraws idle bars and interferes with forks.
    return type("Bar", (tqdm,), {"monitor_interval": 0})


def _format(values: Mapping[str, float]) -> str:
    """Return text such as "loss 0.1234 (val 0.2345), accuracy ..."."""
    shown = []
    for name, value in values.items():
        if name.startswith("val_") and name.removeprefix("val_") in values:
            continue
        text = f"{name} {_number(value)}"
        if f"val_{name}" in values:
            text += f" (val {_number(values[f'val_{name}'])})"
        shown.append(text)
    return ", ".join(shown)


def _number(value: float) -> str:
    """Format `value` in six characters if possible, so that the text does not jump."""
    return f"{value:.4f}" if 1e-3 <= abs(value) < 100 else f"{value:.4g}"
