"""Tables in files as columns and targets, for training, predictions and tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from prelunet._extras import require
from prelunet._files import reading
from prelunet.cli import results
from prelunet.cli.rows import SPLIT_SEED, Array
from prelunet.estimators import TabularClassifier, TabularRegressor
from prelunet.tables import Column, Table, read_columns, read_file

Model: TypeAlias = "TabularClassifier | TabularRegressor"

_SHOWN = 12  # names in a message


@dataclass(frozen=True)
class TableMetadata:
    """The metadata of a model file: its training data, and which of their rows were held out."""

    data: str | None = None
    target: str | None = None
    test_fraction: float | None = None
    sha256: str | None = None  # of the file

    def to_json(self) -> dict[str, Any]:
        """Return the JSON values for the file."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TableMetadata:
        """Return the metadata of a file; values of a wrong type count as missing."""
        kinds = {"data": str, "target": str, "test_fraction": float, "sha256": str}
        return cls(**{k: values[k] for k, t in kinds.items() if isinstance(values.get(k), t)})


class Split(NamedTuple):
    """Training and test rows."""

    X_train: Table
    X_test: Table
    y_train: Array
    y_test: Array


def listed(names: Sequence[object]) -> str:
    """Return names between commas; only the first ones of many."""
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(str, names[:_SHOWN])) + more


def without_target(command: str, path: Path, frame: Table, target: str) -> tuple[Table, Column]:
    """Return the features and the target of a table, without the rows that lack the target.

    Raises
    ------
    ValueError
        If the table has no such column, or no other.
    """
    columns = list(frame.columns)
    if target not in columns:
        raise ValueError(
            f"{command}: {path} has no column {target!r}; its columns are {listed(columns)}"
        )
    if len(columns) == 1:
        raise ValueError(f"{command}: {path} must have columns besides the target {target!r}")
    here = frame[target].notna()
    dropped = int((~here).sum())
    if dropped and dropped < len(frame):
        results.note([f"{dropped:,} rows without {target!r} are left out"])
        frame = frame[here].reset_index(drop=True)
    return frame.drop(columns=target), read_columns(command, frame[[target]])[0]


def labels_of(column: Column) -> Array:
    """Return a target column as labels: integers, bool or text.

    Raises
    ------
    TypeError, ValueError
        If it holds dates or fractions.
    """
    if column.kind == "date":
        raise TypeError(f"{column.label} is the target: it must hold classes, got dates")
    if column.kind == "number":
        fractions = column.values != np.floor(column.values)
        if fractions.any():
            raise ValueError(
                f"{column.label} is the target: classes must be text, bool or integers, got "
                f"{column.values[fractions.argmax()]}; use --task regression"
            )
        return column.values.astype(np.int64)
    kinds = {type(level) for level in column.levels}
    levels = column.levels if len(kinds) == 1 else [str(level) for level in column.levels]
    found: Array = np.array(levels)[column.values]
    return found


def numbers_of(column: Column) -> Array:
    """Return a target column as numbers.

    Raises
    ------
    TypeError
        If it holds text or dates.
    """
    try:
        return column.numbers()
    except TypeError as error:
        raise TypeError(f"{error}; as a target it needs --task classification") from None


def divide(X: Table, y: Array, test_fraction: float, *, classes: bool) -> Split:
    """Hold out rows, of each class if all classes have two rows.

    The division is the same for all training seeds, so that runs are comparable.
    """
    selection = require("sklearn.model_selection", extra="sklearn", purpose="dividing rows")
    if len(y) < 2:
        raise ValueError(f"the table must have at least 2 rows with a target, got {len(y)}")
    strata = None
    if classes:
        counts = np.unique(y, return_counts=True)[1]
        held = np.ceil(test_fraction * len(y))
        if counts.min() > 1 and len(counts) <= min(held, len(y) - held):
            strata = y
    return Split(
        *selection.train_test_split(
            X, y, test_size=test_fraction, random_state=SPLIT_SEED, stratify=strata
        )
    )


def file_sha256(command: str, path: Path) -> str:
    """Return the SHA-256 of a file."""
    with reading(command, path) as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def read_for(command: str, model: Model, path: Path, *, text: Sequence[str] = ()) -> Table:
    """Return the table of a file, whose text columns are read as text of the model's columns."""
    columns = model.describe_columns()
    names = [
        str(column["name"])
        for column in columns
        if any(isinstance(level, str) for level in column.get("levels", ()))
    ]
    return read_file(command, path, text=[*names, *text])


def columns_for(
    command: str, model: Model, path: Path, frame: Table, *, target: str | None
) -> Table:
    """Return the columns that a model was trained on, in its order.

    Notes to stderr name columns that it does not know, and categories without a known value.

    Raises
    ------
    ValueError
        If columns are missing.
    """
    described = model.describe_columns()
    if not hasattr(model, "feature_names_in_"):
        given = frame.drop(columns=target, errors="ignore") if target is not None else frame
        if len(given.columns) != len(described):
            raise ValueError(
                f"{command}: {path} must have {len(described)} columns, as the table that the "
                f"model was trained on, got {len(given.columns)}"
            )
        return given.to_numpy(dtype=object)
    names = [column["name"] for column in described]
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ValueError(
            f"{command}: {path} lacks columns that the model was trained on: {listed(missing)}"
        )
    unused = [name for name in frame.columns if name not in names and name != target]
    notes = [f"{path}: columns that the model does not know: {listed(unused)}"] if unused else []
    found = frame[names]
    for column, own in zip(described, read_columns(command, found), strict=True):
        if column["kind"] == "category" and own.kind != "date":
            levels = own.categories().levels
            if levels and not set(levels) & set(column["levels"]):
                known = listed([repr(level) for level in column["levels"]])
                notes.append(
                    f"{path}: no value of column {column['name']!r} occurred in training, such as "
                    f"{levels[0]!r}; they count as missing (known: {known})"
                )
    results.note(notes)
    return found


def scores_of(model: Model, X: Table, y: Array) -> dict[str, float]:
    """Return accuracy and log loss, or RMSE, mean absolute error and R2.

    Labels that the model does not know are wrong; the log loss is then left out.
    """
    if not isinstance(model, TabularClassifier):
        return _scores_of_numbers(model, X, y)
    probabilities = model.predict_proba(X)
    predicted = model.classes_[probabilities.argmax(axis=1)]
    scores = {"accuracy": float(np.mean(predicted == y))}
    if np.isin(y, model.classes_).all():
        own = probabilities[np.arange(len(y)), np.searchsorted(model.classes_, y)]
        smallest = np.finfo(np.float64).eps
        scores["loss"] = float(-np.mean(np.log(np.maximum(own, smallest))))
    return scores


def _scores_of_numbers(model: TabularRegressor, X: Table, y: Array) -> dict[str, float]:
    difference = model.predict(X) - y
    square = float(np.mean(difference**2))
    variance = float(np.var(y))
    scores = {"rmse": float(np.sqrt(square)), "mae": float(np.mean(np.abs(difference)))}
    if variance > 0.0:
        scores["r2"] = 1.0 - square / variance
    return scores


def shown(scores: Mapping[str, float]) -> str:
    """Return scores as text."""
    words = {"loss": "log loss", "rmse": "RMSE", "mae": "MAE", "r2": "R2"}
    return ", ".join(f"{words.get(name, name)} {value:.4g}" for name, value in scores.items())


def target_of(model: Model, column: Column) -> Array:
    """Return the target column as the model was trained on it."""
    if not isinstance(model, TabularClassifier):
        return numbers_of(column)
    return labels_of(column)


def target_is_text(model: Model) -> bool:
    """Return whether the target is text, which may be all digits in another file."""
    return isinstance(model, TabularClassifier) and model.classes_.dtype.kind in "UO"
