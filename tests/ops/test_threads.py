"""Every op gives the same bits on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from op_cases import op_cases
from tolerances import assert_same_bits

# Enough elements that a team shares them, in rows that no number of threads divides.
SHAPE = (3001, 61)


@pytest.mark.parametrize("case", op_cases(*SHAPE, np.float32, depth=70), ids=str)
def test_bits_do_not_depend_on_threads_float32(case):
    assert_bits_do_not_depend_on_threads(case)


@pytest.mark.parametrize("case", op_cases(*SHAPE, np.float64, depth=70), ids=str)
def test_bits_do_not_depend_on_threads_float64(case):
    assert_bits_do_not_depend_on_threads(case)


def assert_bits_do_not_depend_on_threads(case):
    pn.set_num_threads(1)
    expected = case.results()
    assert expected
    for threads in (2, 3, 4):
        pn.set_num_threads(threads)
        assert pn.get_num_threads() == threads
        for got, wanted in zip(case.results(), expected, strict=True):
            assert_same_bits(got, wanted, f"{threads} threads")
