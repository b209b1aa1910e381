"""`fit(comm=...)` on ranks that mpiexec starts."""

from __future__ import annotations

import os
import random
import signal
import sys
import time

import numpy as np
import pytest

import mpi_checkpoint
import mpi_jobs
import prelunet as pn
from network_models import mlp
from network_runs import RUNS, train
from prelunet.training.ranks import TIMEOUT
from tolerances import assert_same_bits

NAMES = ["sgd", "adam", "adamw", "clip-norm", "dropout", "one-batch", "in-order", "uint8"]
NAMES += ["nesterov", "residual", "residual-sgd", "convolution", "convolution-sgd", "columns"]


def assert_bits_of_one_process(path, names):
    """Assert that the results in a file are those of one process."""
    with np.load(path) as found:
        for name in names:
            for key, values in train("float32", **RUNS[name]).items():
                key = f"{name}: {key}".replace("/", "-")
                assert_same_bits(found[key], values, key)


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_ranks_train_the_bits_of_one_process(tmp_path, ranks):
    mpi_jobs.run(ranks, "mpi_runs.py", tmp_path / "found.npz", *NAMES)
    assert_bits_of_one_process(tmp_path / "found.npz", NAMES)


def test_ranks_with_avx2_and_avx512_train_the_bits_of_one_process(tmp_path):
    isas = pn.show_config(mode="dicts")["isas_available"]
    if not {"avx2", "avx512"} <= set(isas):
        pytest.skip(f"this machine runs {', '.join(isas)}")
    script = ("mpi_runs.py", tmp_path / "found.npz", "adam")
    mpi_jobs.run(2, *script, isas=("avx512", "avx2"))
    assert_bits_of_one_process(tmp_path / "found.npz", ["adam"])


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize(
    "scenario",
    [
        *("callbacks", "averages", "schedules", "callback_error", "layer_error", "interrupt"),
        *("refusals", "unsupported"),
    ],
)
def test_ranks_act_as_one(scenario, ranks):
    mpi_jobs.run(ranks, "mpi_scenarios.py", scenario)


def test_a_rank_that_answers_no_more_ends_the_job():
    job = mpi_jobs.start(2, "mpi_scenarios.py", "stopped", environment={TIMEOUT: "1"})
    code, output = mpi_jobs.finish(job, 30)
    assert code != 0
    assert "prelunet: rank 0 has waited 1 seconds for rank 1, and ends the job" in output


# ---- killed and resumed ------------------------------------------------------------------------


def assert_resumes(folder, epochs, kills, draw):
    """Kill jobs at random moments; assert that the last one ends with one process's bits."""
    alone = folder / "alone"
    alone.mkdir()
    expected = mpi_checkpoint.train(alone, epochs)
    killed = 0
    while killed < kills:
        ranks = draw.choice([1, 2, 3, 4])
        for file in folder.glob("*.pid"):
            file.unlink()
        job = mpi_jobs.start(ranks, "mpi_checkpoint.py", folder, epochs)
        victim = folder / f"{draw.randrange(ranks)}.pid"
        began = time.monotonic()
        while not (victim.exists() and victim.read_text()):
            assert time.monotonic() < began + 60
            time.sleep(0.01)
        time.sleep(draw.uniform(0.0, 1.0))
        if job.poll() is None:
            os.kill(int(victim.read_text()), signal.SIGKILL)
        code, output = mpi_jobs.finish(job, 30)  # no rank is left after 30 seconds
        if code == 0:  # the run was complete
            assert expected in output
            (folder / "run.ckpt").unlink()
        else:
            killed += 1
    assert expected in mpi_jobs.run(3, "mpi_checkpoint.py", folder, epochs)


def test_a_killed_job_resumes_with_another_number_of_ranks(tmp_path):
    assert_resumes(tmp_path, 150, 2, random.Random(1))


@pytest.mark.slow
def test_jobs_killed_at_twenty_moments_resume(tmp_path):
    assert_resumes(tmp_path, 1500, 20, random.Random(2))


# ---- without MPI -------------------------------------------------------------------------------


def test_without_mpi4py_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r"pip install 'prelunet\[mpi\]'"):
        mlp().fit(np.zeros((8, 19)), np.zeros(8, int), comm="world")
