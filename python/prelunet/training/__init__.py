"""Training: checked data and the loop over epochs, which work on an engine, not on a model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy.typing as npt

from ..engine import Engine
from .data import Data
from .function_data import FunctionData


def prepare(
    engine: Engine,
    operation: str,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: Mapping[int, float] | str | None = None,
) -> Data:
    """Return checked rows and targets for the compiled loss."""
    kind = Data if engine.record(operation).function is None else FunctionData
    return kind(engine, operation, X, y, sample_weight, class_weight)
