"""Reading of tables in CSV and Parquet files, as data frames of pandas."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from io import BytesIO
from typing import BinaryIO

from .._extras import require
from .._files import reading
from .reading import Table

SUFFIXES = (".csv", ".tsv", ".parquet")
MISSING_MARK = "?"  # of cells, besides what pandas takes as missing: "", NA, NaN, null, None, ...

_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_BYTES = 1 << 16  # read to recognize the separator
_DATE = r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"


def is_table_file(path: str | os.PathLike[str]) -> bool:
    """Return whether the name of a file ends as that of a table, such as ``.csv``."""
    return os.fspath(path).lower().endswith(SUFFIXES)


def read_file(operation: str, path: str | os.PathLike[str], *, text: Sequence[str] = ()) -> Table:
    """Return the table of a file as a data frame of pandas.

    Columns of text that are all dates, such as 2024-12-31 or 2024-12-31 23:59, become dates. In a
    CSV file, the separator is the most frequent of comma, semicolon, tab and bar in the header.
    Where it is not the comma, numbers may have a decimal comma.

    Parameters
    ----------
    operation : str
        The caller, for messages.
    path : path-like
        A file that ends in ``.csv`` or ``.tsv``, whose first line names the columns, or in
        ``.parquet``.
    text : sequence of str, optional
        Columns of a CSV file that hold text, even where all of it is digits.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file is not such a table.
    ImportError
        If pandas, or pyarrow for Parquet, is not installed.
    """
    name = os.fspath(path)
    if not is_table_file(name):
        raise ValueError(f"{operation}: {name} must end in {', '.join(SUFFIXES)}")
    pandas = require("pandas", extra="tables", purpose="a table in a file")
    parquet = name.lower().endswith(".parquet")
    if parquet:
        require("pyarrow", extra="tables", purpose="a Parquet file")
    with reading(operation, path, "is not a table, or is damaged") as stream:
        frame = pandas.read_parquet(BytesIO(stream.read())) if parquet else _csv(stream, text)
        names = [str(column) for column in frame.columns]
        if not names or not len(frame):
            raise ValueError("it must have columns and rows")
        repeated = next((n for place, n in enumerate(names) if n in names[:place]), None)
        if repeated is not None:
            raise ValueError(f"two columns have the name {repeated!r}")
        frame.columns = names
        return _with_dates(frame, text)


def _csv(stream: BinaryIO, text: Sequence[str]) -> Table:
    pandas = require("pandas", extra="tables", purpose="a CSV file")
    sample = stream.read(_SAMPLE_BYTES).decode("utf-8-sig", errors="replace")
    header, _, rest = sample.lstrip("\r\n").partition("\n")
    separator = max(_SEPARATORS, key=header.count)
    frame = pandas.read_csv(
        _rewound(stream),
        sep=separator,
        decimal=_decimal(rest, separator),
        dtype=dict.fromkeys(text, str),
        na_values=[MISSING_MARK],
        skipinitialspace=True,
        low_memory=False,  # otherwise a column of several types depends on the size of blocks
        encoding="utf-8-sig",
        index_col=False,
    )
    return frame


def _with_dates(frame: Table, text: Sequence[str]) -> Table:
    """Return a table whose columns of dates as text are dates."""
    pandas = require("pandas", extra="tables", purpose="a table in a file")
    for name in frame.columns:
        column = frame[name]
        if column.dtype == object or str(column.dtype).startswith("str"):
            here = column.dropna()
            if name not in text and len(here) and here.astype(str).str.fullmatch(_DATE).all():
                frame[name] = pandas.to_datetime(column, format="ISO8601")
    return frame


def _rewound(stream: BinaryIO) -> BinaryIO:
    stream.seek(0)
    return stream


def _decimal(rest: str, separator: str) -> str:
    """Return the decimal sign of the numbers between separators."""
    if separator == ",":
        return "."
    cell = rf"(?:^|{re.escape(separator)})-?\d+{{}}\d+(?=$|\r|{re.escape(separator)})"
    commas, points = (len(re.findall(cell.format(sign), rest, re.M)) for sign in (",", r"\."))
    return "," if commas > points else "."
