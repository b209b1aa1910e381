"""Fixtures for every test."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import prelunet as pn
from shares import ids_of_share, read_share


def pytest_addoption(parser):
    parser.addoption(
        "--share",
        metavar="I/N",
        type=read_share,
        help="run the share I of N of each test function's cases, at least one",
    )


@pytest.hookimpl(trylast=True)  # after -k and -m
def pytest_collection_modifyitems(config, items):
    share = config.getoption("share")
    if share is None:
        return
    chosen = ids_of_share([item.nodeid for item in items], *share)
    others = [item for item in items if item.nodeid not in chosen]
    items[:] = [item for item in items if item.nodeid in chosen]
    config.hook.pytest_deselected(items=others)


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
