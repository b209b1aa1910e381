"""`TableEncoder`, which encodes the columns of a table as rows of numbers for a network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .columns import Column
from .encoders import (
    ENCODERS,
    CategoryEncoder,
    CodeEncoder,
    DateEncoder,
    Encoder,
    NumberEncoder,
)
from .reading import Table, column_names
from .scaling import RobustScale

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
_BLOCK_ELEMENTS = 1 << 20  # of float64 rows encoded at once


class TableEncoder:
    """Encodes the rows of a table as numbers within (-3, 3), and as codes.

    Each column becomes one or more columns of numbers (see `encoders`), which `RobustScale` scales
    and clips, or one column of codes. The state is JSON values and arrays.

    Parameters
    ----------
    encoders : sequence of Encoder
        One for each column.
    scale : RobustScale
        The scaling of the encoded columns that are not codes.

    Attributes
    ----------
    width : int
        The number of encoded columns.
    numbers : list of int
        The encoded columns that are not of categories.
    codes : dict of int to int
        The encoded columns that are codes, and the number of codes of each.
    """

    def __init__(self, encoders: Sequence[Encoder], scale: RobustScale) -> None:
        self.encoders, self.scale = list(encoders), scale
        self.width = 0
        self.numbers: list[int] = []
        self.codes: dict[int, int] = {}
        self._starts: list[int] = []  # the first encoded column of each encoder
        for encoder in self.encoders:
            self._starts.append(self.width)
            if isinstance(encoder, CodeEncoder):
                self.codes[self.width] = len(encoder.levels) + 1
            elif not isinstance(encoder, CategoryEncoder):
                self.numbers += range(self.width, self.width + encoder.width)
            self.width += encoder.width
        scaled = np.array([place for place in range(self.width) if place not in self.codes], int)
        of_numbers = np.isin(scaled, self.numbers)
        self._number_scale = RobustScale(scale.center[of_numbers], scale.factor[of_numbers])
        # The fills of the encoded columns of numbers, and those that tell where numbers are missing
        self._fills: list[float] = []
        self._gaps: list[int] = []
        for encoder in self.encoders:
            if isinstance(encoder, NumberEncoder):
                self._fills += [encoder.fill] * encoder.width
                self._gaps += [len(self._fills) - 1] * encoder.gaps
            elif isinstance(encoder, DateEncoder):
                self._fills += [0.0] * encoder.width  # of dates, none is missing
        # The three values of categories, scaled: of each encoded column.
        self._zeros, self._ones, self._minus = np.zeros((3, self.width))
        for values, value in ((self._zeros, 0.0), (self._ones, 1.0), (self._minus, -1.0)):
            values[scaled] = scale(np.full((1, len(scaled)), value))[0]

    @classmethod
    def fit(
        cls,
        columns: Sequence[Column],
        weights: npt.NDArray[np.float64],
        *,
        max_one_hot_levels: float = math.inf,
    ) -> Self:
        """Return an encoder of training columns.

        Parameters
        ----------
        columns : sequence of Column
            Their kinds decide how they are encoded; see `choose_kinds`.
        weights : ndarray of float64, shape (n,)
            Above 0; a weight of 2 counts as two rows.
        max_one_hot_levels : float, default math.inf
            Categories of more levels become codes.
        """
        encoders: list[Encoder] = []
        for column in columns:
            encoder: Encoder = ENCODERS[column.kind].fit(column, weights)
            if isinstance(encoder, CategoryEncoder) and len(encoder.levels) > max_one_hot_levels:
                encoder = CodeEncoder(encoder.levels)
            encoders.append(encoder)
        fitted = zip(encoders, columns, strict=True)
        each = [encoder.distributions(column, weights) for encoder, column in fitted]
        return cls(encoders, RobustScale.of([pair for pairs in each for pair in pairs]))

    def transform(self, columns: Sequence[Column], dtype: str) -> Array:
        """Return encoded rows of shape (n, width).

        Raises
        ------
        TypeError, ValueError
            If a column does not hold what it held in training.
        """
        count = len(columns[0].values)
        encoded = np.empty((count, self.width), dtype)
        step = max(1, _BLOCK_ELEMENTS // self.width)
        for start in range(0, count, step):
            rows = slice(start, start + step)
            own = columns if count <= step else [column.rows(rows) for column in columns]
            self._encode(own, encoded[rows])
        return encoded

    def _encode(self, columns: Sequence[Column], out: Array) -> None:
        """Encode rows into `out`."""
        out[:] = self._zeros
        numbers: list[Array] = []
        for encoder, column, place in zip(self.encoders, columns, self._starts, strict=True):
            if isinstance(encoder, NumberEncoder):
                values = column.values if column.kind == "number" else column.numbers()
                numbers += [values] * encoder.width
                continue
            if isinstance(encoder, DateEncoder):
                numbers += encoder.encode(column)
                continue
            assert isinstance(encoder, CategoryEncoder)
            codes = encoder.codes(column)
            if isinstance(encoder, CodeEncoder):
                out[:, place] = codes + 1
            elif len(encoder.levels) == 2:
                three = np.array([self._ones[place], self._minus[place], self._zeros[place]])
                out[:, place] = three[codes]
            else:
                rows = np.flatnonzero(codes >= 0)
                places = place + codes[rows]
                out[rows, places] = self._ones[places]
        if numbers:
            self._encode_numbers(np.array(numbers), columns, out)

    def _encode_numbers(self, values: Floats, columns: Sequence[Column], out: Array) -> None:
        """Encode numbers of shape (columns, n), all columns together, into `out`."""
        if np.isinf(values).any():
            for encoder, column in zip(self.encoders, columns, strict=True):
                if isinstance(encoder, NumberEncoder):
                    column.numbers()  # refuses infinity
        missing = np.isnan(values)
        if missing.any():
            np.copyto(values, np.array(self._fills)[:, np.newaxis], where=missing)
        values[self._gaps] = missing[self._gaps]
        out[:, self.numbers] = self._number_scale(values.T)

    def state(self) -> tuple[list[dict[str, Any]], dict[str, Array]]:
        """Return the columns as JSON values, and the arrays of the scaling."""
        arrays = {"center": self.scale.center, "factor": self.scale.factor}
        return [encoder.state() for encoder in self.encoders], arrays

    @classmethod
    def of_state(cls, columns: Sequence[Mapping[str, Any]], arrays: Mapping[str, Array]) -> Self:
        """Return the encoder of a state.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the state is damaged.
        """
        encoders = [ENCODERS[column["kind"]].of_state(column) for column in columns]
        width = sum(e.width for e in encoders if not isinstance(e, CodeEncoder))
        center, factor = (arrays[name] for name in ("center", "factor"))
        for values in (center, factor):
            if values.shape != (width,) or values.dtype != np.float64:
                raise ValueError(f"scaling must be float64 of shape ({width},), got {values.shape}")
            if not np.isfinite(values).all():
                raise ValueError("scaling must be finite")
        return cls(encoders, RobustScale(center, factor))


def choose_kinds(
    operation: str, X: Table, columns: Sequence[Column], categorical_features: object
) -> list[Column]:
    """Return the columns with the kinds that `categorical_features` asks for.

    Parameters
    ----------
    operation : str
        The caller, for messages.
    X : table
        Has the names of the columns, if any.
    columns : sequence of Column
        The columns of X.
    categorical_features : "from_dtype", None or sequence
        "from_dtype" keeps the kinds. A sequence of bool (one for each column), positions or names
        selects the categories. None selects no column. Other columns must hold numbers or dates.

    Raises
    ------
    TypeError, ValueError
        If a selection is invalid, or a column that is not selected holds text.
    """
    if isinstance(categorical_features, str):
        if categorical_features == "from_dtype":
            return list(columns)
        raise ValueError(
            f"{operation}: categorical_features must be 'from_dtype', None or a list, "
            f"got {categorical_features!r}"
        )
    selected = np.zeros(len(columns), bool)
    if categorical_features is not None:
        selected[_places(operation, X, len(columns), categorical_features)] = True
    return [
        column.categories() if is_category else _plain(column)
        for column, is_category in zip(columns, selected, strict=True)
    ]


def _plain(column: Column) -> Column:
    if column.kind == "date":
        return column
    try:
        return replace(column, kind="number", values=column.numbers(), levels=())
    except TypeError as error:
        raise TypeError(f"{error}; select it in categorical_features") from None


def _places(operation: str, X: Table, count: int, selection: object) -> list[int]:
    """Return the positions of selected columns."""
    owner = f"{operation}: categorical_features"
    if not isinstance(selection, (list, tuple, np.ndarray)):
        raise TypeError(f"{owner} must be 'from_dtype', None or a list, got {selection!r}")
    given = list(selection)
    if given and all(isinstance(entry, (bool, np.bool_)) for entry in given):
        if len(given) != count:
            raise ValueError(f"{owner} must have {count} bool, one a column, got {len(given)}")
        return [place for place, entry in enumerate(given) if entry]
    names = column_names(X)
    places = []
    for entry in given:
        if isinstance(entry, str):
            if names is None or entry not in names:
                raise ValueError(f"{owner} must name columns of X, got {entry!r}")
            places.append(names.index(entry))
        elif isinstance(entry, (int, np.integer)) and not isinstance(entry, bool):
            if not -count <= entry < count:
                raise ValueError(f"{owner} must be positions below {count}, got {entry}")
            places.append(int(entry))
        else:
            raise TypeError(f"{owner} must hold bool, positions or names, got {entry!r}")
    return places
