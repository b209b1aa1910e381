"""Steps over rows and targets that were checked once: what the training loop is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ._arrays import are_classes, as_rows, as_targets, class_factors, fingerprint
from ._validation import choice, integer
from .losses import FunctionLoss, Huber, Loss, SoftmaxCrossEntropy
from .ops import LOSSES
from .optimizers import SGD, Adam, Optimizer
from .schedules import Constant

if TYPE_CHECKING:
    from .model import Sequential

Array = npt.NDArray[Any]
_NOT_ASKED_FOR = object()


def compile_network(
    network: Any, optimizer: Optimizer, loss: Loss, *, clip_delta: float | None
) -> None:
    """Give the engine its loss, its judge and its optimizer."""
    option = 0.0
    if isinstance(loss, SoftmaxCrossEntropy):
        option = loss.label_smoothing
    elif isinstance(loss, Huber):
        option = loss.delta
    by_output = loss.probabilities == "sigmoid" or (
        network.outputs == 1 and loss.probabilities != "softmax"
    )
    judge = "threshold" if by_output else "argmax"
    threshold = 0.0 if loss.probabilities == "sigmoid" else 0.5  # 0.5 is a logit of 0
    config: dict[str, Any] = {
        "l2": optimizer.l2,
        "weight_decay": optimizer.weight_decay,
        "decay_all": optimizer.decay_all,
        "clip_value": optimizer.clip_value or 0.0,
        "clip_norm": optimizer.clip_norm or 0.0,
    }
    if isinstance(optimizer, Adam):
        config |= {"method": "adam", "beta_1": optimizer.beta_1, "beta_2": optimizer.beta_2}
        config["epsilon"] = optimizer.epsilon
    elif isinstance(optimizer, SGD):
        config |= {"method": "sgd", "momentum": optimizer.momentum, "nesterov": optimizer.nesterov}
    else:
        raise TypeError(f"compile: optimizer must be an SGD or an Adam, got {optimizer!r}")
    # A function of Python's is asked for beside the engine, which needs a loss to hold meanwhile.
    name = "mean_squared_error" if isinstance(loss, FunctionLoss) else loss.name
    choice("compile", "loss's name", name, LOSSES)
    network.compile(name, option, judge, threshold, config, clip_delta or 0.0)


def checked_batch_size(operation: str, batch_size: int | None, rows: int) -> int:
    """Return the rows of a step: at most all, which is what None stands for."""
    if batch_size is None:
        return rows
    return min(integer(operation, "batch_size (unless None)", batch_size, minimum=1), rows)


def checked_order(operation: str, order: npt.ArrayLike, rows: int) -> Array:
    """Return the numbers of rows in the order wanted, all of rows that are there."""
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
    model: Sequential,
    loss: Loss,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
) -> dict[str, float]:
    """Make one update, all checks in one call into C++: for loops that make one after another."""
    network = model._network
    rows = as_rows("train_on_batch", "X", X)
    targets = as_targets("train_on_batch", y, loss=loss, outputs=network.outputs)
    if sample_weight is not None:
        sample_weight = as_rows("train_on_batch", "sample_weight", sample_weight)
    value, right = network.train_on_batch(rows, targets, sample_weight, model.learning_rate)
    logs = {"loss": value}
    if _judges(model, loss, targets):
        logs["accuracy"] = right / (len(rows) * network.answers_per_row)
    return logs


def _judges(model: Sequential, loss: Loss, y: Array) -> bool:
    """Return whether the engine's count of right answers is wanted and has a meaning."""
    counted = model._metrics.get("accuracy", _NOT_ASKED_FOR) is None  # not a function of that name
    return counted and (not loss.regression or are_classes(y))


class Data:
    """Rows and targets, checked once and held for as many steps as are wanted."""

    def __init__(
        self,
        model: Sequential,
        operation: str,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: Mapping[int, float] | str | None = None,
    ) -> None:
        loss = model._compiled(operation)
        self.model = model
        with model._unbuilt_again_on_error():
            self.rows = model._rows(operation, X)
            self.network = model._built()
            self.count = int(self.rows.count)
            self._y = self._checked_y(operation, y, loss)
            self.targets = self._targets(operation, sample_weight, class_weight)
        self._given = {"X": X, "y": y, "sample_weight": sample_weight}
        self._class_weight = class_weight
        self._sum = loss.reduction == "sum"
        self._judged = self._judges(loss)
        self._answers = self._answers_per_row()

    def _checked_y(self, operation: str, y: npt.ArrayLike, loss: Loss) -> Array:
        return as_targets(operation, y, loss=loss, outputs=self.network.outputs)

    def _engine_targets(
        self, operation: str, weights: Array | None, name: str = "sample_weight"
    ) -> Any:
        return self.network.targets(operation, self._y, weights, name)

    def _judges(self, loss: Loss) -> bool:
        return _judges(self.model, loss, self._y)

    def _answers_per_row(self) -> int:
        return int(self.network.answers_per_row)

    def _targets(
        self,
        operation: str,
        sample_weight: npt.ArrayLike | None,
        class_weight: Mapping[int, float] | str | None,
    ) -> Any:
        if len(self._y) != self.count:
            raise ValueError(
                f"{operation}: y must have as many rows as X, {self.count}, got {len(self._y)}"
            )
        if self.count == 0:
            raise ValueError(f"{operation}: X must have at least one row, got none")
        weights = None
        if sample_weight is not None:
            weights = as_rows(operation, "sample_weight", sample_weight)
        targets = self._engine_targets(operation, weights)
        if class_weight is None:
            return targets
        loss, outputs = self.model._compiled(operation), self.network.outputs
        factors = class_factors(operation, self._y, class_weight, loss=loss, outputs=outputs)
        if weights is None:
            return self._engine_targets(operation, factors, "class_weight")
        with np.errstate(over="ignore", under="ignore"):  # the engine refuses such products
            product = weights * factors
        lost = int(((product == 0.0) & (weights > 0.0) & (factors > 0.0)).sum())
        if lost:
            raise ValueError(
                f"{operation}: sample_weight times class_weight must not underflow, got 0 in "
                f"{lost} rows of two positive weights"
            )
        return self._engine_targets(operation, product, "sample_weight times class_weight")

    def fingerprint(self) -> dict[str, Any]:
        """Return, as JSON values, what tells these rows, targets and weights from others."""
        found: dict[str, Any] = {
            name: None if value is None else fingerprint(as_rows("fit", name, value))
            for name, value in self._given.items()
        }
        weights = self._class_weight
        if isinstance(weights, Mapping):
            weights = repr({int(label): float(weight) for label, weight in weights.items()})
        return found | {"class_weight": weights}

    def train(
        self, order: npt.NDArray[Any] | None, batch_size: int, totals: Any, *, steps: int
    ) -> Any:
        """Make `steps` updates over the rows of `order`; return what they alone come to."""
        rates = self._rates(steps)
        return self.network.train(self.rows, self.targets, order, batch_size, rates, totals)

    def train_epochs(self, shuffle: bool, batch_size: int, totals: npt.NDArray[np.float64]) -> None:
        """Train for whole epochs; row i of `totals` gets epoch i's loss, right answers and rows."""
        key = (self.model.seed, self.model.epochs_trained) if shuffle else None
        rates = self._rates(len(totals) * math.ceil(self.count / batch_size))
        try:
            self.network.train_epochs(self.rows, self.targets, key, batch_size, rates, totals)
        finally:
            self.model.epochs_trained += int((totals[:, 2] == self.count).sum())

    def _rates(self, steps: int) -> Array:
        schedule, first = self.model._schedule, self.network.steps
        assert schedule is not None
        if isinstance(schedule, Constant):
            return np.full(steps, schedule.learning_rate)
        return schedule(np.arange(first, first + steps))

    def history(self, totals: npt.NDArray[np.float64]) -> dict[str, list[float]]:
        """Return what epochs add up to, by name: `logs` of each row."""
        loss, right, rows = totals.T
        history = {"loss": (loss if self._sum else loss / rows).tolist()}
        if self._judged:
            history["accuracy"] = (right / (rows * self._answers)).tolist()
        return history

    def logs(self, totals: Any) -> dict[str, float]:
        """Return what the steps so far add up to, by name."""
        logs = {"loss": totals.loss if self._sum else totals.loss / max(totals.rows, 1.0)}
        if self._judged:
            logs["accuracy"] = totals.right / max(totals.rows * self._answers, 1.0)
        return logs

    def evaluate(self) -> dict[str, float]:
        """Return loss and metrics of all rows as one batch."""
        totals = self.network.evaluate(self.rows, self.targets)
        logs = {"loss": float(totals.loss)}
        if self._judged:
            logs["accuracy"] = totals.right / (totals.rows * self._answers)
        return logs | self.functions()

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Return the loss of all rows as one batch and the gradients of what is trained."""
        totals, gradients = self.network.loss_and_gradients(self.rows, self.targets)
        return self.logs(totals)["loss"], gradients

    def backward(self, tape: Any) -> Array:
        """Carry the gradient of the loss down a tape of all rows; return that of X."""
        grad_x: Array = tape.backward_from_loss()[0]
        return grad_x

    @property
    def wants_functions(self) -> bool:
        """Whether there are metrics that are functions."""
        return any(function is not None for function in self.model._metrics.values())

    def functions(self) -> dict[str, float]:
        """Return the metrics that are functions."""
        wanted = {n: f for n, f in self.model._metrics.items() if f is not None}
        if not wanted:
            return {}
        outputs = self.network.predict(self.rows)
        y = self._y
        if y.ndim == 1 and outputs.shape[1] == 1:  # one shape, so that y - outputs is of rows
            y = y[:, np.newaxis]
        return {name: float(function(y, outputs)) for name, function in wanted.items()}
