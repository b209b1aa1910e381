"""`TensorBoard`, which writes event files for TensorBoard."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import as_rows
from .._extras import require
from .._validation import boolean, integer, path_text
from .base import Callback, Logs

_OWNER = "TensorBoard"
_NAN_LOGGER = "tensorboardX.x2num"  # warns of every NaN, so of all curves of a diverged run
_MOST_WAITING = 1000  # queued events before training waits for the writer


class TensorBoard(Callback):
    """Write metrics, and statistics of parameters and outputs, for TensorBoard.

    At the end of each epoch, all values of the history are written under their names (``"loss"``,
    ``"val_loss"``, ...), and ``"learning_rate"``. For every parameter, such as ``"0.weight"``, the
    mean, ``stddev = sqrt(mean((v - mean)^2))``, maximum and minimum of its elements are written
    (``"0.weight/mean"``, ...), and a histogram. The horizontal axis is the number of updates over
    successive calls of `fit`.

    Parameters
    ----------
    log_dir : path-like
        Folder of the event files; each call of `fit` adds one. Display them with
        ``tensorboard --logdir LOG_DIR``.
    every : int, optional
        Number of updates between writes of parameters, outputs and the learning rate; by default
        they are written once per epoch. Each write then includes ``"steps/loss"`` and, if compiled,
        ``"steps/accuracy"`` of the updates since the last one.
    histograms : bool, default True
        Whether to write histograms. Tensors with non-finite elements have no histogram.
    activations : array_like of shape ``(n, *input_shape)``, optional
        A few samples. The outputs of each layer for them, as in `predict`, are written like
        parameters (``"0/output/mean"``, ...).

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid. The shape of the samples is checked when training begins.
    ImportError
        If tensorboardX is not installed.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        *,
        every: int | None = None,
        histograms: bool = True,
        activations: npt.ArrayLike | None = None,
    ) -> None:
        self.log_dir = path_text(_OWNER, "log_dir", log_dir)
        if not self.log_dir:
            raise ValueError(f"{_OWNER}: log_dir must name a folder, got ''")
        self.steps_between = None if every is None else integer(_OWNER, "every", every, minimum=1)
        self.histograms = boolean(_OWNER, "histograms", histograms)
        self.activations = None if activations is None else _checked_samples(activations)
        tensorboardx = require("tensorboardX", extra="tensorboard", purpose=_OWNER)
        self._writer_class = tensorboardx.SummaryWriter
        self._writer: Any = None
        self._rate_written = -1  # number of updates at the last write

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open an event file."""
        self.close()
        self._rate_written = -1
        self._check_shape()
        # tensorboardX names files by the second, and would overwrite a file of the same name.
        suffix = f".{time.time_ns()}"
        self._writer = self._writer_class(
            self.log_dir, filename_suffix=suffix, max_queue=_MOST_WAITING
        )

    def on_steps(self, steps: int, logs: Logs | None = None) -> None:
        """Write loss and metrics of the updates since the last call, and all tensors."""
        self._write_scalars({f"steps/{name}": value for name, value in (logs or {}).items()}, steps)
        self._write_rate(steps)
        self._write_tensors(steps)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the values of the history, and all tensors if `every` is None."""
        steps = self.model.steps_trained
        self._write_scalars(logs or {}, steps)
        self._write_rate(steps)
        if self.steps_between is None:
            self._write_tensors(steps)

    def close(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _check_shape(self) -> None:
        shape = self.model.input_shape
        assert shape is not None  # known during training
        if self.activations is not None and self.activations.shape[1:] != shape:
            expected = ", ".join(["n", *map(str, shape)])
            raise ValueError(
                f"{_OWNER}: activations must have shape ({expected}), got {self.activations.shape}"
            )

    def _write_scalars(self, values: Logs, steps: int) -> None:
        with _silent(_NAN_LOGGER):
            for name, value in values.items():
                self._writer.add_scalar(name, value, steps)

    def _write_rate(self, steps: int) -> None:
        if steps != self._rate_written:  # on_steps may have written it already
            self._write_scalars({"learning_rate": self.model.learning_rate}, steps)
            self._rate_written = steps

    def _write_tensors(self, steps: int) -> None:
        tensors = dict(self.model.parameters())
        if self.activations is not None:
            found = self.model.trace(self.activations).items()
            tensors |= {f"{n.removesuffix('.a')}/output": v for n, v in found if n.endswith(".a")}
        for name, values in tensors.items():
            statistics = _statistics(values)
            self._write_scalars({f"{name}/{key}": v for key, v in statistics.items()}, steps)
            # tensorboardX ignores values outside its bins and fails on NaN.
            largest = max(abs(statistics["max"]), abs(statistics["min"]))
            if self.histograms and largest <= self._writer.default_bins[-1]:
                self._writer.add_histogram(name, values, steps)


@contextlib.contextmanager
def _silent(logger: str) -> Iterator[None]:
    """Disable a logger within the context."""
    import logging  # slow to import

    log = logging.getLogger(logger)
    before = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = before


def _statistics(values: npt.NDArray[Any]) -> dict[str, float]:
    """Return the statistics of TensorFlow's tutorials, computed in float64."""
    wide = values.astype(np.float64)
    with np.errstate(all="ignore"):  # diverged runs have infinite statistics
        return {
            "mean": float(wide.mean()),
            "stddev": float(wide.std()),
            "max": float(wide.max()),
            "min": float(wide.min()),
        }


def _checked_samples(activations: npt.ArrayLike) -> npt.NDArray[Any]:
    samples = as_rows(_OWNER, "activations", activations)
    if samples.dtype.kind not in "fiub":
        raise TypeError(f"{_OWNER}: activations must hold real numbers, got dtype {samples.dtype}")
    if samples.size == 0:
        raise ValueError(f"{_OWNER}: activations must have at least one row, got {samples.shape}")
    # A copy, so that later changes have no effect; integers stay integers, as in training.
    return samples.astype(np.float64) if samples.dtype.kind == "f" else samples.copy()
