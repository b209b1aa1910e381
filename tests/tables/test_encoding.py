"""Encoding of tables against NumPy, column by column."""

from __future__ import annotations

import json

import numpy as np
import pytest

from prelunet.tables import TableEncoder, quantiles, read_columns
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance


def scaled(columns):
    """Return robustly scaled, smoothly clipped columns: the oracle."""
    found = []
    for x in np.asarray(columns, np.float64).T:
        low, median, high = np.quantile(x, [0.25, 0.5, 0.75])
        width = high - low if high > low else (x.max() - x.min()) / 2
        z = (x - median) / width if width > 0 else np.zeros_like(x)
        found.append(z / np.sqrt(1 + (z / 3) ** 2))
    return np.stack(found, axis=1)


def assert_close(found, expected):
    """Compare chains of about ten operations, one of them a difference of close numbers."""
    assert_close_to_scale(found, expected, sum_tolerance(64, np.float64))


def encoder_of(table, weights=None):
    columns = read_columns("fit", table)
    count = len(columns[0].values)
    return TableEncoder.fit(columns, np.ones(count) if weights is None else weights)


def encoded(table, other=None):
    found = encoder_of(table)
    return found.transform(read_columns("fit", table if other is None else other), "float64")


def test_numbers_with_and_without_gaps(rng):
    X = rng.normal(size=(41, 3)) ** 3
    X[[2, 5, 30], 1] = np.nan
    X[:, 2] = 4.0
    filled = X.copy()
    filled[[2, 5, 30], 1] = np.nanmedian(X[:, 1])
    gaps = np.isnan(X[:, 1])
    raw = np.column_stack([filled[:, 0], filled[:, 1], gaps, filled[:, 2]])
    assert_close(encoded(X), scaled(raw))
    late = np.array([[np.nan, np.nan, np.nan]])  # the first column had no gaps: its median
    found = encoded(X, late)
    assert found[0, 0] == found[0, 1] == found[0, 3] == 0.0
    assert found[0, 2] > 1.0


def test_columns_together_have_the_bits_of_columns_alone(rng):
    numbers = rng.normal(size=(2, 23))
    numbers[0, [3, 9]] = np.nan
    days = (np.datetime64("2024-02-27", "us") + np.arange(23) * np.timedelta64(7, "h")).tolist()
    days[5] = None
    levels = rng.integers(0, 3, size=23)
    columns = [numbers[0], ["abc"[i] for i in levels], days, [bool(i) for i in levels], numbers[1]]
    table = [list(row) for row in zip(*columns, strict=True)]
    alone = [encoded([[value] for value in column]) for column in columns]
    assert_same_bits(encoded(table), np.concatenate(alone, axis=1))


def test_infinity_is_refused_with_its_column():
    encoder = encoder_of([[1.0, 2.0, 3.0], [2.0, 3.0, 1.0]])
    other = read_columns("predict", np.array([[1.0, 2.0, 3.0], [1.0, np.inf, np.nan]]))
    with pytest.raises(ValueError, match=r"column 1 must hold finite numbers .* row 1"):
        encoder.transform(other, "float32")


def test_categories_of_two_and_more_levels():
    table = [[a, b] for a, b in zip("xyyxyyyx", "pqrsppqq", strict=True)]
    first = np.array([1.0 if a == "x" else -1.0 for a, _ in table])
    others = np.array([[float(b == level) for level in "pqrs"] for _, b in table])
    assert_close(encoded(table), scaled(np.column_stack([first, others])))


def test_categories_of_many_levels_are_codes(rng):
    table = np.array(
        [[a, b, 1.5 * c] for c, (a, b) in enumerate(zip("xyzx", "pqpq", strict=True))], object
    )
    columns = read_columns("fit", table)
    found = TableEncoder.fit(columns, np.ones(4), max_one_hot_levels=2)
    assert (found.width, found.codes, found.numbers) == (3, {0: 4}, [2])
    late = np.array([["z", "p", 0.0], [None, "q", 1.5], ["unknown", "q", 6.0]], object)
    rows = found.transform(read_columns("predict", late), "float64")
    assert rows[:, 0].tolist() == [3.0, 0.0, 0.0]
    plain = TableEncoder.fit(columns[1:], np.ones(4))
    expected = plain.transform(read_columns("predict", late[:, 1:]), "float64")
    np.testing.assert_array_equal(rows[:, 1:], expected)
    state, arrays = found.state()
    again = TableEncoder.of_state(json.loads(json.dumps(state)), arrays)
    np.testing.assert_array_equal(again.transform(columns, "float64")[:, 0], [1, 2, 3, 1])


def test_missing_and_unknown_categories_are_zeros():
    table = [["x", "p"], ["y", "q"], ["y", "r"], ["x", "r"]]
    late = np.array([[None, None], ["z", "z"], ["x", "r"]], object)
    found = encoded(table, late)
    np.testing.assert_array_equal(found[0], found[1])
    raw = encoder_of(table)
    zeros = raw.scale(np.zeros((1, 4)))
    np.testing.assert_array_equal(found[:1], zeros)
    assert (found[2] != found[0]).sum() == 2


@pytest.mark.parametrize("levels", [0, 1, 2, 3, 40])
def test_scaling_of_categories_is_that_of_their_columns(levels, rng):
    codes = rng.integers(-1, levels, size=(300, 1)) if levels else np.full((300, 1), -1)
    table = np.array([[None if c < 0 else f"{c:02}"] for c in codes[:, 0]], object)
    if levels == 2:
        raw = np.array([1.0, -1.0, 0.0])[codes]
    else:
        raw = (codes == np.arange(max(levels, 1))).astype(float)
    assert_close(encoded(table), scaled(raw))


def test_dates():
    dates = ["2024-02-29T13:30", "2023-12-31T23:59", "NaT", "1969-12-31T01:00"]
    table = np.array(dates, "datetime64[us]")[:, np.newaxis]
    parts = [[2024, 2, 3, 13], [2023, 12, 6, 23], [2023, 12, 3, 13], [1969, 12, 2, 1]]
    days = (table[:, 0] - table[3, 0]) / np.timedelta64(1, "D")
    days[2] = np.nanmedian(days)
    gaps = [0, 0, 1, 0]
    assert_close(encoded(table), scaled(np.column_stack([parts, days, gaps])))


def test_extreme_numbers_stay_within_the_clip():
    X = np.array([[-1.7e308, 5e-324], [0.0, 0.0], [1.0, 0.0], [1.7e308, 1e300], [2.0, 0.0]])
    found = encoded(X)
    assert np.isfinite(found).all()
    assert abs(found).max() <= 3.0


def test_weights_count_rows(rng):
    X = rng.normal(size=(30, 2))
    X[3, 1] = np.nan
    table = np.array([[*row, "abc"[i % 3]] for i, row in enumerate(X.tolist())], object)
    weights = rng.integers(1, 5, size=30)
    repeated, weighted = encoder_of(table.repeat(weights, axis=0)), encoder_of(table, 1.0 * weights)
    assert_close(weighted.scale.center, repeated.scale.center)
    assert_close(weighted.scale.factor, repeated.scale.factor)


@pytest.mark.parametrize("count", [1, 2, 5, 100])
def test_quantiles_without_weights_are_those_of_numpy(rng, count):
    values, shares = rng.normal(size=count), [0.0, 0.1, 0.25, 0.5, 0.75, 1.0]
    found = quantiles(values, np.ones(count), shares)
    assert_close(found, np.quantile(values, shares))


def test_state_is_json_and_arrays(rng):
    table = np.array(
        [[1.5, "a", True, np.datetime64("2020-01-01"), 1], [None, "b", False, None, "x"]] * 3,
        object,
    )
    found = encoder_of(table)
    columns, arrays = found.state()
    again = TableEncoder.of_state(json.loads(json.dumps(columns, allow_nan=False)), arrays)
    late = np.array(
        [[None, None, None, None, None], [2, "c", True, np.datetime64("2021-01-01"), 1]]
    )
    for rows in (table, late):
        read = read_columns("predict", rows)
        np.testing.assert_array_equal(
            again.transform(read, "float32"), found.transform(read, "float32")
        )


def test_damaged_states_are_refused():
    columns, arrays = encoder_of([[1.0, "a"], [2.0, "b"]]).state()
    with pytest.raises(ValueError, match="shape"):
        TableEncoder.of_state(columns[:1], arrays)
    with pytest.raises(ValueError, match="finite"):
        TableEncoder.of_state(columns, arrays | {"factor": np.array([np.nan, 1.0])})
    with pytest.raises(TypeError, match="levels"):
        TableEncoder.of_state([columns[0], {"kind": "category", "levels": [None]}], arrays)
    with pytest.raises(KeyError):
        TableEncoder.of_state([{"kind": "image"}], arrays)


def test_rows_are_encoded_alike_in_any_blocks(rng, monkeypatch):
    table = np.array([[float(v), str(v % 7)] for v in range(50)], object)
    found, columns = encoder_of(table), read_columns("fit", table)
    whole = found.transform(columns, "float32")
    monkeypatch.setattr("prelunet.tables.encoding._BLOCK_ELEMENTS", 30)
    np.testing.assert_array_equal(found.transform(columns, "float32"), whole)


def test_columns_must_hold_what_they_held_in_training():
    found = encoder_of(np.array([[1.0, np.datetime64("2020-01-01")]], object))
    with pytest.raises(TypeError, match=r"column 0 must hold numbers, got 'x'"):
        found.transform(read_columns("predict", np.array([["x", None]], object)), "float32")
    with pytest.raises(TypeError, match=r"column 1 must hold dates"):
        found.transform(read_columns("predict", np.array([[1.0, 2.0]], object)), "float32")
