"""One estimator in its own process; see `bench.worker`."""

from __future__ import annotations

import gc
import os
import sys
import time
from typing import Any

import numpy as np

from prelunet._extras import require
from prelunet.tables import CLASSIFICATION

from ..cases.networks import Array
from ..peers import version_of
from ..peers.tables import TABLE_PEERS, Frame
from ..worker import Answer, serve
from . import data

PREDICTIONS = 3  # of which the fastest counts
WARM_UP_ROWS = 64


class TableWorker:
    """The peer, and the table that it read last."""

    def __init__(self, name: str) -> None:
        self.peer = TABLE_PEERS[name]
        self.warm: set[str] = set()
        self.source: tuple[str, int | None] | None = None
        self.table: data.Table | None = None

    def versions(self) -> Answer:
        """Return the versions of the required distributions."""
        return {"versions": {name: version_of(name) for name in self.peer.needs}}

    def measure(self, path: str, seed: int, rows: int | None) -> Answer:
        """Train and test on one division of a table; see `bench.tables`."""
        if self.table is None or self.source != (path, rows):
            self.table, self.source = data.load(path, rows), (path, rows)
        table = self.table
        if table.task not in self.warm:
            self._warm_up(table.task)
        found = data.split(table, seed)
        if not self.peer.reads_dates:
            found = data.without_dates(found)
        if not self.peer.reads_gaps:
            found = data.without_gaps(found)
        model: Any = self.peer.make(table.task, seed)
        gc.collect()
        wall, began = time.perf_counter(), cpu_seconds()
        model.fit(found.X, found.y)
        fitted = {"fit_cpu": cpu_seconds() - began, "fit_wall": time.perf_counter() - wall}
        times = []
        for _ in range(PREDICTIONS):
            began = cpu_seconds()
            predicted = np.asarray(model.predict(found.X_test)).ravel()
            times.append(cpu_seconds() - began)
        scores = scores_of(table.task, model, found, predicted)
        result = {
            "task": table.task,
            **scores,
            **fitted,
            "predict_cpu": min(times),
            "train_rows": len(found.y),
            "test_rows": len(found.y_test),
            "columns": len(table.X.columns),
        }
        return {"result": result}

    def _warm_up(self, task: str) -> None:
        """Train once on generated rows, so that nothing is imported or compiled while timing."""
        pandas = require("pandas", extra="tables", purpose="bench --tables")
        rng = np.random.default_rng(0)
        X = pandas.DataFrame(rng.normal(size=(WARM_UP_ROWS, 2)), columns=["a", "b"])
        X["c"] = pandas.Categorical(rng.choice(["x", "y", "z"], WARM_UP_ROWS))
        y = X["a"].to_numpy()
        model = self.peer.make(task, 0)
        model.fit(X, (y > 0).astype(np.int64) if task == CLASSIFICATION else y)
        model.predict(X)
        self.warm.add(task)


def cpu_seconds() -> float:
    """Return the processor time of all threads of this process and its finished children."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def scores_of(task: str, model: Any, rows: data.Split, predicted: Array) -> dict[str, float]:
    """Return the error, and the log loss of a classifier.

    The error is the share of wrong labels, or the root of the mean squared error.
    """
    if task != CLASSIFICATION:
        return {"error": float(np.sqrt(np.mean((predicted - rows.y_test) ** 2)))}
    wrong = float(np.mean(predicted != rows.y_test))
    return {"error": wrong, "log_loss": log_loss(model, rows.X_test, rows.y_test)}


def log_loss(model: Any, X: Frame, y: Array) -> float:
    """Return the mean log loss; probabilities are at least the epsilon of float64."""
    classes = np.asarray(model.classes_).astype(np.int64)
    probabilities = np.zeros((len(y), 1 + max(int(y.max()), int(classes.max()))))
    probabilities[:, classes] = model.predict_proba(X)
    own = probabilities[np.arange(len(y)), y]
    return float(-np.mean(np.log(np.maximum(own, np.finfo(np.float64).eps))))


if __name__ == "__main__":
    serve(TableWorker(sys.argv[1]))
