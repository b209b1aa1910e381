"""Reading of CSV and Parquet files, and the task that a target implies."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from prelunet.tables import read_columns, read_file, task_of

pd = pytest.importorskip("pandas")


def read(tmp_path, content, name="t.csv", **settings):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_file("read", path, **settings)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_recognized(tmp_path, separator):
    frame = read(tmp_path, "a,b\n1,x\n2,y\n".replace(",", separator))
    assert frame.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


def test_decimal_commas(tmp_path):
    frame = read(tmp_path, "a;b\n1,5;x\n-2,25;y\n")
    assert frame["a"].tolist() == [1.5, -2.25]
    assert read(tmp_path, "a;b\n1.5;x,y\n2.5;1,2\n")["a"].tolist() == [1.5, 2.5]


def test_missing_cells_dates_and_quoted_text(tmp_path):
    frame = read(tmp_path, '\ufeffa, day, c\n1, 2024-02-29, "x, y"\n?, , NA\n2, 2024-01-01, z\n')
    kinds = [column.kind for column in read_columns("read", frame)]
    assert kinds == ["number", "date", "category"]
    assert frame.isna().iloc[1].all()
    assert frame["c"][0] == "x, y"


def test_a_column_with_one_other_word_is_no_date(tmp_path):
    frame = read(tmp_path, "day\n2024-02-29\nnever\n")
    assert frame["day"].tolist() == ["2024-02-29", "never"]


def test_digits_are_text_where_asked(tmp_path):
    assert read(tmp_path, "a,b\n01,1\n,2\n", text=["a", "gone"])["a"][0] == "01"


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1.0, None], "b": pd.Categorical(["x", "y"])})
    frame.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_file("read", tmp_path / "t.parquet"), frame)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.xlsx", "", r"must end in \.csv, \.tsv, \.parquet"),
        ("t.csv", "", "t.csv is not a table"),
        ("t.csv", "a,b\n", "it must have columns and rows"),
        ("t.csv", "a,b\n1,2\n1,2,3\n", "t.csv is not a table"),
        ("t.csv", b"a,b\n\xff\xfe,2\n", "t.csv is not a table"),
        ("t.parquet", "a,b\n1,2\n", "t.parquet is not a table"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, name, text, words):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match=words):
        read(tmp_path, text, name)


@pytest.mark.parametrize("package", ["pandas", "pyarrow"])
def test_a_missing_package_names_the_extra(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"prelunet\[tables\]"):
        read(tmp_path, b"", "t.parquet")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_file("read", tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["x", None, "y"], "classification"),
        ([True, False, None], "classification"),
        ([0.5, 1.5], "regression"),
        ([3, 4, 5] * 10, "classification"),
        ([3.0, 4.0, np.nan] * 10, "classification"),
        ([3, 4, 5] * 3, "regression"),
        (list(range(21)) * 30, "regression"),
        (list(range(20)) * 10, "classification"),
    ],
)
def test_the_task_of_a_target(values, task):
    (column,) = read_columns("read", pd.DataFrame({"target": values}))
    assert task_of(column) == task


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ([None, None], ValueError, "all its values are missing"),
        ([np.nan, np.nan], ValueError, "all its values are missing"),
        ([pd.Timestamp("2024-01-01")], TypeError, "got dates"),
    ],
)
def test_no_task(values, error, words):
    (column,) = read_columns("read", pd.DataFrame({"target": values}))
    with pytest.raises(error, match=words):
        task_of(column)
