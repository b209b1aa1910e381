"""Training: checked data and the loop over epochs, which work on an engine, not on a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .._arrays import is_sparse
from ..engine import Engine
from ..row_sources import as_source, is_source
from .data import Data
from .function_data import FunctionData

if TYPE_CHECKING:
    from .block_data import BlockData


def prepare(
    engine: Engine,
    operation: str,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: Mapping[int, float] | str | None = None,
) -> Data:
    """Return checked rows and targets for the compiled loss; rows in files are read as a whole."""
    X, y = (
        np.asarray(as_source(operation, name, value)) if is_source(value) else value
        for name, value in (("X", X), ("y", y))
    )
    kind = Data if engine.record(operation).function is None else FunctionData
    return kind(engine, operation, X, y, sample_weight, class_weight)


def prepare_blocks(
    engine: Engine,
    operation: str,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: Mapping[int, float] | str | None = None,
    *,
    mapped: bool = False,
) -> Data | BlockData:
    """Return checked rows and targets, to be read in blocks if some are in files.

    With `mapped`, those of a mapped file are too. Sparse rows are in memory.
    """
    given = (X, y, sample_weight)
    if is_sparse(X) or not any(is_source(value, mapped=mapped) for value in given):
        return prepare(engine, operation, *given, class_weight)
    from .block_data import BlockData  # rarely needed; starts threads

    return BlockData(prepare, engine, operation, *given, class_weight)
