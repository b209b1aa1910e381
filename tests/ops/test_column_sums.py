"""Sums over rows."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from op_cases import normal
from reference.column_sums import column_sums
from tolerances import assert_same_bits, assert_within, sum_tolerance


def test_agrees_with_the_oracle(rng, dtype):
    for rows in (0, 1, 7, 8, 9, 15, 16, 17, 100, 1000):
        for columns in (1, 3, 4, 8, 15, 16, 17, 33, 48, 97):
            x = normal(rng, (rows, columns), dtype)
            bound = sum_tolerance(rows, dtype) * column_sums(np.abs(x))
            sums = pn.ops.column_sums(x)
            assert sums.dtype == dtype
            assert_within(sums, column_sums(x), bound, f"{x.shape}")


@pytest.mark.parametrize("rows", [1, 8, 9, 100])
def test_goes_by_chunks_of_eight_rows_in_order(rng, dtype, rows):
    x = normal(rng, (rows, 37), dtype)
    total = np.zeros(37, dtype)
    for begin in range(0, rows, 8):
        chunk = np.zeros(37, dtype)
        for row in x[begin : begin + 8]:
            chunk += row
        total += chunk
    assert_same_bits(pn.ops.column_sums(x), total)


def test_nan_and_infinity_stay_in_their_column(rng, dtype):
    x = normal(rng, (30, 21), dtype)
    x[29, 20], x[3, 5], x[4, 7], x[5, 7] = np.nan, np.inf, np.inf, -np.inf
    sums = pn.ops.column_sums(x)
    assert np.flatnonzero(np.isnan(sums)).tolist() == [7, 20]
    assert np.flatnonzero(np.isinf(sums)).tolist() == [5]
