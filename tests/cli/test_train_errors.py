"""``prelunet train``: what it refuses, and how it says so."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from cli_runs import train
from prelunet import cli, data
from prelunet.cli import rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hidden", "4y2"], "argument --hidden: must be units"),
        (["--hidden", "0"], "argument --hidden: must be units"),
        (["--epochs", "0"], "argument --epochs: must be an integer >= 1, got '0'"),
        (["--batch-size", "all"], "argument --batch-size: must be an integer >= 1, or full"),
        (["--seed", "-1"], "argument --seed: must be an integer >= 0"),
        (["--validation-split", "1"], "argument --validation-split: must be a number between"),
        (["--validation-split", "x"], "argument --validation-split: must be a finite number"),
        (["--alpha-init", "inf"], "argument --alpha-init: must be a finite number, got 'inf'"),
        (["--learning-rate", "nan"], "argument --learning-rate: must be a finite number"),
        (["--prelu", "shared", "--activation", "relu"], "not allowed with"),
        (["--activation", "nope"], "argument --activation: invalid choice"),
        (["--nope"], "unrecognized arguments: --nope"),
    ],
)
def test_bad_options_are_refused_by_the_parser(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.npz"], "name_or_path must be a file"),
        (["--data-dir", "nowhere"], "data_dir must be a folder"),
        (["--dropout", "1"], "Dropout: rate"),
        (["--learning-rate", "-1"], "learning_rate must be a finite number >= 0, got -1.0"),
        (["--l2", "-1"], "Adam: l2 must be"),
        (["--momentum", "0.9"], "--momentum must be left out unless --optimizer is sgd"),
        (["--warmup", "100000"], "--warmup must be fewer than the 225 updates"),
        (["--seed", "99999999999999999999"], "seed must be an integer"),
        (["--out", "taken"], "taken: "),
        (["--save", "taken/m.npz"], "taken: "),
        (["--save", "m.pkl"], "--save must end in .npz or .safetensors, got 'm.pkl'"),
        (["--label-column", "3"], "label_column must be left out"),
    ],
)
def test_errors_of_the_library_are_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("a file")
    assert cli.main(["train", "--epochs", "5", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("prelunet: error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not Path("runs/digits/results.json").exists()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((4, 2)), np.array([0, 1, 0, 9]), "labels must count classes from 0"),
        (np.ones((4, 2)), np.array(["a", "b", "a", "b"], "S"), "y must be an array of numbers"),
        (np.ones((4, 2)), np.array([0.5, 1, 0, 1]), "integer labels"),
        (np.ones((4, 2)), np.array([0, 1, 1]), "same number of rows"),
    ],
)
def test_data_that_cannot_be_classified_are_refused(x, y, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("bad.npz", X=x, y=y)
    assert train("--data", "bad.npz") == 2
    assert message in capsys.readouterr().err


def test_targets_to_regress_on_are_refused():
    values = data.Dataset("prices", np.ones((4, 2)), np.array([0.5, 1.5, 2.5, 3.5]))
    with pytest.raises(ValueError, match="prices: the targets must be integer labels"):
        rows.number_of_classes(values)


def test_a_folder_without_permission_is_met_before_training(blobs, monkeypatch, capsys):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert train("--data", blobs) == 2
    printed = capsys.readouterr()
    assert "no permission to write there" in printed.err
    assert printed.out == ""


def test_a_diverging_training_is_an_error(blobs, capsys):
    arguments = ["--optimizer", "sgd", "--learning-rate", "1e30", "--schedule", "constant"]
    assert train("--data", blobs, *arguments) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("prelunet: error: train: fit: epoch 1: the loss is ")
    assert "a smaller learning rate" in printed
    assert "(--learning-rate is 1e+30)" in printed
    assert not Path("runs/blobs/results.json").exists()


def test_nan_in_the_data_is_named(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.ones((40, 3))
    x[7, 1] = np.nan
    np.savez("gaps.npz", X=x, y=np.arange(40) % 2)
    assert train("--data", "gaps.npz") == 2
    assert "the loss is nan, and X has NaN, infinity or " in (printed := capsys.readouterr().err)
    assert printed.count("column 1") == 1


def test_what_no_memory_can_hold_is_an_error_like_others(monkeypatch, capsys):
    def load(*arguments, **options):
        raise MemoryError("load: a.npz: not enough memory")

    monkeypatch.setattr(data, "load", load)
    assert train("--data", "digits", "--out", "none") == 2
    assert capsys.readouterr().err == "prelunet: error: load: a.npz: not enough memory\n"
