"""scikit-learn's own tests of its perceptrons, with ours in their place."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MODULE = "sklearn.neural_network.tests.test_mlp"
PLUGIN = """
import prelunet
from sklearn import neural_network

neural_network.MLPClassifier = prelunet.MLPClassifier
neural_network.MLPRegressor = prelunet.MLPRegressor
"""
# Tests that reach into private names, by what they reach for. test_fit, test_n_iter_no_change and
# those of the learning rate do so too, and pass: _optimizer and _no_improvement_count are here.
PRIVATE = {
    "test_gradient": "calls _loss_grad_lbfgs with NumPy lists of activations, deltas and gradients",
}


# Thousands of epochs each.
LONG = ["test_n_iter_no_change_inf", "test_partial_fit_classification"]


def run_theirs(folder, wanted):
    """Run the tests that pytest's expression `wanted` names; return what pytest printed."""
    (folder / "ours_in_place_of_theirs.py").write_text(PLUGIN)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-p", "ours_in_place_of_theirs", "--pyargs", MODULE, "-k", wanted),
            *("-W", "error:MLPRegressor. y has:UserWarning"),
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_their_tests_pass(tmp_path):
    left_out = [*PRIVATE, *LONG]
    printed = run_theirs(tmp_path, " and ".join(f"not {name}" for name in left_out))
    assert f" passed, {len(left_out)} deselected" in printed


@pytest.mark.slow
def test_their_long_tests_pass(tmp_path):
    printed = run_theirs(tmp_path, " or ".join(LONG))
    assert f"{len(LONG)} passed" in printed
