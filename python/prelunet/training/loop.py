"""The training loop: epochs, validation and callbacks. Training steps run in C++."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import as_rows, as_samples
from .._validation import boolean, choice, integer, real
from ..callbacks import Callback, ProgressBar, overrides
from ..callbacks.base import TrainedModel
from ..engine import Engine
from ..history import History
from ..row_sources import is_source
from . import prepare, prepare_blocks
from .block_order import BlockOrder
from .data import Data, Floats, checked_batch_size
from .subset import copied_rows, prepare_rows

if TYPE_CHECKING:
    from .block_data import BlockData
    from .ranks import Ranks

Array = npt.NDArray[Any]
_SLICE_SECONDS = 0.1  # training time between two progress updates
_CALL_STEPS = 1 << 16  # maximum steps per call into C++; bounds the array of learning rates


def fit(engine: Engine, prepare: Callable[[], FitLoop]) -> History:
    """Train the engine by the loop that `prepare` returns; see `Sequential.fit`."""
    with engine.undoing_build():
        return prepare().run()


def prepared(
    model: TrainedModel,
    engine: Engine,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    epochs: int,
    batch_size: int | None,
    validation_data: Sequence[npt.ArrayLike] | None,
    validation_split: float,
    validation_freq: int,
    shuffle: bool | str,
    drop_last: bool,
    sample_weight: npt.ArrayLike | None,
    class_weight: Mapping[int, float] | str | None,
    verbose: bool | int | str,
    callbacks: Sequence[Callback] | None,
    ranks: Ranks | None = None,
    rows: npt.NDArray[np.int64] | None = None,
) -> FitLoop:
    """Check all arguments of `fit` and return its loop.

    `ranks` train together. `rows` are the numbers of the rows to train on; None means all.
    """
    epochs = integer("fit", "epochs", epochs, minimum=0)
    in_blocks = isinstance(shuffle, str)
    if isinstance(shuffle, str):
        choice("fit", "shuffle (unless a bool)", shuffle, ("blocks",))
    else:
        boolean("fit", "shuffle", shuffle)
    reads_blocks = in_blocks or not shuffle
    boolean("fit", "drop_last", drop_last)
    validation_freq = integer("fit", "validation_freq", validation_freq, minimum=1)
    share = real("fit", "validation_split", validation_split, minimum=0.0, exclusive_maximum=1.0)
    if share and validation_data is not None:
        raise ValueError("fit: validation_split must be 0 where validation_data is given")
    if rows is not None and (share or in_blocks):
        X, y, sample_weight = copied_rows(X, y, sample_weight, rows)
        rows = None
    if share:
        if reads_blocks and any(is_source(v, mapped=in_blocks) for v in (X, y)):
            raise ValueError(
                "fit: validation_split must be 0 where rows are read in blocks, got "
                f"{validation_split}; use validation_data"
            )
        X, y, sample_weight, validation_data = _hold_out(X, y, sample_weight, share)
    every = [*_callbacks(callbacks), *_progress(verbose)]
    if ranks is not None and ranks.rank > 0:
        every = []  # those of rank 0 act for all
    with engine.building():
        given = (X, y, sample_weight, class_weight)
        data: Data | BlockData
        if ranks is not None:
            from .shared_data import prepare_shared  # rarely needed

            data = prepare_shared(ranks, engine, batch_size, *given, in_blocks=in_blocks)
        elif rows is not None:
            data = prepare_rows(engine, *given, rows)
        elif reads_blocks:
            data = prepare_blocks(engine, "fit", *given, mapped=in_blocks)
        else:
            data = prepare(engine, "fit", *given)
        validation = None if validation_data is None else _validation(engine, validation_data)
        size = checked_batch_size("fit", batch_size, data.count)
    return FitLoop(
        *(model, engine, data, validation, size, shuffle, epochs, every, validation_freq),
        drop_last=drop_last,
    )


class TrainingData(Protocol):
    """Training data of the loop; `Data` implements it."""

    count: int

    def train(
        self, order: Array | None, batch_size: int, sums: Sequence[_core.Totals], *, steps: int
    ) -> None:
        """Make `steps` updates over the rows in `order`; add the totals of each step to `sums`."""

    def logs(self, sums: _core.Totals) -> dict[str, float]:
        """Convert the totals of several steps to the loss and the metrics, by name."""

    def warn_not_finite(self, where: str, loss: float) -> None:
        """Warn that a loss is not finite, naming the columns of X that are not."""


class ValidationData(Protocol):
    """Validation data of the loop."""

    def evaluate(self) -> dict[str, float]:
        """Return the loss and the metrics, by name."""


@dataclass(eq=False, repr=False)
class WatchedLoop:
    """One training run on checked arguments, with callbacks."""

    model: TrainedModel
    engine: Engine
    data: TrainingData
    validation: ValidationData | None
    batch_size: int
    shuffle: bool | str
    epochs: int
    callbacks: Sequence[Callback]
    validation_freq: int = 1
    drop_last: bool = False

    def __post_init__(self) -> None:
        """Set the fields derived from the arguments."""
        data, batch_size, callbacks = self.data, self.batch_size, self.callbacks
        self.steps = math.ceil(data.count / batch_size)
        self.drops = self.drop_last and self.steps > 1 and data.count % batch_size > 0
        self.steps -= int(self.drops)
        self.begin = self.engine.steps  # updates before the run
        compiled = self.engine.compiled
        self._averages = compiled is not None and compiled.optimizer.use_ema
        self.history = History()
        self._hooks: dict[str, list[Callable[..., None]]] = {}
        self.batch_hooks = self._wants("on_train_batch_begin") or self._wants("on_train_batch_end")
        self.progress = self._wants("on_epoch_progress")
        # Steps per call into C++: a whole epoch, or 1 with batch hooks. With progress only, it
        # starts at 1 and changes until a call takes _SLICE_SECONDS.
        self.slice = self.steps if not self.progress and not self.batch_hooks else 1
        self.longest_slice = self.steps
        self.steps_hooks = [
            _StepsHook(c, c.steps_between) for c in callbacks if c.steps_between is not None
        ]
        self._warned = False  # whether a loss was not finite

    def run(self) -> History:
        """Train, then close all callbacks, even after an error."""
        with self.engine.core.fitting("fit"):
            try:
                self.engine.span = (self.begin, self.epochs * self.steps)
                self.model.stop_training = False
                params = {
                    "epochs": self.epochs,
                    "steps": self.steps,
                    "validation_freq": self.validation_freq,
                }
                for callback in self.callbacks:
                    callback.set_model(self.model)
                    callback.set_params(params)
                self._epochs()
            finally:
                self._show_averages(False)
                self.engine.span = None
                for callback in self.callbacks:
                    callback.close()
        return self.history

    def settings(self) -> dict[str, Any] | None:
        """Return None, since only runs of `Sequential.fit` can be resumed."""
        return None

    def get_state(self) -> dict[str, Any]:
        """Return the history, and the totals since the last `on_steps` of each callback."""
        sums = [hook.get_state() for hook in self.steps_hooks]
        return {"history": self.history.to_dict(), "sums": sums, "begin": self.begin}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `get_state` returned; if this raises, the run is unchanged."""
        history = History(state["history"])
        kept = [(every, _checked_sums(sums)) for every, sums in state["sums"]]
        self.begin = integer("fit", "state['begin']", state["begin"], minimum=0)
        self.engine.span = (self.begin, self.epochs * self.steps)
        self.engine.shows_averages = self._averages  # as at the end of an epoch
        self.history = history
        for hook, (every, sums) in zip(self.steps_hooks, kept, strict=False):
            hook.set_state(every, sums)

    def _epochs(self) -> None:
        self._call("on_train_begin")
        self._call("restore_run", self)
        # A restored run has a history and may already have been stopped.
        for epoch in range(len(self.history.epochs), self.epochs):
            if self.model.stop_training:
                break
            self._show_averages(False)
            self._call("on_epoch_begin", epoch)
            logs = self._epoch()
            self.engine.epochs_trained += 1
            self._show_averages(True)
            if self.validation is not None and (epoch + 1) % self.validation_freq == 0:
                validated = self.validation.evaluate()
                logs |= {f"val_{name}": value for name, value in validated.items()}
            self.history.append(logs)
            self._warn_not_finite([logs["loss"]])
            self._call("on_epoch_end", epoch, logs)
            self._show_averages(True)  # a callback may have made updates
            self._call("keep_run", self)
        self._keep_averages()
        self._call("on_train_end")

    def _warn_not_finite(self, losses: Sequence[float]) -> None:
        """Warn about the first loss that is not finite; `losses` end the history."""
        if self._warned or math.isfinite(sum(losses)):
            return
        place = next((p for p, loss in enumerate(losses) if not math.isfinite(loss)), None)
        if place is not None:  # else the sum overflowed
            self._warned = True
            epoch = len(self.history.epochs) - len(losses) + place + 1
            self.data.warn_not_finite(f"fit: epoch {epoch}", losses[place])

    def _show_averages(self, show: bool) -> None:
        """Exchange the parameters and their averages, if the optimizer has these."""
        if self._averages and self.engine.steps:
            self.engine.show_averages(show)

    def _keep_averages(self) -> None:
        """Replace the parameters by their averages, at the end of a run with an epoch."""
        self._show_averages(False)
        if self._averages and self.engine.steps and self.history.epochs:
            self.engine.core.swap_mean(False)

    def _order(self) -> Array | BlockOrder | None:
        """Return the row order of the next epoch; None for the order of X."""
        if self.shuffle and (self.steps > 1 or self.drops):
            return _core.row_order(self.engine.seed, self.engine.epochs_trained, self.data.count)
        if self.drops or (self.steps > 1 and (self.slice < self.steps or self.steps_hooks)):
            return np.arange(self.data.count)  # so that slices can index it
        return None

    def _epoch(self) -> dict[str, float]:
        order = self._order()
        totals = _core.Totals()
        done = 0
        # If on_epoch_begin sets stop_training, training ends after this epoch.
        stops_after = self.model.stop_training
        while done < self.steps and (stops_after or not self.model.stop_training):
            count = min(self.slice, self.steps - done, *self._steps_to_hooks())
            rows = slice(done * self.batch_size, (done + count) * self.batch_size)
            if self.batch_hooks:
                self._call("on_train_batch_begin", done)
            began = time.perf_counter()
            # Slice lengths depend on timing. The totals are added step by step, not slice by
            # slice, so that their bits do not depend on slice lengths.
            self.data.train(
                None if order is None else order[rows],
                self.batch_size,
                [totals, *(hook.totals for hook in self.steps_hooks)],
                steps=count,
            )
            seconds = time.perf_counter() - began
            done += count
            if self.batch_hooks:
                self._call("on_train_batch_end", done - 1, self.data.logs(totals))
            elif count == self.slice < self.steps:  # times of shorter slices are unreliable
                self.slice = _next_slice(count, seconds, self.longest_slice)
            if self.steps_hooks:
                self._call_steps_hooks()
            if self.progress:
                self._call("on_epoch_progress", done, self.steps, self.data.logs(totals))
        return self.data.logs(totals)

    def _steps_to_hooks(self) -> Iterator[int]:
        made = self.model.steps_trained
        return (hook.every - made % hook.every for hook in self.steps_hooks)

    def _call_steps_hooks(self) -> None:
        made = self.model.steps_trained
        for hook in self.steps_hooks:
            if made % hook.every == 0:
                logs = self.data.logs(hook.totals)
                hook.totals = _core.Totals()
                hook.callback.on_steps(made, logs)

    def _wants(self, hook: str) -> bool:
        return bool(self._methods(hook))

    def _call(self, hook: str, *arguments: object) -> None:
        for method in self._methods(hook):
            method(*arguments)

    def _methods(self, hook: str) -> list[Callable[..., None]]:
        """Return the callbacks' overrides of a hook; cached, since epochs may be short."""
        if hook not in self._hooks:
            own = (c for c in self.callbacks if overrides(c, hook))
            self._hooks[hook] = [getattr(callback, hook) for callback in own]
        return self._hooks[hook]


class FitLoop(WatchedLoop):
    """One call of `Sequential.fit`."""

    data: Data | BlockData
    validation: Data | BlockData | None

    def __post_init__(self) -> None:
        """Set the fields derived from the arguments."""
        super().__post_init__()
        self.in_blocks = isinstance(self.shuffle, str) or not isinstance(self.data, Data)
        if self.in_blocks:  # a call trains on at most a group, to bound the array of row numbers
            steps = self._block_order().group_rows // self.batch_size
            self.longest_slice = min(self.longest_slice, steps)
            self.slice = min(self.slice, steps)

    def settings(self) -> dict[str, Any]:
        """Return, as JSON values, the arguments of `fit` that affect steps or history."""
        validation = None if self.validation is None else self.validation.fingerprint()
        return {
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
            "validation_freq": self.validation_freq,
            "data": self.data.fingerprint(),
            "validation_data": validation,
        }

    def _epochs(self) -> None:
        watched = self.callbacks or self.validation is not None or self.data.has_metric_functions
        unwatched = isinstance(self.data, Data) and self.data.whole_epochs
        if watched or self.drops or self.in_blocks or not unwatched:
            try:
                super()._epochs()
            finally:
                if not isinstance(self.data, Data):
                    self.data.close()
        else:
            self._unwatched_epochs()
            self._keep_averages()

    def _epoch(self) -> dict[str, float]:
        return super()._epoch() | self.data.metric_functions()

    def _order(self) -> Array | BlockOrder | None:
        if not self.in_blocks:
            return super()._order()
        order = self._block_order()
        if not isinstance(self.data, Data):
            self.data.begin_epoch(order)
        return order

    def _block_order(self) -> BlockOrder:
        shuffle = bool(self.shuffle) and (self.steps > 1 or self.drops)
        seed, epoch = self.engine.seed, self.engine.epochs_trained
        return BlockOrder(seed, epoch, self.data.shape, self.batch_size, shuffle=shuffle)

    def _unwatched_epochs(self) -> None:
        """Train without callbacks, with many epochs per call into C++."""
        assert isinstance(self.data, Data)
        most = max(1, _CALL_STEPS // self.steps)
        for begin in range(0, self.epochs, most):
            totals = np.zeros((min(most, self.epochs - begin), 3))
            self.data.train_epochs(bool(self.shuffle), self.batch_size, totals)
            found = self.data.history(totals)
            self.history.extend(found)
            self._warn_not_finite(found["loss"])


class _StepsHook:
    """A callback with `on_steps`, its interval `every`, and the totals since its last call."""

    def __init__(self, callback: Callback, every: int) -> None:
        self.callback = callback
        self.every = every
        self.totals = _core.Totals()

    def get_state(self) -> list[Any]:
        """Return `every` and the totals, for a checkpoint."""
        totals = self.totals
        return [self.every, np.array([totals.loss, totals.correct, totals.rows])]

    def set_state(self, every: int, sums: Floats) -> None:
        """Restore the totals that `get_state` returned, unless `every` has changed."""
        if self.every == every:
            self.totals = _core.Totals()
            self.totals.add(*sums)


def _checked_sums(sums: object) -> Floats:
    if not isinstance(sums, np.ndarray) or sums.shape != (3,) or sums.dtype != np.float64:
        raise TypeError(f"sums must be an array of three float64, got {sums!r}")
    return sums


def _next_slice(count: int, seconds: float, most: int) -> int:
    wanted = count * _SLICE_SECONDS / max(seconds, 1e-6)
    return int(min(max(wanted, 1.0), 4.0 * count, most))


def _callbacks(callbacks: Sequence[Callback] | None) -> Sequence[Callback]:
    if callbacks is None:
        return ()
    if not isinstance(callbacks, Sequence):
        raise TypeError(f"fit: callbacks must be a list of Callbacks, got {callbacks!r}")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"fit: callbacks must be Callbacks, got {callback!r}")
        if callback.steps_between is not None:
            name = f"{type(callback).__name__}.steps_between"
            integer("fit", name, callback.steps_between, minimum=1)
    return callbacks


def _progress(verbose: bool | int | str) -> list[Callback]:
    """Return the progress bar of `verbose`, if any."""
    stream = sys.stderr
    if isinstance(verbose, str):
        choice("fit", "verbose (unless a number)", verbose, ("auto",))
        verbose = stream is not None and (
            stream.isatty() or type(stream).__module__.startswith("ipykernel")
        )
    elif not isinstance(verbose, (bool, np.bool_)):
        verbose = integer("fit", "verbose (unless 'auto')", verbose, minimum=0, maximum=2)
    if not verbose or stream is None:  # programs without a console
        return []
    return [ProgressBar(lines=int(verbose) == 2)]


def _hold_out(
    X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None, share: float
) -> tuple[Array, Array, Array | None, tuple[Array, ...]]:
    """Split off the last rows for validation."""
    x_rows, y_rows = as_samples("fit", "X", X), as_rows("fit", "y", y)
    count = x_rows.shape[0]
    kept = count - round(count * share)
    if not 0 < kept < count:
        raise ValueError(
            f"fit: validation_split must leave rows in both parts of {count} rows, got {share}"
        )
    if sample_weight is None:
        return x_rows[:kept], y_rows[:kept], None, (x_rows[kept:], y_rows[kept:])
    weights = as_rows("fit", "sample_weight", sample_weight)
    held = (x_rows[kept:], y_rows[kept:], weights[kept:])
    return x_rows[:kept], y_rows[:kept], weights[:kept], held


def _validation(engine: Engine, given: Sequence[npt.ArrayLike]) -> Data | BlockData:
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise ValueError("fit: validation_data must be (X, y) or (X, y, sample_weight)")
    return prepare_blocks(engine, "fit: validation_data", *given)
