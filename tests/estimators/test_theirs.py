"""scikit-learn's own tests of its perceptrons, with ours in their place."""

from __future__ import annotations

import os
import subprocess
import sys

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


def test_their_tests_pass(tmp_path):
    (tmp_path / "ours_in_place_of_theirs.py").write_text(PLUGIN)
    deselected = " and ".join(f"not {name}" for name in PRIVATE)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-p", "ours_in_place_of_theirs", "--pyargs", MODULE, "-k", deselected),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(PRIVATE)} deselected" in run.stdout
    assert " passed" in run.stdout
