"""Rows of X as the engine reads them: dense ones as they lie, sparse ones a batch at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse

Array = npt.NDArray[Any]
Places = Array | slice
_SPARSE_BLOCK = 1024  # rows that are made dense together


class DenseFeatures:
    """An array; the engine rounds its rows to the network's dtype as it gathers them."""

    def __init__(self, network: Any, X: Array) -> None:
        self._network = network
        self._X = X
        self.rows = network.rows("fit", X)

    def batch(self, places: Places) -> Any:
        """Return some rows."""
        return self._network.rows("fit", self._X[places])

    def blocks(self) -> list[slice]:
        """Return all rows, cut into what is worked on at once."""
        return [slice(0, len(self._X))]

    def outputs(self) -> Array:
        """Return what the network makes of all rows."""
        outputs: Array = self._network.predict(self.rows)
        return outputs


class SparseFeatures:
    """A matrix of compressed rows; no more than one batch of it is dense at a time."""

    rows = None

    def __init__(self, network: Any, X: Any) -> None:
        self._network = network
        self._X = X

    def batch(self, places: Places) -> Any:
        """Return some rows, dense."""
        return self._network.rows("fit", self._X[places].toarray())

    def blocks(self) -> list[slice]:
        """Return all rows, cut into what is worked on at once."""
        count = self._X.shape[0]
        begins = range(0, count, _SPARSE_BLOCK)
        return [slice(begin, min(begin + _SPARSE_BLOCK, count)) for begin in begins]

    def outputs(self) -> Array:
        """Return what the network makes of all rows."""
        return np.concatenate([self._network.predict(self.batch(b)) for b in self.blocks()])


def features_of(network: Any, X: Any) -> DenseFeatures | SparseFeatures:
    """Return the rows of a checked array or sparse matrix."""
    return SparseFeatures(network, X) if issparse(X) else DenseFeatures(network, X)
