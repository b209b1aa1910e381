"""The tables of a folder, and their division into training and test rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from prelunet._extras import require
from prelunet.tables import CLASSIFICATION, read_columns, read_file, task_of
from prelunet.tables.files import SUFFIXES

from ..cases.networks import Array
from ..peers.tables import Frame

TARGETS = ("__target__", "target")  # names of the target column; otherwise it is the last one
TEST_SIZE = 0.25
_GAP = "gap"


@dataclass(frozen=True, eq=False)
class Table:
    """A table, whose columns are numbers, categories and dates.

    Attributes
    ----------
    name : str
    task : {"classification", "regression"}
    X : data frame
    y : ndarray of shape (n,)
        Codes of the sorted classes from 0, or float64.
    """

    name: str
    task: str
    X: Frame
    y: Array


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test rows."""

    X: Frame
    y: Array
    X_test: Frame
    y_test: Array


def files(folder: str | Path) -> list[Path]:
    """Return the tables of a folder.

    Raises
    ------
    OSError
        If the folder cannot be read.
    ValueError
        If it has no tables, or two of one name.
    """
    found = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise ValueError(f"bench: {folder} must contain tables, which end in {', '.join(SUFFIXES)}")
    names = [path.stem for path in found]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"bench: {folder} must have one table of the name {repeated!r}")
    return found


def load(path: str | Path, rows: int | None = None) -> Table:
    """Return the table of a file, with at most `rows` rows, drawn at random.

    The target is the column "__target__" or "target", or the last one. `tables.task_of` chooses the
    task. Rows without a target are dropped. Columns of text and bool become categories. All columns
    are renamed, since some libraries refuse names.
    """
    path = Path(path)
    frame = read_file("bench", path)
    target = next((name for name in TARGETS if name in frame.columns), frame.columns[-1])
    frame = frame[frame[target].notna()]
    if rows is not None and len(frame) > rows:
        frame = frame.sample(rows, random_state=0)
    y = frame.pop(target)
    if not len(frame.columns):
        raise ValueError(f"bench: {path} must have columns besides the target {target!r}")
    task = task_of(read_columns("bench", y.to_frame())[0])
    frame = frame.reset_index(drop=True)
    frame.columns = [f"c{place}" for place in range(len(frame.columns))]
    for name in frame.columns:
        if frame[name].dtype.kind not in "iufM":
            frame[name] = frame[name].astype("category")
    if task == CLASSIFICATION:
        codes: Array = np.unique(y.astype(str).to_numpy(object), return_inverse=True)[1]
        return Table(path.stem, task, frame, codes)
    return Table(path.stem, task, frame, y.to_numpy(np.float64))


def split(table: Table, seed: int) -> Split:
    """Hold out a quarter of the rows, of each class if all classes have two rows."""
    selection: Any = require("sklearn.model_selection", extra="sklearn", purpose="dividing rows")
    stratified = table.task == CLASSIFICATION and np.bincount(table.y).min() > 1
    X, X_test, y, y_test = selection.train_test_split(
        *(table.X, table.y),
        test_size=TEST_SIZE,
        random_state=seed,
        stratify=table.y if stratified else None,
    )
    return Split(X, y, X_test, y_test)


def without_dates(rows: Split) -> Split:
    """Return rows whose dates are numbers: year, month, weekday, hour, and days since the first."""
    dates = rows.X.select_dtypes("datetime").columns
    starts = {name: rows.X[name].min() for name in dates}

    def converted(X: Frame) -> Frame:
        parts: dict[str, Any] = {}
        for name, start in starts.items():
            own = X[name].dt
            days = (X[name] - start).dt.total_seconds() / 86_400.0
            each = {
                "year": own.year,
                "month": own.month,
                "weekday": own.day_of_week,
                "hour": own.hour,
            }
            parts |= {f"{name}_{part}": values for part, values in {**each, "days": days}.items()}
        return X.drop(columns=dates).assign(**parts)

    return replace(rows, X=converted(rows.X), X_test=converted(rows.X_test))


def without_gaps(rows: Split) -> Split:
    """Return rows whose missing numbers are training medians.

    One more column of 0 and 1 tells the gaps of each column that has some in training, as the
    estimators of prelunet do.
    """
    numbers = rows.X.select_dtypes("number").columns
    medians = rows.X[numbers].median().fillna(0.0)
    gaps = [name for name in numbers if rows.X[name].isna().any()]

    def filled(X: Frame) -> Frame:
        told = {f"{name}_{_GAP}": X[name].isna().astype("float32") for name in gaps}
        return X.assign(**{name: X[name].fillna(medians[name]) for name in numbers}, **told)

    return replace(rows, X=filled(rows.X), X_test=filled(rows.X_test))
