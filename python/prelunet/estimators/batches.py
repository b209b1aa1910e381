"""Training steps with scikit-learn's penalty, ``alpha / 2 * sum(W**2)`` over the batch weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..training.divergence import warn_not_finite
from .features import Features
from .heads import Head
from .network import EstimatorNetwork
from .progress import Patience

Array = npt.NDArray[Any]
_HELPS = "a smaller learning_rate_init, or X scaled by StandardScaler, may help"
_BLAS_ALONE = 8192  # elements of a dot product; OpenBLAS uses threads above 10,000


@dataclass(frozen=True)
class Rows:
    """Features, targets and weights of all training rows."""

    features: Features
    targets: Array  # labels (n,) for softmax, else (n, outputs)
    weights: Array | None  # (n,)


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
    """Compute the loss of all rows; the gradients stay in the C++ core."""

    def __init__(self, network: EstimatorNetwork, head: Head, rows: Rows, alpha: float) -> None:
        self.network = network
        self.core = network.engine.core
        self.head = head
        self.alpha = alpha
        self._rows = rows.features.rows
        self._targets = self.core.targets("fit", rows.targets, rows.weights)
        kinds = zip(self.core.parameters(), self.core.values(), strict=True)
        weights = (values for info, values in kinds if info["kind"] == "weight")
        self._pieces = [piece for values in weights for piece in _pieces(values)]

    def squares(self) -> float:
        """Return the sum of squares of all weights, without biases and slopes."""
        return float(sum([piece.dot(piece) for piece in self._pieces]))

    def compute(self) -> float:
        """Compute the gradients of all rows; return their mean loss."""
        totals, _ = self.core.loss_and_gradients(self._rows, self._targets)
        return float(totals.loss / totals.rows)


class Batches(Gradients):
    """The rows of one call of fit, for the training loop."""

    def __init__(
        self,
        network: EstimatorNetwork,
        head: Head,
        rows: Rows,
        alpha: float,
        count: int,
        *,
        labels: Sequence[object] | None = None,
    ) -> None:
        super().__init__(network, head, rows, alpha)
        self.count = count  # rows per epoch
        self._X, self._labels = rows.features.X, labels

    def train(
        self, order: Array | None, batch_size: int, sums: Sequence[_core.Totals], *, steps: int
    ) -> None:
        """Make `steps` updates over the rows in `order`; add each step's totals to `sums`."""
        assert order is not None
        l2, in_loss = self._penalty()
        rates = self._rates(steps)
        self.core.train(self._rows, self._targets, order, batch_size, rates, sums, l2, in_loss)

    def train_epochs(
        self,
        orders: Array,
        batch_size: int,
        totals: npt.NDArray[np.float64],
        patience: Patience | None,
        state: dict[str, Any] | None,
    ) -> None:
        """Train for whole epochs in one call, which ends early if `patience` ends.

        `orders` has the rows of each epoch, or of all epochs. If the state of a RandomState is
        given, it and the rows of all epochs are shuffled in place for each epoch. `totals`, of
        shape (epochs, 3), receives each epoch's loss, number of correct rows and number of rows.
        """
        rates = self._rates(len(totals) * math.ceil(self.count / batch_size))
        l2, in_loss = self._penalty()
        drawn: dict[str, Any] = {"order": orders.ravel()}
        if state is not None:
            words = state["state"]
            drawn["twister"] = np.append(words["key"], np.uint32(words["pos"]))
        elif orders.ndim == 1:
            drawn = {"order": None, "subset": orders}
        try:
            self.core.train_epochs(
                *(self._rows, self._targets),
                batch_size=batch_size,
                learning_rates=rates,
                totals=totals,
                l2_per_batch_weight=l2,
                penalty_in_loss=in_loss,
                patience=None if patience is None else (self.head.loss_factor, *patience),
                **drawn,
            )
        finally:
            if state is not None:
                words["key"], words["pos"] = drawn["twister"][:-1], int(drawn["twister"][-1])

    def _penalty(self) -> tuple[float, float]:
        """Return the engine's l2, which it divides by each batch's weight, and its factor."""
        return l2_of(self.alpha, 1.0, self.head), self.head.penalty_in_loss

    def _rates(self, steps: int) -> Array:
        return self.network.rates.of_steps(self.network.steps_trained, steps)

    def logs(self, sums: _core.Totals) -> dict[str, float]:
        """Return scikit-learn's loss, including the penalty, from totals over steps."""
        return {"loss": self.head.loss_factor * sums.loss / max(sums.rows, 1.0)}

    def warn_not_finite(self, where: str, loss: float) -> None:
        """Warn that a loss is not finite, naming the columns of X that are not."""
        dtype = self.network.variable_dtype
        warn_not_finite(where, loss, self._X, self._labels, dtype, helps=_HELPS)

    def history(self, totals: npt.NDArray[np.float64]) -> dict[str, list[float]]:
        """Return `logs` for each row of totals."""
        loss, _, rows = totals.T
        return {"loss": (self.head.loss_factor * loss / rows).tolist()}
