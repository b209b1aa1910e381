"""CSV files of samples and targets."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from prelunet._files import reading
from prelunet._validation import choice, integer
from prelunet.data.dataset import Array, Dataset
from prelunet.data.files import existing_file

_TARGETS = ("labels", "values")
_SEPARATORS = (",", ";", "\t")
_SHOWN = 40  # characters of a cell in a message
_LARGEST_LABEL = 2.0**53  # above it float64 does not represent every integer


def read_csv(
    path: str | os.PathLike[str], *, label_column: int | str = -1, targets: str = "labels"
) -> Dataset:
    """Read a CSV file of numbers, one sample per line.

    The first line is a header if any of its cells is not a number, apart from the label. Blank
    lines are skipped.

    Parameters
    ----------
    path : str or path
        The file: UTF-8, separated by commas, semicolons or tabs (recognized in the first line),
        with equal numbers of cells in all lines and no missing, NaN or infinite numbers.
    label_column : int or str
        The column of the targets: its position (negative: counted from the end), or its name in
        the header.
    targets : {"labels", "values"}
        Labels, or real numbers. Labels that are text, or integers of which any is negative, become
        0, 1, ... in sorted order, and the data set's `class_names` are the labels of the file.

    Returns
    -------
    Dataset
        The other columns as float64 samples; int64 labels or float64 values.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If the file does not exist or is a folder.
    ValueError
        If the file is not a valid table; the message names the file, the line and the column.
    """
    file = existing_file("read_csv", path)
    choice("read_csv", "targets", targets, _TARGETS)
    owner = f"read_csv: {file}"
    if not isinstance(label_column, str):
        integer(owner, "label_column", label_column)
    labels: dict[str, int] | None = {} if targets == "labels" else None
    with reading("read_csv", file) as stream:
        text = TextIOWrapper(stream, encoding="utf-8-sig")
        try:
            layout, table = _read(owner, text, label_column, labels)
        except UnicodeDecodeError as error:
            raise ValueError(f"the file must be lines of UTF-8 text, got: {error}") from error
        except _NotATableError as error:
            raise ValueError(_explain(owner, file, error.layout) or str(error)) from error
    y: Array = table[:, layout.label].copy()
    names = None
    if labels is not None:
        y, names = _labels(owner, label_column, list(labels), y)
    return Dataset(
        name=file.name,
        x_train=np.delete(table, layout.label, axis=1),
        y_train=y,
        class_names=names,
    )


class _Layout(NamedTuple):
    """The format of the lines."""

    separator: str
    columns: int
    label: int  # the column of the targets
    takes_text: bool  # whether targets may be text
    has_header: bool


class _NotATableError(Exception):
    """The lines are not a table of finite numbers; they must be read again to locate the error."""

    def __init__(self, layout: _Layout, reason: object) -> None:
        super().__init__(str(reason))
        self.layout = layout


def _read(
    owner: str, text: TextIO, label_column: int | str, labels: dict[str, int] | None
) -> tuple[_Layout, NDArray[np.float64]]:
    """Return the table; in the label column, indices of texts, which are added to `labels`."""
    lines = (line for line in text if line.strip())
    first = next(lines, None)
    if first is None:
        raise ValueError(f"{owner}: the file must hold samples, got an empty one")
    following = list(itertools.islice(lines, 1))
    layout = _layout(owner, first, following, label_column, takes_text=labels is not None)
    if not layout.has_header:
        following.insert(0, first)
    if not following:
        raise ValueError(f"{owner}: the file must hold samples, got a header alone")
    converters: dict[int | str, Callable[[str], Any]] | None = None
    if labels is not None:
        converters = {layout.label: lambda cell: labels.setdefault(cell.strip(), len(labels))}
    try:
        table: NDArray[np.float64] = np.loadtxt(
            itertools.chain(following, lines),
            delimiter=layout.separator,
            comments=None,
            quotechar='"',
            ndmin=2,
            dtype=np.float64,
            converters=converters,
            encoding=None,
        )
    except UnicodeDecodeError:
        raise  # a ValueError about the file, not about the table
    except ValueError as error:
        raise _NotATableError(layout, error) from error
    if table.shape[1] != layout.columns:
        raise _NotATableError(layout, f"a header of {layout.columns} columns over {table.shape[1]}")
    if not np.isfinite(table).all() or not all(map(_is_label, labels or ())):
        raise _NotATableError(layout, "all cells must be finite numbers")
    return layout, table


def _layout(
    owner: str, first: str, following: list[str], label_column: int | str, *, takes_text: bool
) -> _Layout:
    """Return the format of a file, from its first line and the following one, if any."""
    separator = _separator(first)
    cells = _cells(first, separator)
    column = _column(owner, label_column, cells)
    others = [cell for place, cell in enumerate(cells) if place != column]
    has_header = not all(map(_is_number, cells))
    if has_header and takes_text and all(map(_is_number, others)):
        # The first label is text: a name of the column if the others are numbered, or if the
        # column holds numbers.
        below = _cells(following[0], separator) if following else []
        has_header = others == [str(number) for number in range(len(others))] or (
            len(below) == len(cells) and _is_number(below[column])
        )
    return _Layout(separator, len(cells), column, takes_text, has_header)


def _explain(owner: str, file: Path, layout: _Layout) -> str | None:
    """Return the error in the first invalid line, if it can be located."""
    with file.open(encoding="utf-8-sig") as text:
        lines = ((number, line) for number, line in enumerate(text, start=1) if line.strip())
        for number, line in itertools.islice(lines, int(layout.has_header), None):
            cells = _cells(line, layout.separator)
            if len(cells) != layout.columns:
                return (
                    f"{owner}: line {number} must have {layout.columns} columns, got {len(cells)}"
                )
            for column, cell in enumerate(cells):
                expected = _expected(layout, column, cell)
                if expected is not None:
                    shown = cell if len(cell) <= _SHOWN else f"{cell[:_SHOWN]}..."
                    where = f"line {number}, column {column + 1}"
                    return f"{owner}: {where} must be {expected}, got {shown!r}"
    return None


def _expected(layout: _Layout, column: int, cell: str) -> str | None:
    """Return what a cell must be; None if it is that."""
    if column == layout.label and layout.takes_text:
        return None if _is_label(cell) else "a label"
    if _is_number(cell):
        return None if math.isfinite(float(cell)) else "a finite number"
    if layout.separator != "," and _is_number(cell.replace(",", ".", 1)):
        return "a number with a decimal point"
    return "a number"


def _separator(line: str) -> str:
    """Return the separator of a line; a comma if it has none."""
    counts = {separator: len(_cells(line, separator)) for separator in _SEPARATORS}
    if counts[","] == 1:
        return max(counts, key=lambda separator: counts[separator])
    decimals = (cell.replace(",", ".", 1) for cell in _cells(line, ";"))
    return ";" if counts[";"] > 1 and all(map(_is_number, decimals)) else ","


def _cells(line: str, separator: str) -> list[str]:
    if '"' not in line:
        return [cell.strip() for cell in line.split(separator)]
    read = np.loadtxt(  # csv.reader limits the length of a cell
        [line], delimiter=separator, comments=None, quotechar='"', ndmin=1, dtype=str, encoding=None
    )
    return [str(cell).strip() for cell in read]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # which Python allows between digits


def _is_label(cell: str) -> bool:
    return cell != "" and not (_is_number(cell) and not math.isfinite(float(cell)))


def _column(owner: str, label_column: int | str, cells: list[str]) -> int:
    columns = len(cells)
    if columns < 2:
        raise ValueError(f"{owner}: a line must have features and a target, got {columns} column")
    if isinstance(label_column, str):
        header = None if all(map(_is_number, cells)) else cells
        if header is None or header.count(label_column) != 1:
            names = "no header" if header is None else ", ".join(header)
            raise ValueError(
                f"{owner}: label_column must be one of the header's names, got {label_column!r} "
                f"where there is {names}"
            )
        return header.index(label_column)
    position = integer(owner, "label_column", label_column, minimum=-columns, maximum=columns - 1)
    return position % columns


def _labels(
    owner: str, label_column: int | str, texts: list[str], places: NDArray[np.float64]
) -> tuple[NDArray[np.int64], tuple[str, ...] | None]:
    """Return labels, and the names of the classes if labels are not counts from 0."""
    indices = places.astype(np.int64)
    if not all(map(_is_number, texts)):
        names = sorted(texts)
        ranks = {text: rank for rank, text in enumerate(names)}
        return np.array([ranks[text] for text in texts])[indices], tuple(names)
    numbers = np.array([float(text) for text in texts])
    wrong = (np.abs(numbers) > _LARGEST_LABEL) | (numbers != np.rint(numbers))
    if wrong.any():
        row = int(np.argmax(wrong[indices]))
        raise ValueError(
            f"{owner}: label column {label_column!r} must hold integers or text, got "
            f"{numbers[indices[row]]} in row {row + 1} (targets='values' reads real numbers)"
        )
    labels = numbers.astype(np.int64)
    if labels.min() >= 0:
        return labels[indices], None
    classes, ranks_of = np.unique(labels, return_inverse=True)
    return ranks_of[indices], tuple(map(str, classes.tolist()))
