"""Rows of X for the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from .. import _core
from ..engine import Core, core_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Array = npt.NDArray[Any]


class Features:
    """A checked array or CSR matrix.

    Attributes
    ----------
    rows : Rows
        All rows. The engine reads an array in place, and a copy of a CSR matrix.
    """

    def __init__(self, core: Core, X: Array | csr_matrix, operation: str = "fit") -> None:
        self._core = core
        self._X = X
        self.rows = core_rows(core, operation, X)

    def batch(self, places: Array) -> _core.Rows:
        """Return the given rows."""
        return core_rows(self._core, "fit", self._X[places])

    def outputs(self) -> Array:
        """Return the outputs of all rows."""
        return self._core.predict(self.rows)
