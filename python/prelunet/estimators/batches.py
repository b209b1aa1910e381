"""Training steps with scikit-learn's penalty, ``alpha / 2 * sum(W**2)`` over the batch weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..losses import FunctionLoss
from .features import Features
from .heads import Head
from .network import EstimatorNetwork

Array = npt.NDArray[Any]
_BLAS_ALONE = 8192  # elements of a dot product; OpenBLAS uses threads above 10,000


@dataclass(frozen=True)
class Rows:
    """Features, targets and weights of all training rows."""

    features: Features
    targets: Array  # labels (n,) for softmax, else (n, outputs)
    weights: Array | None  # (n,)

    def weight(self, places: Array) -> float:
        """Return the total weight of the given rows."""
        return float(len(places) if self.weights is None else self.weights[places].sum())


def l2_of(alpha: float, weight: float, head: Head) -> float:
    """Return the engine's l2 for scikit-learn's penalty alpha and a batch weight."""
    return alpha / (weight * head.gradient_factor) if weight > 0.0 else 0.0


def _pieces(values: Array) -> list[Array]:
    """Return views of an array, each small enough for BLAS to use the calling thread only.

    BLAS threads would spin on cores that the engine needs.
    """
    flat = values.reshape(-1)
    return np.split(flat, range(_BLAS_ALONE, flat.size, _BLAS_ALONE))


class Gradients:
    """Compute losses of rows; the gradients stay in the C++ core."""

    def __init__(self, network: EstimatorNetwork, head: Head, rows: Rows, alpha: float) -> None:
        self.network = network
        self.core = network.engine.core
        self.rows = rows
        self.head = head
        self.alpha = alpha
        loss = head.loss
        self._function = loss.function if isinstance(loss, FunctionLoss) else None
        kinds = zip(self.core.parameters(), self.core.values(), strict=True)
        weights = (values for info, values in kinds if info["kind"] == "weight")
        self._pieces = [piece for values in weights for piece in _pieces(values)]
        # All targets are checked at once, so that errors name the user's row.
        self.targets = None
        if self._function is None:
            self.targets = self.core.targets("fit", rows.targets, rows.weights)

    def squares(self) -> float:
        """Return the sum of squares of all weights, without biases and slopes."""
        return float(sum([piece.dot(piece) for piece in self._pieces]))

    def compute(self, places: Array | None = None) -> float:
        """Compute the gradients of the given rows, or of all; return their mean loss."""
        given = self.rows
        rows, targets, weights = given.features.rows, given.targets, given.weights
        if places is not None:
            rows, targets = given.features.batch(places), targets[places]
            weights = None if weights is None else weights[places]
        if self._function is None:
            totals, _ = self.core.loss_and_gradients(
                rows, self.core.targets("fit", targets, weights)
            )
            return float(totals.loss / totals.rows)
        tape = self.network.engine.tape("fit", rows, training=True, whole=False)
        losses, gradients = self._function(tape.outputs(), targets)
        share = np.ones(len(targets)) if weights is None else weights
        share = share / (share.sum() or 1.0)
        tape.backward(share[:, np.newaxis] * gradients)
        return float(share @ losses)


class Batches(Gradients):
    """The rows of one call of fit, for the training loop."""

    def __init__(
        self, network: EstimatorNetwork, head: Head, rows: Rows, alpha: float, count: int
    ) -> None:
        super().__init__(network, head, rows, alpha)
        self.count = count  # rows per epoch
        self._own: tuple[_core.Rows, _core.Targets] | None = None
        if self._function is None:
            targets = self.core.targets("fit", rows.targets, rows.weights)
            self._own = rows.features.rows, targets

    @property
    def whole(self) -> bool:
        """Whether the engine can train whole epochs in one call."""
        return self._own is not None

    def train(
        self, order: Array | None, batch_size: int, sums: Sequence[_core.Totals], *, steps: int
    ) -> None:
        """Make `steps` updates over the rows in `order`; add each step's totals to `sums`."""
        assert order is not None
        rates = self._rates(steps)
        if self._own is not None:
            l2 = l2_of(self.alpha, 1.0, self.head)  # the engine divides by each batch's weight
            in_loss = self.head.penalty_in_loss
            self.core.train(*self._own, order, batch_size, rates, sums, l2, in_loss)
            return
        with np.errstate(all="ignore"):  # fit reports divergence at the end
            for step in range(steps):
                places = order[step * batch_size : (step + 1) * batch_size]
                self._step(places, rates[step], sums)

    def train_epochs(self, orders: Array, batch_size: int, totals: npt.NDArray[np.float64]) -> None:
        """Train for whole epochs in one call; requires `whole`.

        `orders` has the rows of each epoch. `totals`, of shape (epochs, 3), receives each epoch's
        loss, number of correct rows and number of rows.
        """
        assert self._own is not None
        rates = self._rates(len(orders) * math.ceil(self.count / batch_size))
        l2, in_loss = l2_of(self.alpha, 1.0, self.head), self.head.penalty_in_loss
        self.core.train_epochs(*self._own, orders.ravel(), batch_size, rates, totals, l2, in_loss)

    def _rates(self, steps: int) -> Array:
        return self.network.rates.of_steps(self.network.steps_trained, steps)

    def _step(self, places: Array, rate: float, sums: Sequence[_core.Totals]) -> None:
        l2 = l2_of(self.alpha, self.rows.weight(places), self.head)
        penalty = 0.5 * l2 * self.squares() * self.head.penalty_in_loss if l2 > 0.0 else 0.0
        loss = len(places) * (self.compute(places) + penalty)
        for totals in sums:
            totals.add(loss, 0.0, len(places))
        self.core.apply_gradients({}, rate, l2)

    def logs(self, sums: _core.Totals) -> dict[str, float]:
        """Return scikit-learn's loss, including the penalty, from totals over steps."""
        return {"loss": self.head.loss_factor * sums.loss / max(sums.rows, 1.0)}

    def history(self, totals: npt.NDArray[np.float64]) -> dict[str, list[float]]:
        """Return `logs` for each row of totals."""
        loss, _, rows = totals.T
        return {"loss": (self.head.loss_factor * loss / rows).tolist()}
