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
    """Checked data of one call of fit."""

    X: Array | csr_matrix
    targets: Array  # labels (n,) for softmax, else (n, outputs)
    weights: Array | None  # sample weights (n,), for scores
    given: tuple[object, object]  # the user's X and y, for scorers

    @property
    def count(self) -> int:
        """The number of rows."""
        return int(self.X.shape[0])
