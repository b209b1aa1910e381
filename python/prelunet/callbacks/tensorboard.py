"""TensorBoard."""

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
from .._validation import boolean, integer
from .base import Callback, Logs

_OWNER = "TensorBoard"
_NAN_LOGGER = "tensorboardX.x2num"  # warns of each NaN: of all curves, once a run has diverged
_MOST_WAITING = 1000  # curves and histograms that training need not see written


class TensorBoard(Callback):
    """Write what TensorBoard shows: curves of training, and how parameters and outputs move.

    At the end of each epoch, all that the history gets is written under its names (``"loss"``,
    ``"val_loss"``, ...), with ``"learning_rate"``. For every parameter, ``"0.weight"`` say, there
    are curves of its elements' mean, ``stddev = sqrt(mean((v - mean)^2))``, maximum and minimum
    (``"0.weight/mean"``, ...) and a histogram. The horizontal axis counts updates, over successive
    calls of `fit`.

    Parameters
    ----------
    log_dir : path-like
        The folder of the event files; each call of `fit` adds one. Show them by
        ``tensorboard --logdir LOG_DIR``.
    every : int, optional
        Write parameters, outputs and the learning rate each so many updates, not once an epoch;
        with ``"steps/loss"`` and, where compiled, ``"steps/accuracy"``: those of the updates since
        the last time.
    histograms : bool, default True
        Whether to write histograms, beside the curves. A tensor with elements that are not finite
        has none.
    activations : array_like of shape (n, *input_shape), optional
        A few samples: the output of each layer on them, as `predict` has it, is written in the same
        way as parameters (``"0/output/mean"``, ...).

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above. The shape of samples is checked when training
        begins.
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
        self.log_dir = _checked_folder(log_dir)
        self.steps_between = None if every is None else integer(_OWNER, "every", every, minimum=1)
        self.histograms = boolean(_OWNER, "histograms", histograms)
        self.activations = None if activations is None else _checked_samples(activations)
        tensorboardx = require("tensorboardX", extra="tensorboard", purpose=_OWNER)
        self._writer_class = tensorboardx.SummaryWriter
        self._writer: Any = None
        self._rate_written = -1  # at how many updates

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin a file."""
        self.close()
        self._rate_written = -1
        self._check_shape()
        # tensorboardX names a file after the second, and a file of the same name would be lost.
        suffix = f".{time.time_ns()}"
        self._writer = self._writer_class(
            self.log_dir, filename_suffix=suffix, max_queue=_MOST_WAITING
        )

    def on_steps(self, steps: int, logs: Logs | None = None) -> None:
        """Write what the updates since the last call came to, and all tensors."""
        self._write_scalars({f"steps/{name}": value for name, value in (logs or {}).items()}, steps)
        self._write_rate(steps)
        self._write_tensors(steps)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write what the history gets, and all tensors where `every` is None."""
        steps = self.model.steps_trained
        self._write_scalars(logs or {}, steps)
        self._write_rate(steps)
        if self.steps_between is None:
            self._write_tensors(steps)

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _check_shape(self) -> None:
        shape = self.model.input_shape
        assert shape is not None  # training has data
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
        if steps != self._rate_written:  # an epoch may end where `every` has just written
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
            # Past its outermost bins tensorboardX counts nothing, and fails at NaN.
            largest = max(abs(statistics["max"]), abs(statistics["min"]))
            if self.histograms and largest <= self._writer.default_bins[-1]:
                self._writer.add_histogram(name, values, steps)


@contextlib.contextmanager
def _silent(logger: str) -> Iterator[None]:
    """Keep a logger from writing for a while."""
    import logging  # it takes long, and only writing needs it

    log = logging.getLogger(logger)
    before = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = before


def _statistics(values: npt.NDArray[Any]) -> dict[str, float]:
    """Return what TensorFlow's tutorials write of a variable, in float64."""
    wide = values.astype(np.float64)
    with np.errstate(all="ignore"):  # a run that diverges is shown as it is
        return {
            "mean": float(wide.mean()),
            "stddev": float(wide.std()),
            "max": float(wide.max()),
            "min": float(wide.min()),
        }


def _checked_folder(log_dir: object) -> str:
    folder = os.fspath(log_dir) if isinstance(log_dir, os.PathLike) else log_dir
    if not isinstance(folder, str):
        raise TypeError(f"{_OWNER}: log_dir must be a str or a PathLike of one, got {log_dir!r}")
    if not folder:
        raise ValueError(f"{_OWNER}: log_dir must name a folder, got ''")
    return folder


def _checked_samples(activations: npt.ArrayLike) -> npt.NDArray[Any]:
    samples = as_rows(_OWNER, "activations", activations)
    if samples.dtype.kind not in "fiub":
        raise TypeError(f"{_OWNER}: activations must hold real numbers, got dtype {samples.dtype}")
    if samples.size == 0:
        raise ValueError(f"{_OWNER}: activations must have at least one row, got {samples.shape}")
    # A copy, that later changes do not reach; integers stay what layers.Rescaling expects.
    return samples.astype(np.float64) if samples.dtype.kind == "f" else samples.copy()
