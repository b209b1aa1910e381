"""``prelunet evaluate``: which rows it takes, and what it says of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import prelunet as pn
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


# --- Classes with names ---


def write_csv(name, labels):
    """Write rows whose two features tell the classes apart, then the labels."""
    rng = np.random.default_rng(0)
    kinds = sorted(set(labels))
    lines = []
    for label in labels:
        point = 5 * np.eye(3)[kinds.index(label)] + 0.1 * rng.normal(size=3)
        lines.append(",".join(f"{v:.6f}" for v in point) + f",{label}\n")
    Path(name).write_text("".join(lines))


def accuracy_of(capsys, file):
    """Return the accuracy that evaluate prints of a file."""
    capsys.readouterr()
    assert cli.main(["evaluate", "runs/train/model.npz", "--data", file, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["accuracy"]


@pytest.mark.parametrize("names", [("-1", "1"), ("ant", "bee", "cat"), ("-5", "0", "7")])
def test_classes_with_names_are_kept_in_the_model(tmp_path, monkeypatch, capsys, names):
    monkeypatch.chdir(tmp_path)
    write_csv("train.csv", names * 20)
    options = ["--epochs", "40", "--hidden", "8", "--dropout", "0"]
    assert cli.main(["train", "--data", "train.csv", *options]) == 0
    assert pn.load("runs/train/model.npz").metadata["class_names"] == list(names)
    lines = Path("train.csv").read_text().splitlines(keepends=True)
    Path("some.csv").write_text("".join(lines[-1 :: -len(names)]))  # the last class only
    Path("reversed.csv").write_text("".join(reversed(lines)))
    assert accuracy_of(capsys, "reversed.csv") == 1.0
    assert accuracy_of(capsys, "some.csv") == 1.0
    Path("rows.csv").write_text(f"0,5,0,{names[1]}\n")
    x = np.array([[0.0, 5.0, 0.0]])
    np.savez("rows.npz", X=x)
    np.savez("numbers.npz", X=x, y=[1])
    assert accuracy_of(capsys, "rows.csv") == accuracy_of(capsys, "numbers.npz") == 1.0
    assert cli.main(["predict", "runs/train/model.npz", "rows.npz"]) == 0
    assert f"rows.npz[0]: {names[1]}  " in capsys.readouterr().out
    Path("other.csv").write_text("0,5,0,dog\n")
    assert cli.main(["evaluate", "runs/train/model.npz", "--data", "other.csv"]) == 2
    assert f"the model's classes {', '.join(names)}, got 'dog'" in capsys.readouterr().err
