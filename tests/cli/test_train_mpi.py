"""`prelunet train --mpi`, started by mpiexec."""

from __future__ import annotations

import sys

import mpi_jobs
from cli_runs import read_results, train

OPTIONS = ("--epochs", "2", "--hidden", "16", "--batch-size", "64", "--threads", "1")


def command(ranks, *arguments):
    """Start the command on some ranks."""
    return mpi_jobs.start(ranks, "-m", "prelunet", "train", "--mpi", *OPTIONS, *arguments)


def test_all_ranks_train_the_model_of_one_process(tmp_path):
    code, output = mpi_jobs.finish(command(3, "--out", tmp_path / "all", "--dropout", "0.3"))
    assert code == 0, output
    assert output.count("fingerprint") == output.count("network  ") == 1  # of rank 0
    alone = tmp_path / "alone"
    assert train(*OPTIONS, "--out", alone, "--dropout", "0.3") == 0
    all_ranks, one = read_results(tmp_path / "all"), read_results(alone)
    assert all_ranks["configuration"].pop("mpi")
    assert not one["configuration"].pop("mpi")
    assert all_ranks["configuration"].pop("out") != one["configuration"].pop("out")
    same = ("fingerprint", "history", "test_loss", "test_accuracy", "configuration", "epochs")
    assert {key: all_ranks[key] for key in same} == {key: one[key] for key in same}


def test_an_error_ends_the_job(tmp_path):
    job = command(2, "--learning-rate", "1e30", "--out", tmp_path)
    code, output = mpi_jobs.finish(job, 60)
    assert code != 0
    assert "prelunet: rank 0: ValueError: train: fit: epoch 1: the loss is" in output
    assert not list(tmp_path.iterdir())


def test_tables_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n")
    job = mpi_jobs.start(2, *("-m", "prelunet", "train", "--mpi", "--data", path, "--target", "y"))
    code, output = mpi_jobs.finish(job)
    assert code != 0
    assert "train: --mpi cannot be used with --target" in output


def test_without_mpi4py_the_error_names_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert train("--mpi") == 2
    assert "train --mpi needs the package 'mpi4py'" in capsys.readouterr().err
