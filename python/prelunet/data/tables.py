"""NPZ and CSV files of samples and targets."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np
from numpy.typing import NDArray

from prelunet._files import naming, reading
from prelunet._validation import choice, integer
from prelunet.data.dataset import Array, Dataset, as_labels, rows_of_images
from prelunet.data.files import existing_file
from prelunet.formats.npz import Archive

_TARGETS = ("labels", "values")


def read_npz(path: str | os.PathLike[str], *, targets: str = "labels") -> Dataset:
    """Read an NPZ file with ``x_train``, ``y_train``, ``x_test``, ``y_test``, or ``X`` and ``y``.

    The test arrays are optional, and other arrays are ignored. Pickled objects are rejected.

    Parameters
    ----------
    path : str or path
        The file. Samples have shape (n, features), (n, height, width) or (n, height, width,
        channels) and any numeric dtype. Images are flattened to rows, and their shape is recorded.
    targets : {"labels", "values"}
        Integer labels of shape (n,); or real numbers of shape (n,) or (n, outputs), as float64.

    Returns
    -------
    Dataset

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If the file does not exist or is a folder.
    ValueError
        If the file is not a complete NPZ file of such arrays; the message names file and array.
    """
    file = existing_file("read_npz", path)
    choice("read_npz", "targets", targets, _TARGETS)
    owner = f"read_npz: {file}"
    with reading("read_npz", file) as stream:
        arrays = _npz_arrays(owner, stream)
        keys = tuple(arrays)
        rows = {key: rows_of_images(owner, key, arrays[key]) for key in keys[::2]}
        aims = {key: _npz_targets(owner, key, arrays[key], targets) for key in keys[1::2]}
        x_train, y_train, *test = keys
        return Dataset(
            name=file.name,
            x_train=rows[x_train][0],
            y_train=aims[y_train],
            x_test=rows[test[0]][0] if test else None,
            y_test=aims[test[1]] if test else None,
            image_shape=rows[x_train][1],
        )


def _keys(owner: str, found: list[str]) -> tuple[str, ...]:
    """Return the keys to read, alternating samples and targets."""
    train, test = ("x_train", "y_train"), ("x_test", "y_test")
    held_test = [key for key in test if key in found]
    if all(key in found for key in train) and len(held_test) != 1:
        return (*train, *held_test)
    if "X" in found and "y" in found:
        return ("X", "y")
    raise ValueError(
        f"{owner}: the arrays must be x_train and y_train, with x_test and y_test or without them, "
        f"or X and y, got {', '.join(found) or 'none'}"
    )


def _npz_arrays(owner: str, stream: BinaryIO) -> dict[str, Array]:
    """Return the arrays of `_keys`, in that order."""
    import zipfile  # imported here: takes a third of the import time of this package

    arrays = {}
    if not zipfile.is_zipfile(stream):
        raise ValueError("the file must be an NPZ archive, got something else")
    with Archive(stream) as archive:
        for key in _keys(owner, archive.names):
            try:
                array = archive.read(key)
            except (MemoryError, OSError):
                raise
            except Exception as error:  # damaged archives raise many types
                raise ValueError(
                    f"{owner}: {key} must be an array of numbers, got: {error}"
                ) from error
            if array.dtype.kind not in "buif":
                raise ValueError(f"{owner}: {key} must be an array of numbers, got {array.dtype}")
            arrays[key] = array
    return arrays


def _npz_targets(owner: str, key: str, array: Array, targets: str) -> Array:
    return as_labels(owner, key, array) if targets == "labels" else array.astype(np.float64)


def read_csv(
    path: str | os.PathLike[str], *, label_column: int | str = -1, targets: str = "labels"
) -> Dataset:
    """Read a CSV file of numbers, one sample per line.

    The first line is a header if any of its cells is not a number. Blank lines are skipped.

    Parameters
    ----------
    path : str or path
        The file: UTF-8, comma-separated, with equal numbers of cells in all lines.
    label_column : int or str
        The column of the targets: its position (negative: counted from the end), or its name in
        the header.
    targets : {"labels", "values"}
        Integer labels, or real numbers.

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
    with naming("read_csv", file):
        try:
            with file.open(encoding="utf-8-sig") as text:
                header, table = _read_table(owner, text)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(
                f"{owner}: the file must be lines of UTF-8 text, got: {error}"
            ) from error
        except _NotATableError as error:
            raise ValueError(_explain(owner, file) or f"{owner}: {error}") from error
    column = _column(owner, label_column, header, table.shape[1])
    y = table[:, column]
    return Dataset(
        name=file.name,
        x_train=np.delete(table, column, axis=1),
        y_train=_whole(owner, label_column, y) if targets == "labels" else y.copy(),
    )


class _NotATableError(Exception):
    """NumPy could not parse the lines; they must be read again to locate the error."""


def _lines(text: TextIO) -> Iterator[str]:
    return (line for line in text if line.strip())


def _read_table(owner: str, text: TextIO) -> tuple[list[str] | None, NDArray[np.float64]]:
    lines = _lines(text)
    first = next(lines, None)
    if first is None:
        raise ValueError(f"{owner}: the file must hold samples, got an empty one")
    cells = _cells(first)
    header = None if all(_is_number(cell) for cell in cells) else cells
    if header is not None:
        first = next(lines, None)
        if first is None:
            raise ValueError(f"{owner}: the file must hold samples, got a header alone")
    try:
        table = np.loadtxt(
            itertools.chain([first], lines),
            delimiter=",",
            comments=None,
            quotechar='"',
            ndmin=2,
            dtype=np.float64,
        )
    except UnicodeDecodeError:
        raise  # a ValueError about the file, not about the table
    except ValueError as error:
        raise _NotATableError(error) from error
    if table.shape[1] != len(cells):
        raise _NotATableError(f"a header of {len(cells)} columns over {table.shape[1]}")
    return header, table


def _explain(owner: str, file: Path) -> str | None:
    """Return the error in the first invalid line, if it can be located."""
    columns = None
    with file.open(encoding="utf-8-sig") as text:
        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            cells = _cells(line)
            if columns is None:
                columns = len(cells)
                continue  # a header, or a valid line of numbers
            if len(cells) != columns:
                return f"{owner}: line {number} must have {columns} columns, got {len(cells)}"
            for position, cell in enumerate(cells, start=1):
                if not _is_number(cell):
                    where = f"line {number}, column {position}"
                    return f"{owner}: {where} must be a number, got {cell!r}"
    return None


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line]))]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _column(owner: str, label_column: int | str, header: list[str] | None, columns: int) -> int:
    if columns < 2:
        raise ValueError(f"{owner}: a line must have features and a target, got {columns} column")
    if isinstance(label_column, str):
        if header is None or header.count(label_column) != 1:
            names = "no header" if header is None else ", ".join(header)
            raise ValueError(
                f"{owner}: label_column must be one of the header's names, got {label_column!r} "
                f"where there is {names}"
            )
        return header.index(label_column)
    position = integer(owner, "label_column", label_column, minimum=-columns, maximum=columns - 1)
    return position % columns


def _whole(owner: str, label_column: int | str, y: NDArray[np.float64]) -> NDArray[np.int64]:
    # Above 2**53 float64 does not represent every integer.
    wrong = ~(np.abs(y) <= 2.0**53) | (y != np.rint(y))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{owner}: label column {label_column!r} must hold integers, got {y[row]} in row "
            f"{row + 1} (targets='values' reads real numbers)"
        )
    return y.astype(np.int64)
