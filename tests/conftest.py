"""Fixtures for every test."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def rng():
    """Return the same random numbers for every test."""
    return np.random.default_rng(20240607)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    """Return each of the two dtypes that the library computes in."""
    return request.param


@pytest.fixture(autouse=True)
def _same_thread_count_afterwards(request):
    """Undo what a test does to the number of threads."""
    if request.path.name in ("test_reference.py", "test_tolerances.py"):  # not of the library
        yield
        return
    import prelunet as pn

    before = pn.get_num_threads()
    yield
    pn.set_num_threads(before)
