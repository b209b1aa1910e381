"""Rows of X for the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from ..dtypes import Core
from ..engine import core_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Array = npt.NDArray[Any]


class Features:
    """A checked array or CSR matrix.

    Attributes
    ----------
    X : ndarray or CSR matrix
    rows : Rows
        All rows. The engine reads an array in place, and a copy of a CSR matrix.
    """

    def __init__(self, core: Core, X: Array | csr_matrix, operation: str = "fit") -> None:
        self._core, self.X = core, X
        self.rows = core_rows(core, operation, X)

    def outputs(self) -> Array:
        """Return the outputs of all rows."""
        return self._core.predict(self.rows)
