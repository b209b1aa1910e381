"""``prelunet train --target`` and the other commands with the model of a table."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import prelunet as pn
from cli_runs import prelunet, read_results
from prelunet import cli
from prelunet.cli import table_figures

pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn")

FAST = ("--epochs", "8", "--threads", "1")
FIGURES = {"history.png", "importance.png"}
FILES = {"results.json", "model.npz", *FIGURES}


def sensors(count=160):
    """Return rows of text, gaps, dates, bool and unequal scales, with a label and a number."""
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2019-03-01") + pd.to_timedelta(rng.integers(0, 900, count), "D")
    frame = pd.DataFrame(
        {
            "station": rng.choice(["north", "south", None], count),
            "temp": np.where(rng.random(count) < 0.1, np.nan, rng.normal(15, 8, count).round(1)),
            "pressure": rng.normal(101_325, 900, count),
            "installed": days.strftime("%Y-%m-%d"),
            "checked": rng.choice([True, False, None], count),
            "code": rng.choice(["1", "2", "x"], count),
        }
    )
    warm = frame["temp"].fillna(0.0) > 15.0
    frame["label"] = np.where(warm, "warm", "cold")
    frame["price"] = 1000.0 + 100.0 * warm + rng.normal(size=count)
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the table, and runs of a classifier and a regressor."""
    made = tmp_path_factory.mktemp("tables")
    frame = sensors()
    frame.drop(columns="price").to_csv(made / "sensors.csv", index=False)
    frame.drop(columns="label").to_csv(made / "prices.csv", index=False, sep=";", decimal=",")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        assert cli.main(["train", "sensors.csv", "--target", "label", *FAST, "--quiet"]) == 0
        prices = ["train", "--target", "price", *FAST, "--quiet", "prices.csv"]
        assert (
            cli.main([*prices, "--out", "p", "--save", "s/price.npz", "--preset", "realmlp-td"])
            == 0
        )
    return made


@pytest.fixture
def inside(folder, monkeypatch):
    """Change to the folder."""
    monkeypatch.chdir(folder)
    return folder


# ---- train ---------------------------------------------------------------------------------------


def test_a_classifier_is_trained_tested_and_written(inside):
    out = inside / "runs" / "sensors"
    assert {path.name for path in out.iterdir()} == {*FILES, "confusion_matrix.png"}
    found = read_results(out)
    assert found["test_accuracy"] > 0.6
    assert found["test_loss"] > 0.0
    assert found["task"] == "classification"
    assert len(found["history"]["loss"]) == len(found["history"]["val_accuracy"]) == 8
    assert next(iter(found["permutation_importance"])) == "temp"
    assert found["data"]["train_rows"], found["data"]["test_rows"] == (128, 32)
    kinds = {column["name"]: column["kind"] for column in found["data"]["columns"]}
    assert kinds == {
        "station": "category",
        "temp": "number",
        "pressure": "number",
        "installed": "date",
        "checked": "category",
        "code": "category",
    }
    model = pn.load(out / "model.npz")
    assert found["fingerprint"] == model.fingerprint()
    assert model.metadata_["target"] == "label"


def test_a_regressor_is_trained_tested_and_written(inside):
    assert {path.name for path in Path("p").iterdir()} == {*FILES, "residuals.png"}
    found = read_results("p")
    assert found["test_rmse"] < 100.0
    assert found["test_r2"] < 1.0
    assert found["configuration"]["preset"] == "realmlp-td"
    assert len(found["history"]["val_rmse"]) == 8
    assert isinstance(pn.load("s/price.npz"), pn.TabularRegressor)


def test_training_says_what_it_does(inside, tmp_path):
    process = prelunet(
        *("train", "--data", inside / "sensors.csv", "--target", "label", *FAST),
        *("--scoring", "log_loss", "--test-fraction", "0.5"),
        cwd=tmp_path,
    )
    assert process.returncode == 0, process.stderr
    first = [line.split()[0] for line in process.stdout.splitlines()]
    assert first[:7] == ["data", "target", "network", "columns", "test", "time", "model"]
    assert "80 rows to train on, 80 to test" in process.stdout
    assert "classification, 2 classes (cold, warm)" in process.stdout
    assert "3 categories, 2 numbers, 1 date" in process.stdout
    assert "8/8" in process.stderr  # a bar, or a line per epoch
    assert "val_log_loss" in read_results(tmp_path / "runs" / "sensors")["history"]


def test_quiet_training_without_files_prints_the_result_alone(inside, capsys):
    arguments = ["train", "sensors.csv", "--target", "label", *FAST, "--quiet", "--out", "none"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert [line.split()[0] for line in printed.out.splitlines()] == ["test", "time", "model"]


def test_the_seed_decides_the_network_and_not_the_test_rows(inside, capsys):
    for seed, out in ((0, "a"), (0, "b"), (1, "c")):
        arguments = ["--seed", str(seed), "--out", out, "--quiet"]
        assert cli.main(["train", "sensors.csv", "--target", "label", *FAST, *arguments]) == 0
    a, b, c = (read_results(folder) for folder in "abc")
    assert a["fingerprint"] == b["fingerprint"] != c["fingerprint"]
    assert a["data"] == c["data"]


def test_the_task_can_be_given(inside, tmp_path):
    frame = pd.DataFrame({"a": np.arange(40.0), "grade": np.arange(40) % 2})
    frame.to_csv(tmp_path / "grades.csv", index=False)
    arguments = ["train", str(tmp_path / "grades.csv"), "--target", "grade", *FAST, "--quiet"]
    for task in ("classification", "regression"):
        assert cli.main([*arguments, "--task", task, "--out", str(tmp_path / task)]) == 0
        assert read_results(tmp_path / task)["task"] == task


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "place"], "has no column 'place'; its columns are station, temp"),
        (["--target", "label", "--hidden", "8"], "--hidden cannot be used with --target"),
        (["--target", "label", "--label-column", "1"], "--label-column cannot be used with"),
        (["--target", "label", "--task", "regression"], "needs --task classification"),
        (["--target", "installed"], "must hold classes or numbers, got dates"),
        (["--target", "temp", "--task", "classification"], "use --task regression"),
        (["--target", "label", "--scoring", "beauty"], "scoring must be one of 'accuracy'"),
        (["--task", "regression"], "--task needs --target"),
        (["--data", "digits"], "DATA and --data cannot both be given"),
        ([], "--target COLUMN trains on tables with text, dates, missing cells"),
    ],
)
def test_what_does_not_apply_is_one_line(inside, capsys, arguments, words):
    assert cli.main(["train", "sensors.csv", *arguments]) == 2
    printed = capsys.readouterr()
    (error,) = [line for line in printed.err.splitlines() if "note:" not in line]
    assert words in error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,b\nann,1\nbob,2\ncid,3\n", "has 3 classes in 3 rows"),
        ("name,b\nann,1\nann,2\n", "is ann in all rows"),
        ("name\nann\nann\n", "must have columns besides the target 'name'"),
        ("name,b\n,1\n,2\n", "all its values are missing"),
    ],
)
def test_targets_that_are_no_classes(tmp_path, capsys, text, words):
    (tmp_path / "t.csv").write_text(text)
    assert cli.main(["train", str(tmp_path / "t.csv"), "--target", "name"]) == 2
    assert words in capsys.readouterr().err


def test_target_needs_a_table_and_its_packages(inside, capsys, monkeypatch):
    assert cli.main(["train", "--target", "label"]) == 2
    assert "--target needs a file that ends in .csv" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert cli.main(["train", "sensors.csv", "--target", "label"]) == 2
    assert "pip install 'prelunet[tables]'" in capsys.readouterr().err


def test_rows_without_a_target_are_left_out(inside, tmp_path, capsys):
    frame = pd.read_csv("sensors.csv")
    frame.loc[:9, "label"] = None
    frame.to_csv(tmp_path / "gaps.csv", index=False)
    arguments = [str(tmp_path / "gaps.csv"), "--target", "label", *FAST, "--out", "none"]
    assert cli.main(["train", *arguments]) == 0
    printed = capsys.readouterr()
    assert "10 rows without 'label' are left out" in printed.err
    assert "120 rows to train on, 30 to test" in printed.out


# ---- predict and evaluate ------------------------------------------------------------------------


def test_columns_are_read_by_name(inside, tmp_path, capsys):
    frame = sensors(20)
    model = pn.load("runs/sensors/model.npz")
    expected = model.predict(
        frame[list(model.feature_names_in_)].assign(installed=pd.to_datetime(frame["installed"]))
    )
    columns = ["extra", *reversed(frame.columns.drop("price"))]
    shuffled = frame.assign(extra=1)[columns]
    shuffled.to_csv(tmp_path / "new.csv", index=False)
    out = str(tmp_path / "predictions.csv")
    path = str(tmp_path / "new.csv")
    assert cli.main(["predict", "runs/sensors/model.npz", path, "--out", out]) == 0
    assert "does not know: extra" in capsys.readouterr().err
    found = pd.read_csv(out)
    assert list(found.columns) == ["label", "probability_cold", "probability_warm"]
    assert found["label"].tolist() == expected.tolist()
    np.testing.assert_allclose(found.iloc[:, 1:].sum(axis=1), 1.0)

    assert cli.main(["predict", "runs/sensors/model.npz", path]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith(f"{path}[0]: {expected[0]}  ")
    assert cli.main(["predict", "runs/sensors/model.npz", path, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["class"] for row in rows] == expected.tolist()
    assert rows[0]["probabilities"].keys() == {"cold", "warm"}


def test_categories_of_digits_are_text_in_every_file(inside, tmp_path, capsys):
    """In training they stand beside other text, in this file they could be integers."""
    frame = sensors(20).assign(code="1")
    frame.to_csv(tmp_path / "new.csv", index=False)
    assert cli.main(["predict", "runs/sensors/model.npz", str(tmp_path / "new.csv")]) == 0
    assert "count as missing" not in capsys.readouterr().err
    frame.assign(code="9").to_csv(tmp_path / "new.csv", index=False)
    assert cli.main(["predict", "runs/sensors/model.npz", str(tmp_path / "new.csv")]) == 0
    assert "no value of column 'code' occurred in training, such as '9'" in capsys.readouterr().err


def test_numbers_are_predicted(inside, capsys):
    assert cli.main(["predict", "p/model.npz", "prices.csv", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 160
    assert all(abs(row["value"] - 1050.0) < 300.0 for row in rows)
    assert cli.main(["predict", "p/model.npz", "prices.csv"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"prices.csv[0]: {rows[0]['value']:.6g}"


def test_a_parquet_file_predicts_the_same(inside, tmp_path, capsys):
    pytest.importorskip("pyarrow")
    frame = sensors().drop(columns="label")
    frame.to_parquet(tmp_path / "prices.parquet")
    written = []
    for source in ("prices.csv", str(tmp_path / "prices.parquet")):
        out = str(tmp_path / f"{len(written)}.csv")
        assert cli.main(["predict", "p/model.npz", source, "--out", out]) == 0
        written.append(Path(out).read_text())
    assert written[0] == written[1]


def test_the_held_out_rows_of_the_same_file_are_evaluated(inside, tmp_path, capsys):
    assert cli.main(["evaluate", "runs/sensors/model.npz", "sensors.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    results = read_results("runs/sensors")
    assert (found["accuracy"], found["loss"]) == (results["test_accuracy"], results["test_loss"])
    assert (found["rows"], found["what"]) == (32, "rows held out in training")
    sensors(30).to_csv(tmp_path / "other.csv", index=False)
    assert cli.main(["evaluate", "runs/sensors/model.npz", str(tmp_path / "other.csv")]) == 0
    assert "30 rows, all of the table" in capsys.readouterr().out
    assert cli.main(["evaluate", "p/model.npz", "--data", "prices.csv"]) == 0
    assert f"RMSE {read_results('p')['test_rmse']:.4g}" in capsys.readouterr().out


def test_a_model_that_was_not_trained_here_needs_the_target(inside, tmp_path, capsys):
    rows = [["a", 1.0], ["b", 2.0], ["a", None]] * 10
    model = pn.TabularClassifier(epochs=2).fit(rows, [True, False, True] * 10)
    model.save(tmp_path / "m.npz")
    frame = pd.DataFrame(rows, columns=["x", "y"]).assign(target=[True, False, True] * 10)
    frame.to_csv(tmp_path / "t.csv", index=False)
    arguments = ["evaluate", str(tmp_path / "m.npz"), str(tmp_path / "t.csv")]
    assert cli.main(arguments) == 2
    assert "give --target COLUMN" in capsys.readouterr().err
    assert cli.main([*arguments, "--target", "target"]) == 0
    assert "accuracy" in capsys.readouterr().out
    assert cli.main(["predict", *arguments[1:]]) == 2
    assert "must have 2 columns" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs/sensors/model.npz", "few.csv"], "lacks columns that the model was trained on: tem"),
        (["runs/sensors/model.npz", "word.csv"], "column 'temp' must hold numbers, got 'hot'"),
        (["runs/sensors/model.npz", "sensors.csv", "--out", "a.txt"], "--out must end in .csv"),
        (["p/model.npz", "few.csv", "few.csv", "--out", "a.csv"], "--out needs one FILE, got 2"),
    ],
)
def test_tables_of_other_columns_are_refused(inside, capsys, arguments, words):
    Path("few.csv").write_text("station\nnorth\n")
    pd.read_csv("sensors.csv").head(2).assign(temp="hot").to_csv("word.csv", index=False)
    assert cli.main(["predict", *arguments]) == 2
    assert words in capsys.readouterr().err


# ---- export --------------------------------------------------------------------------------------


def test_models_of_tables_are_exported(inside, tmp_path, capsys):
    pytest.importorskip("onnx")
    columns = "station, temp, pressure, installed, checked, code"
    for model, outputs in (("runs/sensors", "label, probabilities"), ("p", "variable")):
        file = str(tmp_path / "m.onnx")
        assert cli.main(["export", f"{model}/model.npz", file]) == 0
        assert capsys.readouterr().out == f"wrote {file}: float32, {columns} to {outputs}\n"
        pn.load(f"{model}/model.npz").to_onnx(tmp_path / "same.onnx")
        assert Path(file).read_bytes() == (tmp_path / "same.onnx").read_bytes()
    for arguments, words in (
        (["runs/sensors/model.npz", "m.h"], "a TabularClassifier reads the columns of a table"),
        (["p/model.npz", "m.onnx", "--probabilities"], "--probabilities is for classifiers"),
    ):
        assert cli.main(["export", *arguments]) == 2
        assert words in capsys.readouterr().err
        assert not Path(arguments[1]).exists()


# ---- info ----------------------------------------------------------------------------------------


def test_info_of_a_table(inside, tmp_path, capsys):
    pytest.importorskip("safetensors")
    model = pn.load("runs/sensors/model.npz")
    model.save(tmp_path / "m.safetensors")
    assert cli.main(["info", str(tmp_path / "m.safetensors")]) == 0
    printed = capsys.readouterr().out
    for words in ("TabularClassifier", "realmlp-td-s", "cold, warm", "sensors.csv", "SELU"):
        assert words in printed
    assert f"fingerprint  {model.fingerprint()}" in printed
    assert "station    category: north, south\n" in printed
    assert "temp       number\n" in printed
    assert f"prelunet {pn.__version__}" in printed


def test_info_of_a_network(tmp_path, capsys):
    model = pn.Sequential([pn.Dense(3, name="only")], input_shape=(2,))
    model.compile(loss="softmax_cross_entropy")
    model.save(tmp_path / "m.npz", metadata={"class_names": ["a", "b", "c"], "data": "made"})
    assert cli.main(["info", str(tmp_path / "m.npz"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["input_shape"] == [2]
    assert found["classes"] == ["a", "b", "c"]
    assert found["metadata"] == {"data": "made"}
    assert found["fingerprint"] == model.fingerprint()
    assert cli.main(["info", str(tmp_path / "m.npz")]) == 0
    assert "only   Dense" in capsys.readouterr().out


# ---- figures -------------------------------------------------------------------------------------


def test_many_columns_are_the_most_important_ones():
    means = {f"a column with a rather long name {i}": float(-i) for i in range(40)}
    zeros = dict.fromkeys(means, 0.0)
    figure = table_figures.draw_importance(table_figures.Importance("loss", means, zeros))
    (ax,) = figure.axes
    assert len(ax.patches) == table_figures.MOST_BARS
    assert "30 of 40" in ax.get_title()


def test_residuals_are_actual_minus_predicted():
    figure = table_figures.draw_residuals(np.array([1.0, 2.0]), np.array([3.0, 2.5]), "price")
    left, right = figure.axes
    np.testing.assert_array_equal(left.collections[0].get_offsets(), [[1.0, 3.0], [2.0, 2.5]])
    np.testing.assert_array_equal(right.collections[0].get_offsets(), [[3.0, -2.0], [2.5, -0.5]])
