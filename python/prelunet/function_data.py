"""Steps whose loss is a function of Python's: each batch goes there and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import as_array, as_rows, class_of_rows
from .building import new_tape
from .losses import FunctionLoss, Loss
from .steps import Data

if TYPE_CHECKING:
    from .model import Sequential

Array = npt.NDArray[Any]


def hold(
    model: Sequential,
    operation: str,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: Mapping[int, float] | str | None = None,
) -> Data:
    """Return rows and targets, checked once, for the loss that the model is compiled with."""
    functional = isinstance(model._compiled(operation), FunctionLoss)
    kind = FunctionData if functional else Data
    return kind(model, operation, X, y, sample_weight, class_weight)


class FunctionData(Data):
    """Rows and targets for a `FunctionLoss`: steps are made through vjp and apply_gradients."""

    def __init__(
        self,
        model: Sequential,
        operation: str,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: Mapping[int, float] | str | None = None,
    ) -> None:
        self._x = as_rows(operation, "X", X)
        super().__init__(model, operation, X, y, sample_weight, class_weight)

    def _judges(self, loss: Loss) -> bool:
        if self._y.ndim == 1 and self._y.dtype.kind not in "iub":
            return False  # quantities
        return super()._judges(loss)

    def _answers_per_row(self) -> int:
        return 1

    def _checked_y(self, operation: str, y: npt.ArrayLike, loss: Loss) -> Array:
        return as_rows(operation, "y", y)

    def _engine_targets(
        self, operation: str, weights: Array | None, name: str = "sample_weight"
    ) -> Any:
        # The engine checks weights; the targets beside them are of no use to it.
        self.network.targets(operation, np.zeros((self.count, self.network.outputs)), weights, name)
        self._weights = np.ones(self.count) if weights is None else np.asarray(weights, np.float64)
        return None

    def train(self, order: Array | None, batch_size: int, totals: Any, *, steps: int) -> Any:
        """Make `steps` updates over the rows of `order`; return what they alone come to."""
        visited = np.arange(self.count) if order is None else order
        own = _core.Totals()
        for step, rate in enumerate(self._rates(steps)):
            places = visited[step * batch_size : (step + 1) * batch_size]
            outputs, tape = self._forward(places)
            right = self._right(outputs, places)  # before the loss can write into outputs
            loss, grad_outputs = self.loss_of(outputs, places)
            tape.step(grad_outputs, self._shares(places), rate)
            for sums in (totals, own):
                sums.add(loss * len(places), right, len(places))
        return own

    def train_epochs(self, shuffle: bool, batch_size: int, totals: npt.NDArray[np.float64]) -> None:
        """Train for whole epochs; row i of `totals` gets epoch i's loss, right answers and rows."""
        steps = math.ceil(self.count / batch_size)
        for row in totals:
            order = None
            if shuffle and steps > 1:
                order = _core.row_order(self.model.seed, self.model.epochs_trained, self.count)
            sums = self.train(order, batch_size, _core.Totals(), steps=steps)
            row[:] = sums.loss, sums.right, sums.rows
            self.model.epochs_trained += 1

    def evaluate(self) -> dict[str, float]:
        """Return loss and metrics of all rows as one batch."""
        outputs, places = self.network.predict(self.rows), np.arange(self.count)
        right = self._right(outputs, places)
        logs = {"loss": self.loss_of(outputs, places)[0]}
        if self._judged:
            logs["accuracy"] = right / self.count
        return logs | self.functions()

    def loss_and_gradients(self) -> tuple[float, list[Array]]:
        """Return the loss of all rows as one batch and the gradients of what is trained."""
        places = np.arange(self.count)
        outputs, tape = self._forward(places)
        loss, grad_outputs = self.loss_of(outputs, places)
        return loss, tape.backward(grad_outputs)[1]

    def backward(self, tape: Any) -> Array:
        """Carry the gradient of the loss down a tape of all rows; return that of X."""
        grad_outputs = self.loss_of(tape.outputs(), np.arange(self.count))[1]
        grad_x: Array = tape.backward(grad_outputs)[0]
        return grad_x

    def loss_of(self, outputs: Array, places: Array) -> tuple[float, Array]:
        """Return the batch's loss and its gradient by the outputs, weighted and averaged."""
        loss = self.model._loss
        assert isinstance(loss, FunctionLoss)
        name = loss.function_name
        try:
            losses, gradients = loss.function(outputs, self._y[places])
        except (TypeError, ValueError) as error:
            error.add_note(f"in the loss {name}, which must return (row losses, grad_outputs)")
            raise
        losses = _checked(name, "row losses", losses, (len(places),))
        gradients = _checked(name, "grad_outputs", gradients, outputs.shape)
        shares = self._shares(places)
        counted = shares > 0.0  # whatever a row without weight comes to
        total = float(shares[counted] @ losses[counted])
        return total, np.where(counted[:, None], shares[:, None] * gradients, 0.0)

    def _shares(self, places: Array) -> npt.NDArray[np.float64]:
        """Return what each row's loss is multiplied by: w / sum(w)."""
        weights = self._weights[places]
        total = weights.sum()
        shares: npt.NDArray[np.float64] = weights / total if total > 0.0 else np.zeros_like(weights)
        return shares

    def _forward(self, places: Array) -> tuple[Array, Any]:
        rows = self.network.rows("fit", self._x[places])
        tape = new_tape(self.network, "fit", rows, training=True, clips=True)
        return tape.outputs(), tape

    def _right(self, outputs: Array, places: Array) -> int:
        if not self._judged:
            return 0
        wanted = class_of_rows(self._y[places])
        found = outputs[:, 0] > 0.5 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        return int((found == wanted).sum())


def _checked(loss: str, what: str, value: Any, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    array = as_array(f"loss {loss}", what, value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"loss {loss}: {what} must be real numbers, got dtype {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"loss {loss}: {what} must have shape {shape}, got {array.shape}")
    return array.astype(np.float64)
