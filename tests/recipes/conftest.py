"""Fixtures for the tests of recipes."""

from __future__ import annotations

import functools

import pytest

from prelunet import data


@pytest.fixture(scope="module", autouse=True)
def _load_once():
    """Read each data set once in a file of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", functools.cache(data.load))
        yield
