"""``prelunet bench --tables``: reading and division of tables, the run, and its summary."""

from __future__ import annotations

import json
import sys
import types
from typing import ClassVar

import numpy as np
import pytest

from prelunet import cli
from prelunet.bench import tables
from prelunet.bench.peers.tables import TABLE_PEERS
from prelunet.bench.tables import data, runs, summary
from prelunet.bench.tables.worker import log_loss

pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn")

PEERS = ("prelunet-mlp", "sklearn-hist")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a small table of text, gaps and dates; the target is text."""
    made = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2024-01-30") + pd.to_timedelta(rng.integers(0, 90, 80), "D")
    frame = pd.DataFrame(
        {
            "size": np.where(rng.random(80) < 0.2, np.nan, rng.normal(size=80)),
            "kind": rng.choice(["x", "y", None], 80),
            "day": days.strftime("%Y-%m-%d"),
        }
    )
    frame["answer"] = np.where(frame["size"].fillna(1) > 0, "yes", "no")
    frame.to_csv(made / "small.csv", index=False)
    return made


def result(table, peer, seed=0, error=0.5, task="regression", **more):
    """Return a result of a run."""
    about = {"table": table, "seed": seed, "peer": peer, "cap": None, "task": task}
    times = {"fit_cpu": 1.0, "predict_cpu": 1.0, "test_rows": 10}
    return {**about, "error": error, **times, **more}


# ---- data ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "task", "features"),
    [
        ({"a": [0.5, 1.5], "target": ["x", "y"], "b": [1, 2]}, "classification", 2),
        ({"__target__": [0.5, 1.5], "target": ["x", "y"]}, "regression", 1),
        ({"a": ["x", "y"], "b": [0.25, 1.0]}, "regression", 1),
    ],
)
def test_the_target_is_named_or_last(tmp_path, columns, task, features):
    pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
    table = data.load(tmp_path / "t.csv")
    assert (table.name, table.task, len(table.X.columns)) == ("t", task, features)


def test_classes_are_codes_and_rows_can_be_capped(folder):
    table = data.load(folder / "small.csv", 30)
    assert len(table.y) == len(table.X) == 30
    assert set(table.y.tolist()) == {0, 1}
    assert [str(dtype) for dtype in table.X.dtypes[:2]] == ["float64", "category"]


def test_gaps_are_medians_of_training_rows_with_one_more_column(folder):
    rows = data.split(data.load(folder / "small.csv"), 0)
    filled = data.without_gaps(rows)
    assert list(filled.X.columns) == ["c0", "c1", "c2", "c0_gap"]
    gaps = rows.X_test["c0"].isna()
    assert gaps.any()
    assert (filled.X_test.loc[gaps, "c0"] == rows.X["c0"].median()).all()
    assert (filled.X_test["c0_gap"] == gaps).all()
    assert rows.X_test["c0"].isna().any()  # the rows themselves are unchanged


def test_dates_are_numbers(folder):
    rows = data.split(data.load(folder / "small.csv"), 0)
    plain = data.without_dates(rows).X_test
    first = rows.X["c2"].min()
    assert (plain["c2_days"] == (rows.X_test["c2"] - first).dt.days).all()
    assert (plain["c2_month"] == rows.X_test["c2"].dt.month).all()
    assert "c2" not in plain


def test_every_peer_gets_the_same_quarter(folder):
    table = data.load(folder / "small.csv")
    first, again, other = data.split(table, 0), data.split(table, 0), data.split(table, 1)
    assert first.X_test.index.equals(again.X_test.index)
    assert not first.X_test.index.equals(other.X_test.index)
    assert len(first.y_test) == 20


def test_a_folder_must_have_tables(tmp_path):
    with pytest.raises(ValueError, match="must contain tables"):
        data.files(tmp_path)


def test_the_log_loss_has_a_bound():
    class Model:
        classes_ = np.array([0, 2])

        def predict_proba(self, X):
            return np.array([[1.0, 0.0], [0.5, 0.5]])

    assert log_loss(Model(), None, np.array([0, 2])) == pytest.approx(np.log(2) / 2)
    assert log_loss(Model(), None, np.array([1, 2])) == pytest.approx((52 + 1) * np.log(2) / 2)


class StandIn:
    """Predicts the means of its training rows; knows which rows chose its iteration."""

    made: ClassVar[list[StandIn]] = []

    def __init__(self, random_seed, **_):
        self.seed = random_seed
        self.made.append(self)

    def fit(self, X, y, cat_features, eval_set):
        self.names, self.held = cat_features, eval_set
        self.classes_ = np.unique(y)
        self.mean = (y[:, np.newaxis] == self.classes_).mean(axis=0)
        self.number = y.mean()

    def predict_proba(self, X):
        return np.tile(self.mean, (len(X), 1))

    def predict(self, X):
        return np.full(len(X), self.number)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_catboost_is_bagged_as_prelunet_is(task, monkeypatch):
    module = types.SimpleNamespace(CatBoostClassifier=StandIn, CatBoostRegressor=StandIn)
    monkeypatch.setitem(sys.modules, "catboost", module)
    monkeypatch.setattr(StandIn, "made", [])
    X = pd.DataFrame({"a": np.arange(40.0), "b": pd.Categorical(["x", None] * 20)})
    y = np.arange(40) % 3 if task == "classification" else np.arange(40.0)
    model = TABLE_PEERS["catboost-folds"].make(task, 3).fit(X, y)
    members = StandIn.made
    assert len({member.seed for member in members}) == 8
    assert all(member.names == ["b"] for member in members)
    assert all(set(member.held[0]["b"]) == {"x", "missing"} for member in members)
    held = np.concatenate([member.held[0].index for member in members])
    assert sorted(held) == list(range(40))
    assert (y[held] == np.concatenate([member.held[1] for member in members])).all()
    if task == "classification":
        expected = np.mean([member.mean for member in members], axis=0)
        assert model.predict_proba(X)[0] == pytest.approx(expected)
        assert model.predict_proba(X).sum(axis=1) == pytest.approx(1.0)
        assert model.predict(X).tolist() == [0] * 40
    else:
        assert model.predict(X) == pytest.approx(np.mean([m.number for m in members]))


# ---- a run ---------------------------------------------------------------------------------------


def test_a_run_measures_prints_and_continues(folder, tmp_path, capsys):
    arguments = ["bench", "--tables", str(folder), "--peers", ",".join(PEERS), "--quiet"]
    arguments += ["--out", str(tmp_path), "--against", "sklearn-hist", "--seeds"]
    assert cli.main([*arguments, "1"]) == 0
    printed = capsys.readouterr().out
    assert "Relative to HistGradientBoosting" in printed
    assert "prelunet MLP" in printed
    assert (tmp_path / "tables.png").stat().st_size > 1000
    lines = (tmp_path / "tables.jsonl").read_text().splitlines()
    results = [json.loads(line) for line in lines]
    assert [r["peer"] for r in results] == list(PEERS)
    assert all(0 <= r["error"] < 0.5 and r["log_loss"] > 0 for r in results)
    assert all(r["fit_cpu"] > 0 and r["predict_cpu"] > 0 for r in results)
    assert [r["train_rows"] for r in results] == [60, 60]

    # An incomplete line, of a run that was killed, is measured again; complete lines are not.
    results[1]["error"] = 0.25
    text = "\n".join(map(json.dumps, results))
    (tmp_path / "tables.jsonl").write_text(text + '\n{"table": "sm')
    assert cli.main([*arguments[:4], "sklearn-hist", *arguments[5:], "2"]) == 0
    kept, new = runs.read(tmp_path / "tables.jsonl")[1:]
    assert kept == results[1]
    assert (new["seed"], new["peer"]) == (1, "sklearn-hist")


def test_a_peer_that_fails_is_reported(folder, tmp_path, capsys):
    (tmp_path / "broken.csv").write_text("a,target\n1,2.5\n")
    code = cli.main(["bench", "--tables", str(tmp_path), "--peers", "sklearn-hist", "--quiet"])
    printed = capsys.readouterr()
    assert code == 2
    assert "broken, seed 0, sklearn-hist:" in printed.err
    assert "no estimator could be measured" in printed.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--quick"], "--quick cannot be used with --tables"),
        (["--threads", "2"], "--threads cannot be used with --tables"),
        (["--peers", "perceptron"], "peers must be names among prelunet-td-s"),
        (["--only", "iris"], "only must name tables among small"),
        (["--peers", "sklearn-mlp", "--against", "catboost"], "among sklearn-mlp, got 'catboost'"),
    ],
)
def test_wrong_options_are_one_line(folder, capsys, arguments, words):
    assert cli.main(["bench", "--tables", str(folder), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_options_for_tables_need_them(capsys):
    assert cli.main(["bench", "--seeds", "2"]) == 2
    assert "--seeds needs --tables" in capsys.readouterr().err


def test_a_line_that_is_no_result_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"table": "a"}\n')
    with pytest.raises(ValueError, match="line 1 is not a result"):
        runs.read(tmp_path / "a.jsonl")


def test_peers_take_turns_on_small_files_first(folder, tmp_path):
    (tmp_path / "large.csv").write_text("a,b\n" + "1,2\n" * 99)
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    options = tables.Options(str(tmp_path), seeds=2, peers=PEERS)
    names = [path.stem for path in options.chosen_tables()]
    assert names == ["a", "large"]
    assert [peer.name for peer in options.chosen_peers()] == list(PEERS)


# ---- summary -------------------------------------------------------------------------------------


def test_ratios_are_geometric_means_of_common_tables_and_seeds():
    results = [
        *(result("a", "prelunet-td-s", seed, error=e) for seed, e in enumerate([1.0, 3.0, 90.0])),
        *(result("a", "sklearn-mlp", seed, error=e) for seed, e in enumerate([4.0, 4.0])),
        result("b", "prelunet-td-s", error=2.0),
        result("b", "sklearn-mlp", error=1.0),
        result("c", "sklearn-mlp", error=1.0),
    ]
    ours, theirs = summary.summarize(results, "sklearn-mlp")
    assert ours.error.tables == {"a": 0.5, "b": 2.0}
    assert ours.error.mean == pytest.approx(1.0)
    # Two seeds of "a" have the ratios 1/4, 1/2 and 3/4.
    assert (ours.error.low, ours.error.high) == pytest.approx((0.125**0.5, 2.0))
    assert ours.log_loss is None
    assert theirs.error.mean == theirs.error.low == theirs.error.high == 1.0
    assert (ours.rank, theirs.rank) == (1.5, 1.5)  # of a and b


def test_the_interval_of_one_table_is_that_of_its_seeds():
    errors = {"prelunet-td-s": [1.0, 3.0, 0.0], "sklearn-mlp": [4.0, 4.0, 4.0]}
    results = [
        result("a", name, seed, error=e)
        for name, own in errors.items()
        for seed, e in enumerate(own[:2])
    ]
    found = summary.summarize(results, "sklearn-mlp")[0].error
    assert (found.low, found.mean, found.high) == pytest.approx((0.25, 0.5, 0.75))
    results.append(result("b", "prelunet-td-s", error=0.0))
    results += [result(name, "sklearn-mlp", 2, error=4.0) for name in ("a", "b")]
    results.append(result("a", "prelunet-td-s", 2, error=0.0))
    found = summary.summarize(results, "sklearn-mlp")[0].error  # a resample may have no errors
    assert 0.0 < found.low < found.mean < found.high
    assert found.tables == pytest.approx({"a": 1.0 / 3.0})


def test_no_wrong_label_counts_as_half_a_row():
    results = [
        result("a", name, error=e, task="classification", log_loss=0.1)
        for name, e in (("prelunet-td-s", 0.0), ("sklearn-mlp", 0.1))
    ]
    assert summary.summarize(results, "sklearn-mlp")[0].error.mean == pytest.approx(0.5)


def test_equal_errors_share_a_rank_and_classifiers_alone_have_none():
    errors = {"prelunet-td-s": 1.0, "prelunet-td-s-log-loss": 0.1, "lightgbm": 2.0, "catboost": 2.0}
    found = summary.mean_ranks(
        summary.by_peer([result("a", name, error=e) for name, e in errors.items()])
    )
    assert found == {"prelunet-td-s": 1.0, "lightgbm": 2.5, "catboost": 2.5}


def test_the_report_shows_what_is_missing():
    results = [
        result(
            "a", "sklearn-mlp", error=12345.0, versions={"pandas": "3"}, prelunet="1", processor="P"
        ),
        result(
            "b", "prelunet-td", error=0.5, versions={"pandas": "3"}, prelunet="1", processor="P"
        ),
    ]
    assert tables.report.reference_of(results, None) == "sklearn-mlp"
    text = tables.report.text(results, "sklearn-mlp")
    assert "12,345" in text
    row = next(line for line in text.splitlines() if "prelunet TD" in line)
    assert row.split()[2:] == ["-"] * 5


def test_peers_have_distinct_titles():
    assert len({peer.title for peer in TABLE_PEERS.values()}) == len(TABLE_PEERS)
