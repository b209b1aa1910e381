"""Searches on worker processes of Dask and Ray: one thread each, and the bits of this process."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

import prelunet as pn

PROGRAMS = Path(__file__).parents[2] / "docs" / "programs"
X, Y = (a[:300] for a in load_digits(return_X_y=True))
pytestmark = pytest.mark.filterwarnings("ignore")  # those of Dask and Ray, and of short fits


def search():
    network = pn.MLPClassifier((16,), max_iter=4, random_state=0, batch_size=32)
    grid = {"learning_rate_init": [0.001, 0.01]}
    return GridSearchCV(network, grid, cv=3, n_jobs=2).fit(X, Y)


def bits(found):
    scores = found.cv_results_["mean_test_score"]
    return [scores.tobytes(), *(w.tobytes() for w in found.best_estimator_.coefs_)]


@pytest.fixture(scope="module")
def wanted():
    """The bits of the search by threads of this process."""
    with joblib.parallel_config("threading"):
        return bits(search())


@pytest.mark.slow
def test_loky_has_the_same_bits(wanted):
    with joblib.parallel_config("loky"):
        assert bits(search()) == wanted


def test_estimators_pickle_small():
    network = pn.MLPClassifier((16,), max_iter=4, random_state=0)
    assert len(pickle.dumps(network)) < 2_000
    network.fit(X, Y)
    weights = sum(w.nbytes for w in [*network.coefs_, *network.intercepts_])
    assert len(pickle.dumps(network)) < 3 * weights + 8_000  # Adam has two moments


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_dask_and_a_worker_that_is_killed(wanted):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        assert set(client.run(pn.get_num_threads).values()) == {1}
        with joblib.parallel_config("dask"):
            assert bits(search()) == wanted
        # What joblib has sent to a worker dies with it, and the search may end with an error.
        victim = next(iter(client.run(os.getpid).values()))
        done = threading.Event()

        def kill():
            while not any(client.processing().values()) and not done.wait(0.005):
                pass
            os.kill(victim, signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        with joblib.parallel_config("dask"):
            try:
                found = search()
            except distributed.client.FutureCancelledError:
                found = search()  # the cluster has replaced the worker
            finally:
                done.set()
                thread.join()
        assert bits(found) == wanted


@pytest.mark.slow
@pytest.mark.parametrize(("package", "name"), [("distributed", "dask"), ("ray", "ray")])
def test_programs_of_the_page_run(package, name, tmp_path):
    pytest.importorskip(package)
    program = [sys.executable, PROGRAMS / f"{name}_search.py"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "{'learning_rate_init': 0.01}" in done.stdout


@pytest.mark.slow
def test_ray(wanted):
    ray = pytest.importorskip("ray")
    register = pytest.importorskip("ray.util.joblib").register_ray
    ray.init(num_cpus=2, include_dashboard=False)
    try:
        register()
        with joblib.parallel_config("ray"):
            calls = joblib.Parallel(n_jobs=2)(joblib.delayed(pn.get_num_threads)() for _ in "ab")
            assert np.array_equal(calls, [1, 1])
            assert bits(search()) == wanted
    finally:
        ray.shutdown()
