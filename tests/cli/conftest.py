"""A run of the command line without options, shared by all tests of it."""

from __future__ import annotations

import numpy as np
import pytest

from cli_runs import prelunet
from prelunet import data
from prelunet.cli.rows import SPLIT_SEED


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory):
    """Return the folder of a run without any option, and what it printed."""
    cwd = tmp_path_factory.mktemp("digits")
    return cwd, prelunet("train", cwd=cwd)


@pytest.fixture(scope="session")
def model_file(digits_run):
    """Return the model that the run without options wrote."""
    return digits_run[0] / "runs" / "digits" / "model.npz"


@pytest.fixture(scope="session")
def held_out():
    """Return the digits that the run without options did not train on."""
    return data.split(data.load("digits"), test_size=0.2, seed=SPLIT_SEED)


@pytest.fixture
def blobs(tmp_path, monkeypatch):
    """Return a small file of three classes, easily told apart, in the working directory."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = rng.normal(size=(90, 4)) + 6 * np.eye(3, 4)[y]
    np.savez("blobs.npz", X=x, y=y)
    return "blobs.npz"
