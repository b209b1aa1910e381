"""Columns of data frames, Arrow tables and arrays."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from prelunet.tables import choose_kinds, read_columns

NAN, NAT = np.nan, np.datetime64("NaT")
DAY = datetime.datetime(2024, 2, 29, 13, 30)
DATA = {
    "age": [1.5, None, 3.0],
    "job": ["clerk", None, "baker"],
    "own": [True, False, None],
    "when": [DAY, None, DAY + datetime.timedelta(days=1)],
}
KINDS = ["number", "category", "category", "date"]


def pandas_frame():
    pd = pytest.importorskip("pandas")
    own = pd.array(DATA["own"], dtype="boolean")
    return pd.DataFrame({**DATA, "own": own, "when": pd.to_datetime(DATA["when"])})


def pandas_objects():
    return pytest.importorskip("pandas").DataFrame(DATA, dtype=object)


def polars_frame():
    return pytest.importorskip("polars").DataFrame(DATA)


def arrow_table():
    return pytest.importorskip("pyarrow").table(DATA)


def object_array():
    return np.array(list(zip(*DATA.values(), strict=True)), dtype=object)


TABLES = [pandas_frame, pandas_objects, polars_frame, arrow_table, object_array]


def texts(column):
    """Return the levels of the rows of a category; None where missing."""
    found = column.categories()
    return [None if code < 0 else found.levels[code] for code in found.values]


@pytest.mark.parametrize("make", TABLES)
def test_columns_of_every_library_are_alike(make):
    age, job, own, when = columns = read_columns("fit", make())
    assert [column.kind for column in columns] == KINDS
    np.testing.assert_array_equal(age.numbers(), [1.5, NAN, 3.0])
    assert texts(job) == ["clerk", None, "baker"]
    assert texts(own) == [True, False, None]
    expected = np.array([DAY, NAT, DAY + datetime.timedelta(days=1)], "datetime64[us]")
    np.testing.assert_array_equal(when.dates(), expected)


def test_lists_of_rows():
    number, text = read_columns("fit", [[1, "a"], [2.5, "b"]])
    assert (number.kind, text.kind) == ("number", "category")
    np.testing.assert_array_equal(number.numbers(), [1.0, 2.5])
    assert [c.kind for c in read_columns("fit", [[1, 2], [3, 4]])] == ["number", "number"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "uint64", ">f8", "longdouble"])
def test_numbers_of_arrays(dtype):
    (column,) = read_columns("fit", np.array([[1], [2]], dtype))
    assert column.kind == "number"
    np.testing.assert_array_equal(column.numbers(), [1.0, 2.0])


@pytest.mark.parametrize("dtype", ["bool", "U3", "datetime64[D]"])
def test_other_kinds_of_arrays(dtype):
    values = {"bool": [True, False], "U3": ["x", "y"], "datetime64[D]": ["2020-01-01", "NaT"]}
    (column,) = read_columns("fit", np.array(values[dtype], dtype)[:, np.newaxis])
    assert column.kind == ("date" if dtype.startswith("date") else "category")


def test_categories_of_pandas_and_polars():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    ints = pd.DataFrame({"code": pd.Categorical([3, None, 7], categories=[9, 7, 3])})
    (column,) = read_columns("fit", ints)
    assert column.kind == "category"
    assert texts(column) == [3, None, 7]
    assert column.categories().levels == [3, 7]  # 9 does not occur
    for dtype in (pl.Categorical(), pl.Enum(["b", "a"])):
        (column,) = read_columns("fit", pl.DataFrame({"x": pl.Series(["a", None], dtype=dtype)}))
        assert texts(column) == ["a", None]
    arrow = pytest.importorskip("pyarrow")
    (column,) = read_columns("fit", arrow.table({"x": arrow.array([4, None]).dictionary_encode()}))
    assert texts(column) == [4, None]


def test_chunks_of_arrow_may_repeat_and_reorder_the_levels():
    arrow = pytest.importorskip("pyarrow")
    first = arrow.DictionaryArray.from_arrays(arrow.array([1, None, 2], arrow.uint8()), list("ppq"))
    second = arrow.DictionaryArray.from_arrays(arrow.array([0, 1], arrow.uint8()), list("qr"))
    for chunks in ([first], [first, second], [second.slice(1), first]):
        chunked = arrow.chunked_array(chunks)
        text = chunked.cast(arrow.string())
        for column in read_columns("fit", arrow.table({"x": chunked, "y": text})):
            found = [column.levels[code] if code >= 0 else None for code in column.values]
            assert column.kind == "category"
            assert found == text.to_pylist()
            assert len(set(column.levels)) == len(column.levels)


def test_times_of_a_zone_are_local():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    arrow = pytest.importorskip("pyarrow")
    zoned = pd.DataFrame({"t": pd.to_datetime([DAY]).tz_localize("Asia/Tokyo")})
    tables = [zoned, pl.from_pandas(zoned), arrow.Table.from_pandas(zoned), zoned.astype(object)]
    for table in tables:
        (column,) = read_columns("fit", table)
        assert column.dates()[0] == np.datetime64(DAY, "us")


def test_refusals_name_the_column():
    pd = pytest.importorskip("pandas")
    spans = pd.DataFrame({"ok": [1, 2], "span": pd.to_timedelta([1, 2], unit="s")})
    with pytest.raises(TypeError, match=r"column 'span' must hold .* got dtype timedelta"):
        read_columns("fit", spans)
    with pytest.raises(TypeError, match=r"column 1 must hold strings"):
        read_columns("fit", np.array([[1, {"a": 1}]], dtype=object))
    with pytest.raises(TypeError, match=r"column 0 must hold .* got b'a'"):
        read_columns("fit", np.array([[b"a"]], dtype=object))
    with pytest.raises(TypeError, match="got dtype"):
        read_columns("fit", np.array([[b"a"]]))
    with pytest.raises(ValueError, match=r"column 0 must hold finite numbers .* row 1"):
        read_columns("fit", np.array([[1.0], [np.inf]]))[0].numbers()
    with pytest.raises(ValueError, match="Complex data not supported"):
        read_columns("fit", np.ones((2, 1), complex))
    with pytest.raises(ValueError, match="Reshape your data"):
        read_columns("fit", np.ones(3))
    with pytest.raises(TypeError, match="sparse"):
        read_columns("fit", pytest.importorskip("scipy.sparse").eye(3))


@pytest.mark.parametrize("selection", [[True, False], [0], [-2], ["a"], np.array([0])])
def test_selected_categories(selection):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [3.0, 2.0], "b": [True, False]})
    columns = choose_kinds("fit", frame, read_columns("fit", frame), selection)
    assert [column.kind for column in columns] == ["category", "number"]
    assert columns[0].levels == [2, 3]
    np.testing.assert_array_equal(columns[1].numbers(), [1.0, 0.0])


@pytest.mark.parametrize(
    ("selection", "error", "message"),
    [
        ("numbers", ValueError, "must be 'from_dtype', None or a list"),
        (3, TypeError, "must be 'from_dtype', None or a list"),
        ([True], ValueError, "must have 2 bool"),
        ([2], ValueError, "positions below 2"),
        (["c"], ValueError, "must name columns of X, got 'c'"),
        ([1.5], TypeError, "must hold bool, positions or names"),
        (None, TypeError, "column 'b' must hold numbers, got 'x'; select it in cat"),
    ],
)
def test_bad_selections(selection, error, message):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [3.0, 2.0], "b": ["x", "y"]})
    with pytest.raises(error, match=message):
        choose_kinds("fit", frame, read_columns("fit", frame), selection)


def test_integers_beyond_float64_are_refused_by_name():
    for mixed in ([10**400, 2], [10**400, True]):
        with pytest.raises(ValueError, match="fit: column 0 must hold numbers within float64"):
            read_columns("fit", [[value] for value in mixed])[0].numbers()


def test_numbers_that_float64_merges_are_no_categories():
    ids = np.array([[2**53], [2**53 + 1], [3]])
    (column,) = read_columns("fit", ids)
    with pytest.raises(
        ValueError, match=r"numbers below 2\*\*53, to be a category, got 9007.* row 0"
    ):
        column.categories()
    assert read_columns("fit", ids[2:] + 2**53 - 4)[0].categories().levels == [2**53 - 1]
