"""`Data`: rows and targets that are checked once, and the training steps on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import as_rows, as_samples, fingerprint
from .._validation import integer
from ..compiled import Compiled
from ..engine import Engine, Tape
from .divergence import column_labels, warn_not_finite
from .targets import as_targets, class_factors

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
_HELPS = (
    "a smaller learning rate, the optimizer's clip_norm, or columns of X scaled to mean 0 and "
    "standard deviation 1 may help"
)


def checked_batch_size(operation: str, batch_size: int | None, rows: int) -> int:
    """Return the number of rows per step, at most `rows`; None means all rows."""
    if batch_size is None:
        return rows
    return min(integer(operation, "batch_size (unless None)", batch_size, minimum=1), rows)


def checked_order(operation: str, order: npt.ArrayLike, rows: int) -> Array:
    """Return `order` as an array of row indices, checked against the number of rows."""
    numbers = as_rows(operation, "order", order)
    if numbers.ndim != 1 or len(numbers) == 0:
        raise ValueError(
            f"{operation}: order must have shape (n,) with n at least 1, got {numbers.shape}"
        )
    if numbers.dtype.kind not in "iu":
        raise TypeError(
            f"{operation}: order must hold integers, the numbers of rows, got dtype {numbers.dtype}"
        )
    outside = (numbers < 0) | (numbers >= rows)
    if outside.any():
        place = int(outside.argmax())
        raise ValueError(
            f"{operation}: order must hold row numbers from 0 to {rows - 1}, got {numbers[place]} "
            f"in row {place}"
        )
    return numbers


def train_on_batch(
    engine: Engine,
    compiled: Compiled,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
) -> dict[str, float]:
    """Make one update in a single call into C++, which also checks the data.

    This is the fast path for loops of single steps. The engine must be built, and its loss must not
    be a Python function.
    """
    core = engine.core
    rows = as_rows("train_on_batch", "X", X)
    targets = as_rows("train_on_batch", "y", y)
    if len(targets) != len(rows):
        core.rows("train_on_batch", rows)  # an error of X comes first
        _check_count("train_on_batch", targets, len(rows))
    targets = as_targets("train_on_batch", targets, loss=compiled.loss, outputs=core.outputs)
    if sample_weight is not None:
        sample_weight = as_rows("train_on_batch", "sample_weight", sample_weight)
    value, correct = core.train_on_batch(rows, targets, sample_weight, engine.start_step())
    logs = {"loss": value}
    if compiled.counts_accuracy(targets):
        logs["accuracy"] = correct / (len(rows) * core.answers_per_row)
    return logs


def _check_count(operation: str, y: Array, count: int) -> None:
    """Check the number of targets, before their values are read."""
    if len(y) != count:
        raise ValueError(f"{operation}: y must have as many rows as X, {count}, got {len(y)}")


class Data:
    """Checked rows and targets, for any number of training steps.

    The engine is compiled; the first data that pass the checks build it. `operation` is the name
    of the caller, for messages. `targets` is None if a Python function computes the loss, `count`
    is the number of rows, and `shape` the shape of X. `numbers` are the rows of X to train on; None
    means all. `whole_epochs` tells whether `train_epochs` may be called.
    """

    numbers: npt.NDArray[np.int64] | None = None
    whole_epochs = True

    def __init__(
        self,
        engine: Engine,
        operation: str,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: Mapping[int, float] | str | None = None,
    ) -> None:
        self.engine = engine
        self._compiled = engine.record(operation)
        with engine.building():
            self._X = as_samples(operation, "X", X)
            self.rows = engine.rows(operation, self._X)
            self.count, self.shape = self.rows.count, self._X.shape
            targets = as_rows(operation, "y", y)
            _check_count(operation, targets, self.count)
            self._y = self._checked_y(operation, targets)
            self.targets = self._targets(operation, sample_weight, class_weight)
        self._given = {"X": X, "y": y, "sample_weight": sample_weight}
        self._class_weight = class_weight
        self.loss_is_sum = self._compiled.loss.reduction == "sum"
        self._counts_accuracy = self._compiled.counts_accuracy(self._y)
        self._answers = engine.core.answers_per_row

    def _checked_y(self, operation: str, y: Array) -> Array:
        outputs = self.engine.core.outputs
        return as_targets(operation, y, loss=self._compiled.loss, outputs=outputs)

    def _engine_targets(
        self, operation: str, weights: Array | None, name: str = "sample_weight"
    ) -> _core.Targets | None:
        return self.engine.core.targets(operation, self._y, weights, name)

    def _targets(
        self,
        operation: str,
        sample_weight: npt.ArrayLike | None,
        class_weight: Mapping[int, float] | str | None,
    ) -> _core.Targets | None:
        if self.count == 0:
            raise ValueError(f"{operation}: X must have at least one row, got none")
        weights = None
        if sample_weight is not None:
            weights = as_rows(operation, "sample_weight", sample_weight)
        targets = self._engine_targets(operation, weights)
        if class_weight is None:
            return targets
        loss, outputs = self._compiled.loss, self.engine.core.outputs
        factors = class_factors(operation, self._y, class_weight, loss=loss, outputs=outputs)
        if weights is None:
            return self._engine_targets(operation, factors, "class_weight")
        with np.errstate(over="ignore", under="ignore"):  # the engine rejects such products
            product = weights * factors
        lost = int(((product == 0.0) & (weights > 0.0) & (factors > 0.0)).sum())
        if lost:
            raise ValueError(
                f"{operation}: sample_weight times class_weight must not underflow, got 0 in "
                f"{lost} rows of two positive weights"
            )
        return self._engine_targets(operation, product, "sample_weight times class_weight")

    def fingerprint(self) -> dict[str, Any]:
        """Return checksums that identify the rows, targets and weights, as JSON values."""
        found: dict[str, Any] = {
            name: None if value is None else fingerprint(as_samples("fit", name, value))
            for name, value in self._given.items()
        }
        weights = self._class_weight
        if isinstance(weights, Mapping):
            weights = repr({int(label): float(weight) for label, weight in weights.items()})
        return found | {"class_weight": weights}

    def train(
        self, order: Array | None, batch_size: int, sums: Sequence[_core.Totals], *, steps: int
    ) -> None:
        """Make `steps` updates over the rows in `order`; add the totals of each step to `sums`."""
        rates, core = self.engine.learning_rates(steps), self.engine.core
        if self.numbers is not None:
            order = self.numbers if order is None else self.numbers[order]
        core.train(self.rows, self._own_targets(), order, batch_size, rates, sums)

    def train_epochs(self, shuffle: bool, batch_size: int, totals: Floats) -> None:
        """Train for whole epochs; store loss, correct predictions and rows of each in `totals`."""
        engine = self.engine
        key = (engine.seed, engine.epochs_trained) if shuffle else None
        rates = engine.learning_rates(len(totals) * math.ceil(self.count / batch_size))
        targets = self._own_targets()
        try:
            engine.core.train_epochs(
                *(self.rows, targets, key, batch_size, rates, totals), subset=self.numbers
            )
        finally:
            engine.epochs_trained += int((totals[:, 2] == self.count).sum())

    def _own_targets(self) -> _core.Targets:
        assert self.targets is not None  # None only in FunctionData
        return self.targets

    def history(self, totals: Floats) -> dict[str, list[float]]:
        """Return the loss and accuracy of each row of `totals`, by name."""
        loss, correct, rows = totals.T
        history = {"loss": (loss if self.loss_is_sum else loss / rows).tolist()}
        if self._counts_accuracy:
            history["accuracy"] = (correct / (rows * self._answers)).tolist()
        return history

    def logs(self, sums: _core.Totals) -> dict[str, float]:
        """Convert the totals of several steps to the loss and the accuracy, by name."""
        logs = {"loss": sums.loss if self.loss_is_sum else sums.loss / max(sums.rows, 1.0)}
        if self._counts_accuracy:
            logs["accuracy"] = sums.correct / max(sums.rows * self._answers, 1.0)
        return logs

    def warn_not_finite(self, where: str, loss: float) -> None:
        """Warn that a loss is not finite, naming the columns of X that are not."""
        labels, dtype = column_labels(self._given["X"]), self.engine.variable_dtype
        X = self._X if self.numbers is None else self._X[self.numbers]
        warn_not_finite(where, loss, X, labels, dtype, helps=_HELPS)

    def evaluate(self) -> dict[str, float]:
        """Return the loss and the metrics of all rows as one batch."""
        return self.loss_and_accuracy() | self.metric_functions()

    def loss_and_accuracy(self) -> dict[str, float]:
        """Return the loss of all rows as one batch and, if compiled, the accuracy."""
        totals = self.engine.core.evaluate(self.rows, self._own_targets())
        logs = {"loss": totals.loss}
        if self._counts_accuracy:
            logs["accuracy"] = totals.correct / (totals.rows * self._answers)
        return logs

    def loss_and_gradients(self) -> tuple[float, Sequence[Array]]:
        """Return the loss of all rows as one batch and its gradients by trainable parameter."""
        self.engine.pass_rates(1)
        totals, gradients = self.engine.core.loss_and_gradients(self.rows, self._own_targets())
        return self.logs(totals)["loss"], gradients

    def backward(self, tape: Tape) -> Array:
        """Backpropagate the loss through a tape of all rows; return the gradient of X."""
        return np.asarray(tape.backward_from_loss()[0])

    @property
    def has_metric_functions(self) -> bool:
        """Whether any metric is a Python function."""
        return bool(self._compiled.metric_functions)

    def metric_functions(self) -> dict[str, float]:
        """Return the values of the metrics that are Python functions."""
        if not self.has_metric_functions:
            return {}
        return self.metrics_of(self.engine.core.predict(self.rows))

    def metrics_of(self, outputs: Array) -> dict[str, float]:
        """Return the values of the metrics that are Python functions, for given outputs."""
        wanted, y = self._compiled.metric_functions, self._y
        if y.ndim == 1 and outputs.shape[1] == 1:  # y - outputs must not broadcast
            y = y[:, np.newaxis]
        return {name: float(function(y, outputs)) for name, function in wanted.items()}
