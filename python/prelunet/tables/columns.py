"""`Column`, a typed column of a table, and the reading of Python objects."""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Level = str | bool | int | float
Value = Any  # an element of a table, of any library

_DATES = (datetime.date, np.datetime64)  # a datetime is a date
_NULLS = ("NAType", "NaTType")  # of pandas
_EXACT = 2**53  # float64 holds all integers below it


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table.

    Attributes
    ----------
    label : str
        The column in messages, such as ``"column 'age'"``.
    kind : {"number", "category", "date"}
        What the column's dtype says it holds.
    values : ndarray of shape (n,)
        float64 with NaN where missing; codes of `levels` with -1 where missing; or datetime64[us]
        with NaT where missing.
    levels : list
        The distinct values of a category; otherwise empty.
    """

    label: str
    kind: str
    values: Array
    levels: Sequence[Level] = ()

    def rows(self, rows: slice | Array) -> Column:
        """Return a column of some of the rows."""
        return Column(self.label, self.kind, self.values[rows], self.levels)

    def numbers(self) -> npt.NDArray[np.float64]:
        """Return float64 with NaN where missing.

        Raises
        ------
        TypeError, ValueError
            If the column holds text or dates, or infinity.
        """
        if self.kind == "date":
            raise TypeError(f"{self.label} must hold numbers, as in fit, got dates")
        if self.kind == "category":
            text = next((level for level in self.levels if isinstance(level, str)), None)
            if text is not None:
                raise TypeError(f"{self.label} must hold numbers, got {text!r}")
            found = [_number(self.label, level) for level in self.levels]
            levels: Array = np.array([*found, np.nan])
            return levels[self.values]
        infinite = np.isinf(self.values)
        if infinite.any():
            raise ValueError(
                f"{self.label} must hold finite numbers or missing values, got infinity in row "
                f"{int(infinite.argmax())}"
            )
        return self.values

    def categories(self) -> Column:
        """Return the column as a category, with sorted levels that occur in it.

        Raises
        ------
        TypeError, ValueError
            If the column holds dates, infinity, or numbers from 2**53 on.
        """
        if self.kind == "date":
            raise TypeError(f"{self.label} must hold categories, got dates")
        levels: Sequence[Level] = self.levels
        codes = self.values
        if self.kind == "number":
            values = self.numbers()
            here = ~np.isnan(values)
            large = np.abs(values) >= _EXACT
            if large.any():  # different integers may be one float
                raise ValueError(
                    f"{self.label} must hold text, or numbers below 2**53, to be a category, got "
                    f"{values[large.argmax()]:.17g} in row {int(large.argmax())}"
                )
            found, inverse = np.unique(values[here], return_inverse=True)
            levels = [as_level(value) for value in found.tolist()]
            codes = np.full(len(values), -1, np.int64)
            codes[here] = inverse
        used = np.unique(codes[codes >= 0]).tolist()
        used.sort(key=lambda code: _order(levels[code]))
        places = np.full(len(levels) + 1, -1, np.int64)  # the last one is that of missing values
        places[used] = np.arange(len(used))
        return Column(self.label, "category", places[codes], [levels[code] for code in used])

    def dates(self) -> Array:
        """Return datetime64[us] with NaT where missing.

        Raises
        ------
        TypeError
            If the column holds anything else.
        """
        if self.kind != "date":
            if (self.values == -1).all() if self.kind == "category" else _all_nan(self.values):
                return np.full(len(self.values), "NaT", "datetime64[us]")
            raise TypeError(f"{self.label} must hold dates, as in fit")
        return self.values


def as_level(value: Value) -> Level:
    """Return a value of a category as a plain Python object; integral floats become int."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    number = float(value)
    return int(number) if number.is_integer() else number


def of_objects(label: str, values: Iterable[Any], *, mixed: bool = False) -> Column:
    """Return a column of Python objects.

    Text and bool are categories. Real numbers alone are numbers, and dates alone are dates. Numbers
    among text are categories.

    Parameters
    ----------
    label : str
    values : iterable
        None, NaN, NaT and pandas.NA are missing.
    mixed : bool, default False
        Whether numbers alone are categories, too.

    Raises
    ------
    TypeError
        If a value is none of these.
    """
    seen: dict[Hashable, int] = {}
    try:
        codes = np.array([seen.setdefault(value, len(seen)) for value in values], np.int64)
    except TypeError as error:
        raise TypeError(
            f"{label} must hold strings, numbers, bool or dates; argument must be a string or a "
            f"number: {error}"
        ) from None
    found = list(seen)
    return of_levels(label, codes, found, mixed=mixed)


def of_levels(label: str, codes: Array, found: Sequence[Any], *, mixed: bool = False) -> Column:
    """Return a column of codes of distinct values, as `of_objects` does of the values."""
    if found and all(type(value) is str for value in found) and len(set(found)) == len(found):
        return Column(label, "category", codes, found)
    here = [value for value in found if not _is_missing(value)]
    if here and all(isinstance(value, _DATES) for value in here):
        dates = np.array([_date(value) for value in found] + [_date(None)])
        return Column(label, "date", dates[codes])
    for value in here:
        if not isinstance(value, (str, bool, np.bool_, numbers.Real)):
            raise TypeError(
                f"{label} must hold strings, numbers, bool or dates; argument must be a string or "
                f"a number, got {value!r}"
            )
    if here and not mixed and not any(isinstance(v, (str, bool, np.bool_)) for v in here):
        plain = [np.nan if _is_missing(value) else _number(label, value) for value in found]
        return Column(label, "number", np.array([*plain, np.nan])[codes])
    levels: list[Level] = []
    number: dict[Level, int] = {}
    places = []
    for value in found:
        if _is_missing(value):
            places.append(-1)
            continue
        level = as_level(value) if not _is_infinite(value) else _refused(label)
        if level not in number:
            number[level] = len(levels)
            levels.append(level)
        places.append(number[level])
    return Column(label, "category", np.array([*places, -1], np.int64)[codes], levels)


def _is_missing(value: object) -> bool:
    if value is None or type(value).__name__ in _NULLS:
        return True
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    return isinstance(value, numbers.Real) and bool(value != value)


def _number(label: str, value: Value) -> float:
    try:
        return float(value)
    except OverflowError:  # an int above the largest float
        raise ValueError(f"{label} must hold numbers within float64, got {value!r}") from None


def _is_infinite(value: object) -> bool:
    return isinstance(value, numbers.Real) and abs(value) == np.inf


def _refused(label: str) -> Level:
    raise ValueError(f"{label} must hold finite numbers or missing values, got infinity")


def _date(value: Value) -> np.datetime64:
    if value is None or _is_missing(value):
        return np.datetime64("NaT", "us")
    if isinstance(value, datetime.datetime):
        value = value.replace(tzinfo=None)  # the local time, which month and hour tell
    return np.datetime64(value, "us")


def _order(level: Level) -> tuple[bool, Level]:
    """Return the sorting key of a level: numbers come before text."""
    return isinstance(level, str), level


def _all_nan(values: Array) -> bool:
    return bool(np.isnan(values).all())
