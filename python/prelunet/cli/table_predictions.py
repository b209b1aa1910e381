"""``prelunet predict`` and ``prelunet evaluate`` with the model of a table."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prelunet._extras import require
from prelunet._files import replacing
from prelunet.cli import results
from prelunet.cli.rows import Array
from prelunet.cli.table_data import (
    Model,
    TableMetadata,
    columns_for,
    divide,
    file_sha256,
    read_for,
    scores_of,
    shown,
    target_is_text,
    target_of,
    without_target,
)
from prelunet.estimators import TabularClassifier
from prelunet.tables import Table


def predict(arguments: argparse.Namespace, model: Model) -> None:
    """Predict the rows of all files; print them, or write them to ``--out``."""
    metadata = TableMetadata.from_json(model.metadata_)
    target = metadata.target
    if arguments.out is not None:
        check_out(arguments.out, arguments.files)
    tables = []
    for path in arguments.files:
        frame = read_for("predict", model, path)
        tables.append(columns_for("predict", model, path, frame, target=target))
    predictions = [_predict(model, X) for X in tables]
    if arguments.out is not None:
        _write(arguments.out, model, predictions[0], target or "prediction")
        print(f"wrote {arguments.out}: {len(tables[0]):,} predictions")
        return
    each = zip(arguments.files, predictions, strict=True)
    rows = [row for path, found in each for row in _rows(path, model, found)]
    if arguments.json:
        print(results.to_json(rows))
        return
    for row in rows:
        value = row["value"] if "value" in row else row["class"]
        text = _number(value) if "value" in row else f"{value}  {row['probability']:.4f}"
        print(f"{row['file']}[{row['row']}]: {text}")


def check_out(out: str, files: Sequence[Path]) -> None:
    """Check ``--out`` before predicting."""
    if not out.lower().endswith(".csv"):
        raise ValueError(f"predict: --out must end in .csv, got {out}")
    if len(files) > 1:
        raise ValueError(f"predict: --out needs one FILE, got {len(files)}")
    results.writable_folder(Path(out).parent)


def _predict(model: Model, X: Table) -> Array:
    if isinstance(model, TabularClassifier):
        return model.predict_proba(X)
    return np.asarray(model.predict(X))


def _rows(path: Path, model: Model, predictions: Array) -> Iterator[dict[str, Any]]:
    """Yield the prediction of each row as JSON values."""
    for row, values in enumerate(predictions):
        place = {"file": str(path), "row": row}
        if not isinstance(model, TabularClassifier):
            yield {**place, "value": values.tolist()}
            continue
        best = int(values.argmax())
        classes = model.classes_.tolist()
        yield {
            **place,
            "class": classes[best],
            "probability": float(values[best]),
            "probabilities": dict(zip(map(str, classes), values.tolist(), strict=True)),
        }


def _number(value: float | list[float]) -> str:
    return " ".join(f"{number:.6g}" for number in np.ravel(value))


def _write(out: str, model: Model, predictions: Array, name: str) -> None:
    """Write a CSV file: the label and the probability of each class, or numbers."""
    pandas = require("pandas", extra="tables", purpose="writing a table")
    if isinstance(model, TabularClassifier):
        labels = model.classes_[predictions.argmax(axis=1)]
        columns = [f"probability_{label}" for label in model.classes_.tolist()]
        frame = pandas.DataFrame(predictions, columns=columns)
        frame.insert(0, name, labels)
    elif predictions.ndim == 1:
        frame = pandas.DataFrame({name: predictions})
    else:
        columns = [f"{name}_{place}" for place in range(predictions.shape[1])]
        frame = pandas.DataFrame(predictions, columns=columns)
    with replacing(out) as stream:
        frame.to_csv(stream, index=False)


def evaluate(arguments: argparse.Namespace, model: Model) -> None:
    """Test on the rows of a file: those held out in training if it is the same file, else all."""
    metadata = TableMetadata.from_json(model.metadata_)
    target = arguments.target or metadata.target
    if target is None:
        raise ValueError("evaluate: the model file does not name the target: give --target COLUMN")
    path = Path(arguments.data)
    text = [target] if target_is_text(model) else []
    frame = read_for("evaluate", model, path, text=text)
    features, column = without_target("evaluate", path, frame, target)
    X = columns_for("evaluate", model, path, features, target=None)
    y, what = target_of(model, column), "rows, all of the table"
    fraction = metadata.test_fraction
    if fraction is not None and metadata.sha256 == file_sha256("evaluate", path):
        rows = divide(X, y, fraction, classes=isinstance(model, TabularClassifier))
        X, y, what = rows.X_test, rows.y_test, "rows held out in training"
    scores = scores_of(model, X, y)
    if arguments.json:
        print(results.to_json({**scores, "data": path.name, "rows": len(y), "what": what}))
        return
    print(f"{shown(scores)} ({path.name}: {len(y):,} {what})")
