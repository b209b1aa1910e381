"""Validation rows, scored after every epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from .batches import Rows
from .heads import Head

Array = npt.NDArray[Any]
Score = Callable[[Array, Array, Array | None], float]


class HeldOut:
    """Validation data of the training loop.

    `dtype` is that of the estimator's outputs, and ``score(outputs, targets, weights)`` that of the
    head's final outputs. Without a score, the score is the negative loss. A user's scorer receives
    the estimator itself.
    """

    def __init__(self, rows: Rows, head: Head, dtype: npt.DTypeLike, score: Score | None) -> None:
        self._rows = rows
        self._head = head
        self._dtype = dtype
        self._score = score

    def evaluate(self) -> dict[str, float]:
        """Return the loss without the penalty, and the score (larger is better)."""
        rows = self._rows
        outputs = rows.features.outputs().astype(self._dtype, copy=False)
        loss = self._head.loss_of(outputs, rows.targets, rows.weights)
        if self._score is None:
            return {"loss": loss, "score": -loss}
        score = self._score(self._head.finish(outputs), rows.targets, rows.weights)
        return {"loss": loss, "score": score}
