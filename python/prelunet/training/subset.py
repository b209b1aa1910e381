"""`Subset`: training rows that are numbers of the rows of X, which are not copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import as_rows, as_samples, fingerprint, is_sparse
from ..engine import Engine
from ..row_sources import is_source
from . import prepare
from .data import Data

Array = npt.NDArray[Any]
Numbers = npt.NDArray[np.int64]

# Fewer rows than this share of all rows are copied: it takes less time than to check targets in the
# places of all rows.
_LEAST_SHARE = 0.125


def prepare_rows(
    engine: Engine,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
    class_weight: Mapping[int, float] | str | None,
    rows: Numbers,
) -> Data:
    """Return some rows as training data: X and the numbers of the rows, or copies of them."""
    compiled = engine.record("fit")
    in_python = compiled.function is not None or compiled.metric_functions
    in_place = class_weight is None and not in_python and not is_sparse(X) and not is_source(X)
    if in_place and len(rows) >= max(1.0, _LEAST_SHARE * len(as_samples("fit", "X", X))):
        try:
            return Subset(engine, X, y, sample_weight, rows)
        except (TypeError, ValueError):
            pass  # from copies, the message counts the chosen rows only
    copies = copied_rows(X, y, sample_weight, rows)
    return prepare(engine, "fit", *copies, class_weight)


def copied_rows(
    X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None, rows: Numbers
) -> tuple[Any, Array, Array | None]:
    """Return copies of some rows of the data."""
    samples, targets = as_samples("fit", "X", X), as_rows("fit", "y", y)
    weights = None if sample_weight is None else as_rows("fit", "sample_weight", sample_weight)
    for name, values in (("y", targets), ("sample_weight", weights)):
        if values is not None and len(values) != samples.shape[0]:
            raise ValueError(
                f"fit: {name} must have as many rows as X, {samples.shape[0]}, got {len(values)}"
            )
    return samples[rows], targets[rows], None if weights is None else weights[rows]


class Subset(Data):
    """Rows of X by their numbers, in this order and possibly repeated.

    Of the targets and weights, only those of these rows are checked. The engine takes a copy of
    them in the places of all rows.
    """

    def __init__(
        self,
        engine: Engine,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None,
        rows: Numbers,
    ) -> None:
        count = len(as_samples("fit", "X", X))
        targets = _in_all_places("y", y, rows, count)
        weights = None
        if sample_weight is not None:
            weights = _in_all_places("sample_weight", sample_weight, rows, count)
        super().__init__(engine, "fit", X, targets, weights)
        self.numbers, self.count = rows, len(rows)
        self.shape = (len(rows), *self.shape[1:])

    def fingerprint(self) -> dict[str, Any]:
        """Return the checksums of copies of the rows, targets and weights."""
        found: dict[str, Any] = {
            name: None
            if value is None
            else fingerprint(as_samples("fit", name, value)[self.numbers])
            for name, value in self._given.items()
        }
        return found | {"class_weight": None}


def _in_all_places(name: str, given: npt.ArrayLike, rows: Numbers, count: int) -> Array:
    """Return values for all rows: the first chosen one, except in the places of chosen rows."""
    values = as_rows("fit", name, given)
    if len(values) != count:
        raise ValueError(f"fit: {name} must have as many rows as X, {count}, got {len(values)}")
    filled = np.empty((count, *values.shape[1:]), values.dtype)
    filled[:] = values[rows[0]]
    filled[rows] = values[rows]
    return filled
