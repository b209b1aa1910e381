"""``prelunet evaluate``: which rows it takes, and what it says of them."""

from __future__ import annotations

import json

import numpy as np

from cli_runs import read_results
from prelunet import cli, data


def test_evaluate_finds_the_rows_that_were_held_out(digits_run, model_file, capsys):
    accuracy = read_results(model_file.parent)["test_accuracy"]
    assert cli.main(["evaluate", str(model_file), "--data", "digits"]) == 0
    line = f"accuracy {accuracy:.4f} (digits: 360 rows held out in training)"
    assert line in capsys.readouterr().out
    assert cli.main(["evaluate", str(model_file), "--data", "digits", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["accuracy"] == accuracy
    assert scores["rows"] == 360


def test_evaluate_on_other_data_takes_all_rows(model_file, tmp_path, capsys):
    digits = data.load("digits")
    file = tmp_path / "part.npz"
    np.savez(file, X=digits.x_train[:100], y=digits.y_train[:100])
    assert cli.main(["evaluate", str(model_file), "--data", str(file), "--threads", "1"]) == 0
    assert "(part.npz: 100 rows, all of the data)" in capsys.readouterr().out


def test_evaluate_takes_test_rows_where_there_are_any(model_file, held_out, tmp_path, capsys):
    file = tmp_path / "both.npz"
    x, y = held_out.x_train[:50], held_out.y_train[:50]
    np.savez(file, x_train=x, y_train=y, x_test=held_out.x_test[:7], y_test=held_out.y_test[:7])
    assert cli.main(["evaluate", str(model_file), "--data", str(file)]) == 0
    assert "(both.npz: 7 test rows)" in capsys.readouterr().out


def test_evaluate_refuses_what_does_not_fit(model_file, blobs, capsys):
    assert cli.main(["evaluate", str(model_file), "--data", blobs]) == 2
    assert "64" in capsys.readouterr().err
    assert cli.main(["evaluate", "nowhere.npz", "--data", "digits"]) == 2
    assert "nowhere.npz" in capsys.readouterr().err
    assert cli.main(["evaluate", blobs, "--data", "digits"]) == 2  # NPZ, but no model
    assert capsys.readouterr().err.startswith("prelunet: error: ")
