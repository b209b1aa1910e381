"""`FitJob`, the training of one of many models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ._arrays import as_rows
from .history import History
from .model import Sequential
from .training.loop import fit, prepared


@dataclass(eq=False, repr=False)
class FitJob:
    """A model, its data and the other arguments of `Sequential.fit`.

    `rows` are the numbers of the rows to train on; None means all.
    """

    model: Sequential
    X: npt.ArrayLike
    y: npt.ArrayLike
    rows: npt.ArrayLike | None
    arguments: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Note the number of earlier steps."""
        self._steps_before = self.model.steps_trained

    def run(self) -> History:
        """Train the model."""
        if self.rows is None:
            return self.model.fit(self.X, self.y, **self.arguments, verbose=0)
        options = {**(Sequential.fit.__kwdefaults__ or {}), **self.arguments, "verbose": 0}
        del options["comm"]
        engine, numbers = self.model.engine, self._checked_rows()
        return fit(
            engine,
            lambda: prepared(self.model, engine, self.X, self.y, rows=numbers, **options),
        )

    def cost(self) -> float:
        """Return the multiply-adds of all forward passes; 0 if the arguments are invalid."""
        try:
            each = self.model.engine.multiply_adds(self._shape(self.X)[1:])
            return each * self._count() * float(self.arguments.get("epochs", 1))
        except Exception:  # `run` raises it, and names the model
            return 0.0

    def steps(self) -> int:
        """Return the number of steps of the whole training; 0 if the arguments are invalid."""
        try:
            size = self.arguments.get("batch_size", 32)
            per_epoch = 1 if size is None else math.ceil(self._count() / size)
            return per_epoch * int(self.arguments.get("epochs", 1))
        except Exception:  # as in `cost`
            return 0

    def steps_made(self) -> int:
        """Return the number of steps so far."""
        return max(0, self.model.steps_trained - self._steps_before)

    def _count(self) -> int:
        return self._shape(self.X if self.rows is None else self.rows)[0]

    def _shape(self, values: npt.ArrayLike) -> tuple[int, ...]:
        shape = getattr(values, "shape", None)  # np.shape converts sparse matrices and tables
        return tuple(np.shape(values) if shape is None else shape)

    def _checked_rows(self) -> npt.NDArray[np.int64]:
        numbers = as_rows("fit_many", "rows", self.rows)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise TypeError(
                "fit_many: rows must hold integers of shape (n,), got dtype "
                f"{numbers.dtype} and shape {numbers.shape}"
            )
        count = self._shape(self.X)[0]
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < count:
            raise ValueError(
                f"fit_many: rows must be from 0 to {count - 1}, got {numbers.min()} to "
                f"{numbers.max()}"
            )
        return numbers.astype(np.int64, copy=False)
