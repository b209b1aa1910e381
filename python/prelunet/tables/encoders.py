"""Encoders of single columns: numbers, categories and dates as columns of float64."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .columns import Column, Level
from .scaling import quantiles

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Distribution = tuple[Floats, Floats]

_DAY = np.timedelta64(1, "D") / np.timedelta64(1, "us")
_HOUR = _DAY / 24.0
_THURSDAY = 3  # the weekday of 1970-01-01; Monday is 0


class Encoder(ABC):
    """Encodes one column as `width` columns of numbers."""

    kind: str
    width: int

    @abstractmethod
    def distributions(self, column: Column, weights: Floats) -> list[Distribution]:
        """Return values and weights of each encoded column of training rows."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return JSON values from which `of_state` makes an equal encoder."""


class ValueEncoder(Encoder):
    """Encodes a column of numbers or dates."""

    @abstractmethod
    def encode(self, column: Column) -> list[Floats]:
        """Return the encoded columns, without NaN."""

    def distributions(self, column: Column, weights: Floats) -> list[Distribution]:
        """Return the encoded columns and the row weights."""
        return [(encoded, weights) for encoded in self.encode(column)]


class NumberEncoder(ValueEncoder):
    """A number, with the training median where missing.

    If numbers were missing in training, a second column is 1 where the number is missing, else 0.
    """

    kind = "number"

    def __init__(self, fill: float, *, gaps: bool) -> None:
        self.fill, self.gaps = float(fill), bool(gaps)
        self.width = 1 + self.gaps

    @classmethod
    def fit(cls, column: Column, weights: Floats) -> Self:
        """Return an encoder of training rows, whose weights are above 0."""
        values = column.numbers()
        return cls(_median(values, weights), gaps=bool(np.isnan(values).any()))

    def encode(self, column: Column) -> list[Floats]:
        """Return the numbers, and where they are missing if some were in training."""
        values = column.numbers()
        missing = np.isnan(values)
        if missing.any():
            values = np.where(missing, self.fill, values)
        return [values, missing.astype(np.float64)] if self.gaps else [values]

    def state(self) -> dict[str, Any]:
        """Return the median and whether numbers were missing."""
        return {"kind": self.kind, "fill": self.fill, "gaps": self.gaps}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the encoder of a state."""
        return cls(_finite(state["fill"]), gaps=state["gaps"])


class CategoryEncoder(Encoder):
    """A category, one-hot; two levels are one column of 1 and -1.

    All columns are 0 where the category is missing or did not occur in training.
    """

    kind = "category"

    def __init__(self, levels: Sequence[Level]) -> None:
        self.levels = list(levels)
        self._codes = {level: code for code, level in enumerate(self.levels)}
        self.width = 1 if len(self.levels) <= 2 else len(self.levels)

    @classmethod
    def fit(cls, column: Column, weights: Floats) -> Self:
        """Return an encoder of the levels that occur."""
        return cls(column.categories().levels)

    def codes(self, column: Column) -> npt.NDArray[np.int64]:
        """Return the number of each row's level, and -1 where it is missing or unknown."""
        found = column if column.kind == "category" else column.categories()
        known = [self._codes.get(level, -1) for level in found.levels]
        codes: npt.NDArray[np.int64] = np.array([*known, -1], np.int64)[found.values]
        return codes

    def distributions(self, column: Column, weights: Floats) -> list[Distribution]:
        """Return the values of each column and their total weights, without the columns."""
        codes = self.codes(column)
        totals = np.bincount(codes + 1, weights, minlength=len(self.levels) + 1)
        missing, sums = totals[0], totals[1:]
        if len(self.levels) == 2:
            pairs = [(np.array([1.0, -1.0, 0.0]), np.array([*sums, missing]))]
        elif not self.levels:
            pairs = [(np.zeros(1), totals)]
        else:
            whole = totals.sum()
            pairs = [(np.array([0.0, 1.0]), np.array([whole - own, own])) for own in sums]
        return [(values[own > 0.0], own[own > 0.0]) for values, own in pairs]

    def state(self) -> dict[str, Any]:
        """Return the levels."""
        return {"kind": self.kind, "levels": self.levels}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the encoder of a state."""
        levels = state["levels"]
        if not isinstance(levels, list) or not all(isinstance(v, Level) for v in levels):
            raise TypeError(f"levels must be a list of text and numbers, got {levels!r}")
        return cls(levels)


class CodeEncoder(CategoryEncoder):
    """A category as one code: 1 for the first level, and 0 where it is missing or unknown."""

    kind = "code"

    def __init__(self, levels: Sequence[Level]) -> None:
        super().__init__(levels)
        self.width = 1

    def distributions(self, column: Column, weights: Floats) -> list[Distribution]:
        """Return nothing: codes are not scaled."""
        return []


class DateEncoder(ValueEncoder):
    """A date as year, month, weekday, hour, and days since the first date of training."""

    kind = "date"

    def __init__(self, first: int, parts: Sequence[NumberEncoder]) -> None:
        self.first, self.parts = int(first), list(parts)
        self.width = 5 + self.parts[-1].gaps

    @classmethod
    def fit(cls, column: Column, weights: Floats) -> Self:
        """Return an encoder of training rows, whose weights are above 0."""
        dates = column.dates()
        missing = np.isnat(dates)
        first = 0 if missing.all() else int(dates[~missing].min().astype(np.int64))
        fills = [_median(part, weights) for part in _parts(dates, first).T]
        encoders = [NumberEncoder(fill, gaps=False) for fill in fills[:-1]]
        return cls(first, [*encoders, NumberEncoder(fills[-1], gaps=bool(missing.any()))])

    def encode(self, column: Column) -> list[Floats]:
        """Return the parts of the dates."""
        found = _parts(column.dates(), self.first).T
        named = zip(self.parts, found, strict=True)
        return [values for part, v in named for values in part.encode(Column("", "number", v))]

    def state(self) -> dict[str, Any]:
        """Return the first date, in microseconds since 1970, and the medians of the parts."""
        return {
            "kind": self.kind,
            "first": self.first,
            "parts": [part.state() for part in self.parts],
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the encoder of a state."""
        parts = [NumberEncoder.of_state(part) for part in state["parts"]]
        if len(parts) != 5:
            raise ValueError(f"parts must be those of a date, 5, got {len(parts)}")
        return cls(state["first"], parts)


ENCODERS: dict[str, type[NumberEncoder | CategoryEncoder | DateEncoder]] = {
    "number": NumberEncoder,
    "category": CategoryEncoder,
    "code": CodeEncoder,
    "date": DateEncoder,
}


def _median(values: Floats, weights: Floats) -> float:
    """Return the weighted median of the numbers that are there; 0 if all are missing."""
    here = ~np.isnan(values)
    return float(quantiles(values[here], weights[here], [0.5])[0]) if here.any() else 0.0


def _parts(dates: Array, first: int) -> Floats:
    """Return year, month, weekday, hour, and days since `first`; NaN where missing."""
    months = dates.astype("datetime64[M]").astype(np.int64)
    micros = dates.astype(np.int64)
    days = micros // int(_DAY)
    parts = np.stack(
        [
            1970 + months // 12,
            1 + months % 12,
            (days + _THURSDAY) % 7,
            (micros - days * int(_DAY)) // int(_HOUR),
            (micros - first) / _DAY,
        ],
        axis=1,
    ).astype(np.float64)
    parts[np.isnat(dates)] = np.nan
    return parts


def _finite(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]  # float() says what it accepts
    if not np.isfinite(number):
        raise ValueError(f"a fill must be finite, got {value!r}")
    return number
