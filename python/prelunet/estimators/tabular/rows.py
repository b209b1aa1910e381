"""`Data`, checked rows of a table, and `Plan`, what a network is trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...tables import Column
from .bagging import Indices
from .outputs import OutputScaling

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Data:
    """Checked rows.

    Attributes
    ----------
    columns : sequence of Column
    targets : ndarray
        Labels from 0, or numbers of shape (n, outputs).
    weights : ndarray of float64 or None
        The given sample weights.
    """

    columns: Sequence[Column]
    targets: Array
    weights: Floats | None

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.targets)

    def take(self, rows: Indices) -> Data:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Data([c.rows(rows) for c in self.columns], self.targets[rows], weights)

    def row_counts(self) -> Floats:
        """Return how many rows each row counts as, for medians and quartiles.

        Integral weights count rows. Others are relative: their mean is one row.
        """
        if self.weights is None:
            return np.ones(self.count)
        integral = bool((self.weights == np.floor(self.weights)).all())
        return self.weights if integral else self.weights / self.weights.mean()

    def present(self) -> Indices:
        """Return the indices of the rows that count: those with a weight above 0."""
        return np.arange(self.count) if self.weights is None else np.flatnonzero(self.weights)


@dataclass(frozen=True, eq=False)
class Plan:
    """What a network is trained on.

    Attributes
    ----------
    targets : ndarray
        Labels, or scaled numbers.
    weights : ndarray or None
        The row weights of the loss.
    scaling : OutputScaling
        The scaling of the outputs.
    score : callable
        ``score(scaled outputs) -> float`` of the held-out rows; not called without them.
    """

    targets: Array
    weights: Floats | None
    scaling: OutputScaling
    score: Callable[[Floats], float]

    def score_of(self, outputs: Floats) -> float:
        """Return the score of outputs of the network."""
        return self.score(self.scaling(outputs))
