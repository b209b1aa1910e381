"""Sparse rows without SciPy, which is not there wherever bits are compared."""

from __future__ import annotations

import numpy as np


class Csr:
    """A CSR matrix as far as models read one."""

    format = "csr"
    ndim = 2

    def __init__(self, indptr, indices, data, shape):
        self.indptr, self.indices, self.data, self.shape = indptr, indices, data, shape

    @classmethod
    def of(cls, rows, index=np.int32):
        """Return the elements other than zero of a dense matrix."""
        places = [np.flatnonzero(row) for row in rows]
        indptr = np.cumsum([0, *map(len, places)]).astype(index)
        indices = np.concatenate(places).astype(index)
        return cls(indptr, indices, rows[rows != 0], rows.shape)

    def __getitem__(self, places):
        rows = np.zeros(self.shape, self.data.dtype)
        for i in range(len(rows)):
            own = slice(self.indptr[i], self.indptr[i + 1])
            rows[i, self.indices[own]] = self.data[own]
        return Csr.of(rows[places])

    def tocsr(self):
        return self


def few(rng, rows, features, dtype=np.float64, density=0.2):
    """Return a dense matrix of normal numbers and zeros, with empty and full rows."""
    X = rng.standard_normal((rows, features)) * (rng.random((rows, features)) < density)
    X[1::9] = 0.0
    X[2::9] = rng.standard_normal(X[2::9].shape)
    return X.astype(dtype)
