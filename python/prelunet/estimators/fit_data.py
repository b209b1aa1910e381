"""The data of one call of fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class FitData:
    """Checked data of one call of fit.

    Attributes
    ----------
    X : ndarray or sparse matrix of rows
    targets : ndarray
        Labels (n,) for softmax, else (n, outputs).
    weights : ndarray of shape (n,), optional
        Sample weights, for scores.
    given : (X, y)
        The user's original data, for scorers.
    """

    X: Array | csr_matrix
    targets: Array
    weights: Array | None
    given: tuple[object, object]

    @property
    def count(self) -> int:
        """The number of rows."""
        return int(self.X.shape[0])
