"""Steps whose loss is a function of Python's: each batch goes there and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import as_array, as_rows, class_of_rows
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
        return self._y.ndim <= 2 and super()._judges(loss)

    def _checked_y(self, operation: str, y: npt.ArrayLike, loss: Loss) -> Array:
        return as_rows(operation, "y", y)

    def _engine_targets(self, operation: str, weights: Array | None) -> Any:
        # The engine checks weights; the targets beside them are of no use to it.
        self.network.targets(operation, np.zeros((self.count, self.network.outputs)), weights)
        self._weights = np.ones(self.count) if weights is None else np.asarray(weights, np.float64)
        return None

    def train(self, order: Array | None, batch_size: int, totals: Any, *, steps: int) -> Any:
        """Make `steps` updates over the rows of `order`; return what they alone come to."""
        visited = np.arange(self.count) if order is None else order
        own = _core.Totals()
        for step, rate in enumerate(self._rates(steps)):
            places = visited[step * batch_size : (step + 1) * batch_size]
            outputs, tape = self._forward(places, training=True)
            loss, grad_outputs = self.loss_of(outputs, places)
            right = self._right(outputs, places)
            tape.backward(grad_outputs)
            self.network.apply_gradients({}, rate)  # those that the tape has left
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
        logs = {"loss": self.loss_of(outputs, places)[0]}
        if self._judged:
            logs["accuracy"] = self._right(outputs, places) / self.count
        return logs | self.functions()

    def loss(self) -> float:
        """Return the loss of all rows as one batch; the engine has its gradients then."""
        places = np.arange(self.count)
        outputs, tape = self._forward(places, training=True)
        loss, grad_outputs = self.loss_of(outputs, places)
        tape.backward(grad_outputs)
        return loss

    def backward(self, tape: Any, outputs: Array) -> None:
        """Carry the gradient of the loss down a tape of all rows, which gave these outputs."""
        tape.backward(self.loss_of(outputs, np.arange(self.count))[1])

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
        weights = self._weights[places]
        total = weights.sum()
        share = weights / total if total > 0.0 else np.zeros_like(weights)
        return float(share @ losses), share[:, None] * gradients

    def _forward(self, places: Array, *, training: bool) -> tuple[Array, Any]:
        rows = self.network.rows("fit", self._x[places])
        tape = self.network.tape("fit", rows, None, training)
        return tape.forward(), tape

    def _right(self, outputs: Array, places: Array) -> int:
        if not self._judged:
            return 0
        wanted = class_of_rows(self._y[places])
        found = outputs[:, 0] > 0.5 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        return int((found == wanted).sum())


def _checked(loss: str, what: str, value: Any, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    array = as_array("fit", f"{what} of the loss {loss}", value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{loss}: {what} must be real numbers, got dtype {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{loss}: {what} must have shape {shape}, got {array.shape}")
    return array.astype(np.float64)
