"""A CSR matrix: row i has the elements indptr[i] to indptr[i + 1], each in the column it names."""

from __future__ import annotations

import numpy as np


def dense_rows(indptr, indices, data, shape):
    """Return the dense matrix; elements in the same place add up."""
    rows = np.zeros(shape, np.float64)
    for i in range(shape[0]):
        for place in range(indptr[i], indptr[i + 1]):
            rows[i, indices[place]] += data[place]
    return rows
