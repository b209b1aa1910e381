"""Rows of X for the engine: dense rows in place, sparse rows one batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse

from .. import _core
from ..engine import Core

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Array = npt.NDArray[Any]
Places = Array | slice
_SPARSE_BLOCK = 1024  # rows converted to dense at a time


class DenseFeatures:
    """A dense array; the engine converts rows to its dtype as it gathers them."""

    def __init__(self, core: Core, X: Array) -> None:
        self._core = core
        self._X = X
        self.rows = core.rows("fit", X)

    def batch(self, places: Places) -> _core.Rows:
        """Return the given rows."""
        return self._core.rows("fit", self._X[places])

    def blocks(self) -> list[slice]:
        """Return slices of all rows, each to be computed at once."""
        return [slice(0, len(self._X))]

    def outputs(self) -> Array:
        """Return the outputs of all rows."""
        return self._core.predict(self.rows)


class SparseFeatures:
    """A CSR matrix; at most one batch of it is dense at a time."""

    rows = None

    def __init__(self, core: Core, X: csr_matrix) -> None:
        self._core = core
        self._X = X

    def batch(self, places: Places) -> _core.Rows:
        """Return the given rows, dense."""
        return self._core.rows("fit", self._X[places].toarray())

    def blocks(self) -> list[slice]:
        """Return slices of all rows, each to be computed at once."""
        count = self._X.shape[0]
        begins = range(0, count, _SPARSE_BLOCK)
        return [slice(begin, min(begin + _SPARSE_BLOCK, count)) for begin in begins]

    def outputs(self) -> Array:
        """Return the outputs of all rows."""
        return np.concatenate([self._core.predict(self.batch(b)) for b in self.blocks()])


Features = DenseFeatures | SparseFeatures


def features_of(core: Core, X: Array | csr_matrix) -> Features:
    """Return the features of a checked array or sparse matrix."""
    return SparseFeatures(core, X) if issparse(X) else DenseFeatures(core, cast("Array", X))
