"""``prelunet train``: what it does, prints and writes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import prelunet as pn
from cli_runs import read_results, train
from prelunet import cli, data

FIGURES = ("history.png", "confusion_matrix.png", "alphas.png")
FILES = {"results.json", "model.npz", *FIGURES}


def test_without_options_it_trains_on_digits_and_says_what_came_out(digits_run):
    cwd, process = digits_run
    assert process.returncode == 0, process.stderr
    assert "Traceback" not in process.stderr
    test, time, model, *wrote = process.stdout.splitlines()[-8:]
    assert re.fullmatch(r"model +fingerprint [0-9a-f]{16}", model)
    assert float(re.fullmatch(r"test +accuracy ([\d.]+), loss [\d.]+", test)[1]) >= 0.97
    assert re.fullmatch(r"time +[\d.]+ seconds for 50 epochs \(\w+, threads: \d+\)", time)
    folder = cwd / "runs" / "digits"
    assert {line.split()[-1] for line in wrote} == {f"runs/digits/{name}" for name in FILES}
    assert {path.name for path in folder.iterdir()} == FILES
    for name in FIGURES:
        with Image.open(folder / name) as image:
            assert image.width >= 500
            assert len(image.convert("RGB").getcolors(1 << 20)) > 10


def test_results_hold_everything_the_run_depended_on(digits_run):
    written = read_results(digits_run[0] / "runs" / "digits")
    config = pn.show_config(mode="dicts")
    assert written["test_accuracy"] == written["history"]["val_accuracy"][-1] >= 0.97
    assert {len(values) for values in written["history"].values()} == {50}
    assert set(written["history"]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert written["seconds"] > 0
    assert written["configuration"]["hidden"] == [256, 128]
    assert written["configuration"]["prelu"] == "channel"
    assert written["configuration"]["seed"] == 0
    assert written["versions"]["prelunet"] == pn.__version__
    assert written["versions"]["numpy"] == np.__version__
    assert written["isa"] == config["isa"]
    assert written["threads"] >= 1
    assert written["data"]["train_rows"] == 1437
    assert written["data"]["test_rows"] == 360
    assert "UCI" in written["data"]["credit"]


def test_the_same_seed_gives_the_same_run_and_another_does_not(blobs):
    for seed, folder in ((1, "a"), (1, "b"), (2, "c")):
        assert train("--data", blobs, "--seed", seed, "--out", folder) == 0
    a, b, c = (read_results(folder)["history"] for folder in "abc")
    assert a == b
    assert a != c


def test_quiet_prints_the_result_alone(blobs, capsys):
    assert train("--data", blobs, "--quiet") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert [line.split()[0] for line in printed.out.splitlines()[:4]] == [
        *("test", "time", "model", "wrote")
    ]


def test_out_none_writes_nothing_and_save_one_file(blobs, tmp_path, capsys):
    assert train("--data", blobs, "--out", "none", "--save", "kept/m.npz") == 0
    assert {path.name for path in tmp_path.iterdir()} == {blobs, "kept"}
    assert pn.load("kept/m.npz").metadata["data"] == blobs
    assert "kept/m.npz" in capsys.readouterr().out.splitlines()[-1]


def test_options_reach_the_model(blobs):
    code = train(
        *("--data", blobs, "--hidden", "8x2,4", "--prelu", "shared", "--alpha-init", 0.1),
        *("--dropout", 0, "--dtype", "float64", "--optimizer", "sgd", "--learning-rate", 0),
    )
    assert code == 0
    parameters = pn.load("runs/blobs/model.npz").parameters()
    shapes = [value.shape for name, value in parameters.items() if name.endswith("weight")]
    assert shapes == [(8, 4), (8, 8), (4, 8), (3, 4)]
    alphas = [value for name, value in parameters.items() if name.endswith("alpha")]
    assert [value.shape for value in alphas] == [(1,)] * 3
    assert all(value.dtype == np.float64 and (value == 0.1).all() for value in alphas)


def test_other_activations_and_no_hidden_layer(blobs):
    assert train("--data", blobs, "--activation", "tanh", "--out", "tanh") == 0
    assert train("--data", blobs, "--hidden", "none", "--out", "linear") == 0
    for folder, count in (("tanh", 2), ("linear", 1)):
        names = list(pn.load(f"{folder}/model.npz").parameters())
        assert len([name for name in names if name.endswith("weight")]) == count
        assert not any(name.endswith("alpha") for name in names)
    assert read_results("tanh")["configuration"]["prelu"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["--optimizer", "sgd", "--momentum", "0.9", "--schedule", "step"],
        ["--optimizer", "adamw", "--weight-decay", "0.1", "--schedule", "exponential"],
        ["--optimizer", "adam", "--l2", "0.001", "--schedule", "constant", "--warmup", "3"],
        ["--batch-size", "full", "--epochs", "60", "--threads", "1"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_each_way_of_training_learns(blobs, arguments):
    assert train("--data", blobs, "--epochs", 30, "--learning-rate", 0.01, *arguments) == 0
    written = read_results("runs/blobs")
    assert written["test_accuracy"] >= 0.9
    assert written["history"]["loss"][-1] < written["history"]["loss"][0]


def test_patience_watches_rows_that_are_not_the_test_rows(blobs):
    code = train("--data", blobs, "--patience", 1, "--epochs", 500, "--learning-rate", 0.05)
    assert code == 0
    written = read_results("runs/blobs")
    assert written["epochs"] == len(written["history"]["val_loss"]) < 500
    assert written["data"]["validation_rows"] == 8  # a tenth of 72, rounded up
    assert written["data"]["train_rows"] == 64
    assert written["data"]["validated_on"] == "rows held out of the training rows"


def test_validation_split_takes_training_rows(blobs):
    assert train("--data", blobs, "--validation-split", 0.25) == 0
    counts = read_results("runs/blobs")["data"]
    assert [counts[f"{rows}_rows"] for rows in ("train", "validation", "test")] == [54, 18, 18]


def test_a_data_set_with_test_rows_is_tested_on_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = (200 * y[:, None, None] + rng.integers(0, 50, (60, 3, 3))).astype(np.uint8)
    np.savez("images.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    assert train("--data", "images.npz") == 0
    counts = read_results("runs/images")["data"]
    assert (counts["train_rows"], counts["test_rows"]) == (40, 20)
    metadata = pn.load("runs/images/model.npz").metadata
    assert metadata["held_out"] is None
    assert metadata["image_shape"] == [3, 3, 1]
    assert metadata["pixel_max"] == x[:40].max()


def test_csv_with_a_label_column(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"{i % 2},{i % 2 + i / 100},{-(i % 2)}" for i in range(50)]
    Path("t.csv").write_text("kind,a,b\n" + "\n".join(lines))
    for column in ("kind", "0"):
        assert train("--data", "t.csv", "--label-column", column) == 0
        assert read_results("runs/t")["data"]["train_rows"] == 40


def test_alphas_are_drawn_where_there_is_one_for_each_unit(blobs):
    folder = Path("runs/blobs")
    assert train("--data", blobs) == 0
    assert (folder / "alphas.png").exists()
    for others in (["--prelu", "shared"], ["--activation", "relu"], ["--hidden", "none"]):
        (folder / "alphas.png").touch()  # an earlier run's
        assert train("--data", blobs, *others) == 0
        assert {path.name for path in folder.iterdir()} == FILES - {"alphas.png"}


def test_without_matplotlib_there_is_a_note_and_no_stale_figure(blobs, monkeypatch, capsys):
    assert train("--data", blobs) == 0
    assert Path("runs/blobs/history.png").exists()
    for module in ("matplotlib", "matplotlib.figure", "matplotlib.colors", "matplotlib.ticker"):
        monkeypatch.setitem(sys.modules, module, None)
    assert train("--data", blobs) == 0
    printed = capsys.readouterr()
    notes = [line for line in printed.err.splitlines() if line.startswith("prelunet: note: ")]
    assert len(notes) == 1
    assert "pip install 'prelunet[plot]'" in notes[0]
    assert {path.name for path in Path("runs/blobs").iterdir()} == {"results.json", "model.npz"}
    assert ".png" not in printed.out.splitlines()[-1]


def test_without_scikit_learn_rows_are_held_out_all_the_same(
    tmp_path, monkeypatch, capsys, held_out
):
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "sklearn", None)
        patched.setitem(sys.modules, "sklearn.metrics", None)
        assert cli.main(["train", "--quiet"]) == 0
        written = read_results("runs/digits")
        assert written["test_accuracy"] >= 0.97
        assert Path("runs/digits/history.png").exists()
        assert not Path("runs/digits/confusion_matrix.png").exists()
        capsys.readouterr()
        assert cli.main(["evaluate", "runs/digits/model.npz", "--data", "digits"]) == 0
        assert "360 rows held out in training" in capsys.readouterr().out
    # Other rows would be held out now, and some of them were trained on: they are not passed off.
    assert cli.main(["evaluate", "runs/digits/model.npz", "--data", "digits"]) == 0
    assert "1,797 rows, all of the data: the rows held out in training" in capsys.readouterr().out


def test_mnist_by_its_folder(tmp_path, monkeypatch):
    if not Path(data.where("mnist")).is_dir():
        pytest.skip("MNIST is not on this machine: set PRELUNET_DATA")
    monkeypatch.chdir(tmp_path)
    code = cli.main(
        ["train", "--data", "mnist", "--hidden", "64", "--epochs", "1", "--dropout", "0"]
    )
    assert code == 0
    written = read_results("runs/mnist")
    assert (written["data"]["train_rows"], written["data"]["test_rows"]) == (60_000, 10_000)
    assert written["test_accuracy"] > 0.94
