"""Fixtures for every test."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import prelunet as pn


@pytest.fixture(scope="session", autouse=True)
def _interrupts_arrive():
    """A shell's background jobs ignore SIGINT, and so would all that tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def rng():
    """Return the same random numbers for every test."""
    return np.random.default_rng(20240607)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    """Return each of the two dtypes that the library computes in."""
    return request.param


@pytest.fixture(autouse=True)
def _default_thread_count_afterwards():
    """Undo what a test does to the number of threads."""
    yield
    pn.set_num_threads(None)
