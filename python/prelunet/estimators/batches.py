"""Batches with scikit-learn's penalty: ``alpha / 2 * sum(W**2)``, over the weight of the batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..building import new_tape
from ..losses import FunctionLoss
from .features import DenseFeatures, Places, SparseFeatures
from .heads import Head
from .network import EstimatorNetwork

Array = npt.NDArray[Any]
_BLAS_ALONE = 8192  # elements of a dot product; OpenBLAS shares those of more than 10,000


@dataclass(frozen=True)
class Rows:
    """What is learned from: features, targets and weights of all rows.

    Attributes
    ----------
    features : DenseFeatures or SparseFeatures
    targets : ndarray
        Labels (n,) for softmax, else (n, outputs).
    weights : ndarray of shape (n,), optional
    """

    features: DenseFeatures | SparseFeatures
    targets: Array
    weights: Array | None

    def weight(self, places: Places) -> float:
        """Return the weight of some rows together."""
        if self.weights is not None:
            return float(self.weights[places].sum())
        return float(places.stop - places.start if isinstance(places, slice) else len(places))


def l2_of(alpha: float, weight: float, head: Head) -> float:
    """Return the engine's l2 for a batch, from the penalty of scikit-learn."""
    return alpha / (weight * head.gradient_factor) if weight > 0.0 else 0.0


def _pieces(values: Array) -> list[Array]:
    """Return views of an array that BLAS takes the products of on the calling thread.

    Threads of its own would go on to wait on the cores that the engine needs.
    """
    flat = values.reshape(-1)
    return np.split(flat, range(_BLAS_ALONE, flat.size, _BLAS_ALONE))


class Gradients:
    """Losses of rows, and the gradients that the engine has of them then."""

    def __init__(self, model: EstimatorNetwork, head: Head, rows: Rows, alpha: float) -> None:
        self.network: Any = model._network
        self.rows = rows
        self.head = head
        self.alpha = alpha
        loss = head.loss
        self._function = loss.function if isinstance(loss, FunctionLoss) else None
        kinds = zip(self.network.parameters(), self.network.values(), strict=True)
        weights = (values for info, values in kinds if info["kind"] == "weight")
        self._pieces = [piece for values in weights for piece in _pieces(values)]

    def squares(self) -> float:
        """Return the sum of the squares of all weights, biases and slopes left out."""
        return float(sum([piece.dot(piece) for piece in self._pieces]))

    def compute(self, places: Places) -> float:
        """Return the engine's mean loss of some rows, its gradients having been computed."""
        rows = self.rows.features.batch(places)
        targets = self.rows.targets[places]
        weights = None if self.rows.weights is None else self.rows.weights[places]
        if self._function is None:
            totals, _ = self.network.loss_and_gradients(
                rows, self.network.targets("fit", targets, weights)
            )
            return float(totals.loss / totals.rows)
        tape = new_tape(self.network, "fit", rows, training=True)
        losses, gradients = self._function(tape.outputs(), targets)
        share = np.ones(len(targets)) if weights is None else weights
        share = share / (share.sum() or 1.0)
        tape.backward(share[:, np.newaxis] * gradients)
        return float(share @ losses)


class Batches(Gradients):
    """The rows of one call of fit, as the training loop takes them."""

    def __init__(
        self, model: EstimatorNetwork, head: Head, rows: Rows, alpha: float, count: int
    ) -> None:
        super().__init__(model, head, rows, alpha)
        self.count = count  # of the rows that an epoch visits
        self._model = model
        self._dense: Any = rows.features.rows
        # Whether the engine finds all that a step needs by itself.
        self.whole = self._dense is not None and self._function is None
        if self.whole:
            self._targets = self.network.targets("fit", rows.targets, rows.weights)

    def train(self, order: Array, batch_size: int, totals: Any, *, steps: int) -> Any:
        """Make `steps` updates over the rows of `order`; return what they alone come to."""
        own = _core.Totals()
        rates = self._model.rates.of_steps(self._model.steps_trained, steps)
        if self.whole:
            l2 = l2_of(self.alpha, 1.0, self.head)  # the engine's, over the weight of each batch
            where = self._dense, self._targets, order, batch_size
            self.network.train(*where, rates, own, l2, self.head.penalty_in_loss)
        else:
            with np.errstate(all="ignore"):  # a run that diverges is told of at its end
                for step in range(steps):
                    places = order[step * batch_size : (step + 1) * batch_size]
                    self._step(places, rates[step], own)
        totals.add(own.loss, 0.0, own.rows)
        return own

    def train_epochs(self, orders: Array, batch_size: int, totals: npt.NDArray[np.float64]) -> None:
        """Train for whole epochs in one call, if `whole`.

        Parameters
        ----------
        orders : ndarray of int, shape (epochs, rows)
            The rows that each epoch visits.
        batch_size : int
        totals : ndarray of shape (epochs, 3)
            Gets each epoch's loss, 0 and rows.
        """
        steps = len(orders) * math.ceil(self.count / batch_size)
        rates = self._model.rates.of_steps(self._model.steps_trained, steps)
        l2 = l2_of(self.alpha, 1.0, self.head)
        where = self._dense, self._targets, orders.ravel(), batch_size
        self.network.train_epochs(*where, rates, totals, l2, self.head.penalty_in_loss)

    def _step(self, places: Array, rate: float, totals: Any) -> None:
        l2 = l2_of(self.alpha, self.rows.weight(places), self.head)
        penalty = 0.5 * l2 * self.squares() * self.head.penalty_in_loss if l2 > 0.0 else 0.0
        totals.add(len(places) * (self.compute(places) + penalty), 0.0, len(places))
        self.network.apply_gradients({}, rate, l2)

    def logs(self, totals: Any) -> dict[str, float]:
        """Return scikit-learn's loss, penalty included, of the steps so far."""
        return {"loss": self.head.loss_factor * totals.loss / max(totals.rows, 1.0)}

    def history(self, totals: npt.NDArray[np.float64]) -> dict[str, list[float]]:
        """Return `logs` of each row of sums."""
        loss, _, rows = totals.T
        return {"loss": (self.head.loss_factor * loss / rows).tolist()}
