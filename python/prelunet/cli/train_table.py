"""``prelunet train --target``: train one of the estimators for tables."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import prelunet as pn
from prelunet.cli import results, table_figures, train_options
from prelunet.cli.rows import Array
from prelunet.cli.table_data import (
    Model,
    Split,
    TableMetadata,
    divide,
    file_sha256,
    labels_of,
    listed,
    numbers_of,
    scores_of,
    shown,
    without_target,
)
from prelunet.estimators import TabularClassifier
from prelunet.tables import CLASSIFICATION, read_file, task_of

MOST_SHOWN = 5  # important columns in a line
_DIGITS = 6  # of an importance, after the point

_PLURALS = {"number": "numbers", "category": "categories", "date": "dates"}


def run(arguments: argparse.Namespace) -> None:
    """Read, train, test and write, and print the results."""
    train_options.check_for_table(arguments)
    path, target = Path(arguments.data), arguments.target
    frame = read_file("train", path)
    X, column = without_target("train", path, frame, target)
    task = arguments.task or task_of(column)
    classes = task == CLASSIFICATION
    y = labels_of(column) if classes else numbers_of(column)
    if classes:
        _check_classes(path, target, y)
    test_fraction = arguments.test_fraction or train_options.TEST_FRACTION
    rows = divide(X, y, test_fraction, classes=classes)
    folder, model_files = results.destinations(arguments.out, arguments.save, path.stem)
    model = _model(arguments, classes=classes)
    if not arguments.quiet:
        print(f"data       {path.name}: {len(rows.y_train):,} rows to train on, ", end="")
        print(f"{len(rows.y_test):,} to test")
        print(f"target     {_describe_target(target, y, classes=classes, given=arguments.task)}")
        print(f"network    {type(model).__name__}, {model.preset}", flush=True)

    began = time.perf_counter()
    model.fit(rows.X_train, rows.y_train)
    seconds = time.perf_counter() - began
    scores = scores_of(model, rows.X_test, rows.y_test)
    columns = model.describe_columns()
    metadata = TableMetadata(path.name, target, test_fraction, file_sha256("train", path))
    for file in model_files:
        model.save(file, metadata=metadata.to_json())
    if not arguments.quiet:
        print(f"columns    {_describe_columns(columns)}")
    print(f"test       {shown(scores)}")
    epochs = len(model.loss_curve_)
    environment = results.environment()
    print(
        f"time       {seconds:.2f} seconds for {epochs} epochs, of which {model.best_epoch_ + 1} "
        f"was best ({environment['isa']}, threads: {environment['threads']})"
    )
    print(f"model      fingerprint {model.fingerprint()}", flush=True)
    written = model_files
    if folder is not None:
        about = {
            "data": {
                "name": path.name,
                "train_rows": len(rows.y_train),
                "test_rows": len(rows.y_test),
                "target": target,
                "columns": columns,
            },
            "task": task,
            "seconds": seconds,
            "epochs": epochs,
            "configuration": _configuration(arguments, task, test_fraction, model),
        }
        written = [*model_files, *_write(folder, arguments, model, rows, scores, about)]
    if written:
        print("wrote      " + "\n           ".join(map(str, written)))


def _write(
    folder: Path,
    arguments: argparse.Namespace,
    model: Model,
    rows: Split,
    scores: dict[str, float],
    about: dict[str, Any],
) -> list[Path]:
    """Write results.json and the figures; return their paths."""
    classifier = isinstance(model, TabularClassifier)
    importance = table_figures.importance_of(
        model, rows.X_test, rows.y_test, classes=classifier, seed=arguments.seed
    )
    history = _history(model)
    if not arguments.quiet:
        best = list(importance.means.items())[:MOST_SHOWN]
        text = ", ".join(f"{name} {round(value, _DIGITS):.3g}" for name, value in best)
        print(f"importance {text} ({importance.what})")
    y_true, y_pred, names = rows.y_test, model.predict(rows.X_test), None
    if isinstance(model, TabularClassifier):
        labels = np.union1d(model.classes_, rows.y_test)
        y_true, y_pred = np.searchsorted(labels, y_true), np.searchsorted(labels, y_pred)
        names = [str(label) for label in labels.tolist()]
    summary = {
        **{f"test_{name}": value for name, value in scores.items()},
        "fingerprint": model.fingerprint(),
        "best_epoch": model.best_epoch_,
        "history": history,
        "permutation_importance": dict(importance.means),
        **about,
        **results.environment(),
    }
    written = results.write(folder, summary)
    figures, missing = table_figures.write_figures(
        folder,
        history=history,
        y_true=y_true,
        y_pred=y_pred,
        class_names=names,
        target=arguments.target,
        importance=importance,
    )
    if not arguments.quiet:
        results.note(missing)
    return [written, *figures]


def _model(arguments: argparse.Namespace, *, classes: bool) -> Model:
    settings = {
        "scoring": arguments.scoring,
        "epochs": arguments.epochs,
        "random_state": arguments.seed,
        "verbose": not arguments.quiet,
    }
    if arguments.preset is not None:
        settings["preset"] = arguments.preset
    model: Model = (pn.TabularClassifier if classes else pn.TabularRegressor)(**settings)
    return model


def _check_classes(path: Path, target: str, y: Array) -> None:
    """Refuse targets that are no classes: one for most rows, or one in all."""
    labels = np.unique(y)
    if 2 * len(labels) > len(y):
        raise ValueError(
            f"train: {path}: the target {target!r} has {len(labels):,} classes in {len(y):,} rows; "
            "classes must occur in several rows, and numbers need --task regression"
        )
    if len(labels) == 1:
        raise ValueError(f"train: {path}: the target {target!r} is {labels[0]!s} in all rows")


def _describe_target(target: str, y: Array, *, classes: bool, given: str | None) -> str:
    how = "" if given else "; --task chooses otherwise"
    if not classes:
        return f"{target}: regression, {y.min():g} to {y.max():g}{how}"
    labels = np.unique(y)
    return f"{target}: classification, {len(labels)} classes ({listed(labels.tolist())}){how}"


def _describe_columns(columns: list[dict[str, Any]]) -> str:
    counts = Counter(column["kind"] for column in columns)
    return ", ".join(
        f"{count} {kind if count == 1 else _PLURALS[kind]}" for kind, count in counts.items()
    )


def _history(model: Model) -> dict[str, list[float]]:
    """Return the losses, and the scores of the held-out rows under their name."""
    history = {"loss": list(model.loss_curve_)}
    scores = model.validation_scores_
    if scores:
        classifier = isinstance(model, TabularClassifier)
        if model.scoring is not None:
            history[f"val_{model.scoring}"] = list(scores)
        elif classifier:
            history["val_accuracy"] = list(scores)
        else:
            history["val_rmse"] = [-score for score in scores]
    return history


def _configuration(
    arguments: argparse.Namespace, task: str, test_fraction: float, model: Model
) -> dict[str, Any]:
    """Return the effective options, sufficient to repeat the run."""
    return {
        "data": arguments.data,
        "target": arguments.target,
        "task": task,
        "test_fraction": test_fraction,
        "preset": model.preset,
        "scoring": model.scoring,
        "epochs": len(model.loss_curve_),
        "seed": arguments.seed,
    }
