"""The data of one call of fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
from sklearn.utils import _safe_indexing

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class FitData:
    """Checked data of one call of fit."""

    X: Array | csr_matrix
    y: Array | csr_matrix  # the user's labels or values
    targets: Array  # labels (n,) for softmax, else (n, outputs)
    weights: Array | None  # sample weights (n,), for scores
    given: tuple[object, object]  # the user's X and y, for scorers

    @property
    def count(self) -> int:
        """The number of rows."""
        return int(self.X.shape[0])

    def take(self, places: Array) -> FitData:
        """Return the rows of the given indices."""
        weights = None if self.weights is None else self.weights[places]
        given = _taken(self.given[0], self.X, places), _taken(self.given[1], self.y, places)
        return FitData(self.X[places], self.y[places], self.targets[places], weights, given)


def _taken(given: Any, checked: Array | csr_matrix, places: Array) -> object:
    """Return rows of a data frame or series; of other data, which may have no index, `checked`."""
    if hasattr(given, "iloc"):
        dtypes = given.dtypes if given.ndim == 2 else [given.dtype]
        if not all(getattr(dtype, "isnative", True) for dtype in dtypes):
            # pandas does not index foreign byte orders.
            names = {"columns": given.columns} if given.ndim == 2 else {"name": given.name}
            return type(given)(checked[places], index=given.index[places], **names)
    elif not hasattr(given, "__dataframe__"):
        return checked[places]
    return _safe_indexing(given, places)
