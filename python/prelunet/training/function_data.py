"""`FunctionData`: training steps with a Python loss function, called for each batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import as_array
from ..engine import Tape, core_rows
from .data import Data, Floats
from .targets import class_of_rows

Array = npt.NDArray[Any]


class FunctionData(Data):
    """Rows and targets for a `FunctionLoss`; each step runs a tape forward and backward."""

    def _checked_y(self, operation: str, y: Array) -> Array:
        return y

    def _engine_targets(
        self, operation: str, weights: Array | None, name: str = "sample_weight"
    ) -> None:
        core = self.engine.core
        ignored = np.zeros((self.count, core.outputs))
        core.targets(operation, ignored, weights, name)  # only to check the weights
        self._weights = np.ones(self.count) if weights is None else np.asarray(weights, np.float64)

    def train(
        self, order: Array | None, batch_size: int, sums: Sequence[_core.Totals], *, steps: int
    ) -> None:
        """Make `steps` updates over the rows in `order`; add the totals of each step to `sums`."""
        visited = np.arange(self.count) if order is None else order
        for step, rate in enumerate(self.engine.learning_rates(steps)):
            places = visited[step * batch_size : (step + 1) * batch_size]
            outputs, tape = self._forward(places)
            correct = self._correct(outputs, places)  # the loss may write into outputs
            loss, grad_outputs = self.loss_of(outputs, places)
            tape.step(grad_outputs, self._shares(places), rate)
            for totals in sums:
                totals.add(loss * len(places), correct, len(places))

    def train_epochs(self, shuffle: bool, batch_size: int, totals: Floats) -> None:
        """Train for whole epochs; store loss, correct predictions and rows of each in `totals`."""
        engine, steps = self.engine, math.ceil(self.count / batch_size)
        for row in totals:
            order = None
            if shuffle and steps > 1:
                order = _core.row_order(engine.seed, engine.epochs_trained, self.count)
            epoch = _core.Totals()
            self.train(order, batch_size, [epoch], steps=steps)
            row[:] = epoch.loss, epoch.correct, epoch.rows
            engine.epochs_trained += 1

    def loss_and_accuracy(self) -> dict[str, float]:
        """Return the loss of all rows as one batch and, if compiled, the accuracy."""
        outputs, places = self.engine.core.predict(self.rows), np.arange(self.count)
        correct = self._correct(outputs, places)
        logs = {"loss": self.loss_of(outputs, places)[0]}
        if self._counts_accuracy:
            logs["accuracy"] = correct / self.count
        return logs

    def loss_and_gradients(self) -> tuple[float, Sequence[Array]]:
        """Return the loss of all rows as one batch and its gradients by trainable parameter."""
        places = np.arange(self.count)
        outputs, tape = self._forward(places)
        loss, grad_outputs = self.loss_of(outputs, places)
        return loss, tape.backward(grad_outputs)[1]

    def backward(self, tape: Tape) -> Array:
        """Backpropagate the loss through a tape of all rows; return the gradient of X."""
        grad_outputs = self.loss_of(tape.outputs(), np.arange(self.count))[1]
        return np.asarray(tape.backward(grad_outputs)[0])

    def loss_of(self, outputs: Array, places: Array) -> tuple[float, Array]:
        """Return the weighted mean loss of a batch and its gradient with respect to the outputs."""
        loss = self._compiled.function
        assert loss is not None
        name = loss.function_name
        try:
            losses, gradients = loss.function(outputs, self._y[places])
        except (TypeError, ValueError) as error:
            error.add_note(f"in the loss {name}, which must return (row losses, grad_outputs)")
            raise
        losses = _checked(name, "row losses", losses, (len(places),))
        gradients = _checked(name, "grad_outputs", gradients, outputs.shape)
        shares = self._shares(places)
        counted = shares > 0.0  # rows of weight 0 may have any loss, even NaN
        total = float(shares[counted] @ losses[counted])
        return total, np.where(counted[:, None], shares[:, None] * gradients, 0.0)

    def _shares(self, places: Array) -> Floats:
        """Return the normalized weight of each row, w / sum(w)."""
        weights = self._weights[places]
        total = weights.sum()
        shares: Floats = weights / total if total > 0.0 else np.zeros_like(weights)
        return shares

    def _forward(self, places: Array) -> tuple[Array, Tape]:
        rows = core_rows(self.engine.core, "fit", self._X[places])
        tape = self.engine.tape("fit", rows, training=True, clips=True, whole=False)
        return tape.outputs(), tape

    def _correct(self, outputs: Array, places: Array) -> int:
        if not self._counts_accuracy:
            return 0
        wanted = class_of_rows(self._y[places])
        found = outputs[:, 0] > 0.5 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        return int((found == wanted).sum())


def _checked(loss: str, what: str, value: object, shape: tuple[int, ...]) -> Floats:
    array = as_array(f"loss {loss}", what, value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"loss {loss}: {what} must be real numbers, got dtype {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"loss {loss}: {what} must have shape {shape}, got {array.shape}")
    return array.astype(np.float64)
