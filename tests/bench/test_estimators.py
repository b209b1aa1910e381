"""``prelunet bench --estimators``: both libraries fit the same; what is not there is said."""

from __future__ import annotations

import pytest

from prelunet.bench import estimators, report
from prelunet.bench.estimators import OURS, THEIRS, EstimatorCase


def absent():
    raise FileNotFoundError("fashion-mnist is nowhere\nnot here either")


@pytest.fixture
def found(monkeypatch):
    few = EstimatorCase("426 rows of 30", estimators.CASES["breast cancer"].load, 2, 30)
    cases = {"breast cancer": few, "fashion-mnist": EstimatorCase("images", absent, 1)}
    monkeypatch.setattr(estimators, "CASES", cases)
    monkeypatch.setattr(estimators, "GRID", {"max_iter": [2, 3]})
    return estimators.measure(1, quiet=True)


def test_both_fit_the_same(found):
    ours, theirs = (found["breast cancer"][who] for who in (OURS, THEIRS))
    assert len(ours["seconds"]) == len(theirs["seconds"]) == 2
    assert ours["epochs"] == theirs["epochs"] == 30
    assert ours["score"] == pytest.approx(theirs["score"], abs=0.005)
    search = found["grid search, n_jobs=1"]
    assert search["title"].startswith("6 fits")
    assert {len(search[who]["seconds"]) for who in (OURS, THEIRS)} == {1}


def test_the_table_says_what_was_left_out(found):
    lines = report._estimators(found).splitlines()
    names = [line.split()[0] for line in lines[2:]]
    assert names == ["breast", "fashion-mnist", "grid", "float64", "fashion-mnist"]
    assert lines[-1].strip() == "fashion-mnist left out: fashion-mnist is nowhere"
    (row,) = (row for row in estimators.rows_of(found) if row[0] == "breast cancer")
    assert row[2].endswith(" s")
    assert float(row[4]) > 0.0


@pytest.mark.parametrize("name", ["breast cancer", "digits", "table"])
def test_data_are_float64_and_held_out(name):
    X, y, X_test, y_test = estimators.CASES[name].load()
    assert X.dtype == X_test.dtype == "float64"
    assert len(X) == len(y)
    assert len(X_test) == len(y_test)
    assert abs(X.mean()) < 1e-9
