"""`MLPClassifier` against scikit-learn's: same data, same parameters, whole calls of fit."""

from __future__ import annotations

import math
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import prelunet as pn
from prelunet._extras import require

from .cases.networks import Array
from .peers import OURS
from .progress import Progress

THEIRS = "scikit-learn"
GRID: dict[str, list[Any]] = {
    "alpha": [1e-4, 1e-2],
    "hidden_layer_sizes": [(50,), (100,), (50, 50), (100, 50)],
}
FOLDS = 3
Split = tuple[Array, Array, Array, Array]


@dataclass(frozen=True)
class EstimatorCase:
    """A data set in float64, scikit-learn's usual dtype."""

    title: str
    load: Callable[[], Split]  # returns X and y for fitting, and X and y for scoring
    rounds: int  # fits per library, in alternation
    max_iter: int = 200  # largest number of epochs of a fit; the default of both libraries


# Seconds before each fit: BLAS threads of the other library spin for a while after its work.
_REST = 0.3


def _split(X: Array, y: Array) -> Split:
    """Hold out a quarter, and standardize the features."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X_fit, X_test, y_fit, y_test = train_test_split(X, y, random_state=0)
    scaler = StandardScaler().fit(X_fit)
    return scaler.transform(X_fit), y_fit, scaler.transform(X_test), y_test


def _breast_cancer() -> Split:
    from sklearn.datasets import load_breast_cancer

    return _split(*load_breast_cancer(return_X_y=True))


def _digits() -> Split:
    from sklearn.datasets import load_digits

    return _split(*load_digits(return_X_y=True))


def _made() -> Split:
    from sklearn.datasets import make_classification

    return _split(*make_classification(20_000, 30, n_informative=10, random_state=0))


def _fashion_mnist() -> Split:
    found = pn.data.load("fashion-mnist")
    return (
        found.x_train.reshape(len(found.x_train), -1) / 255.0,
        found.y_train,
        found.x_test.reshape(len(found.x_test), -1) / 255.0,
        found.y_test,
    )


CASES = {
    "breast cancer": EstimatorCase("426 rows of 30", _breast_cancer, 5),
    "digits": EstimatorCase("1,347 images of 8x8", _digits, 5),
    "table": EstimatorCase("15,000 generated rows of 30", _made, 3),
    "fashion-mnist": EstimatorCase("60,000 images of 28x28, 20 epochs", _fashion_mnist, 1, 20),
}


def measure(threads: int, *, quiet: bool) -> dict[str, Any]:
    """Return the seconds of each fit, the score and the epochs, by case and library.

    The last case is a grid search of 24 fits on the digits, with one process and with one per
    thread. Cases whose data cannot be loaded are listed with the reason.
    """
    require("sklearn", extra="sklearn", purpose="its MLPClassifier")
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    jobs = list(dict.fromkeys((1, threads)))
    found: dict[str, Any] = {}
    with (
        Progress(len(CASES) + len(jobs), quiet=quiet) as progress,
        threadpool_limits(threads),
        warnings.catch_warnings(),
    ):
        # Both run 200 epochs by default, converged or not; this also applies to other processes.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, case in CASES.items():
            progress.begin(f"estimators: {name}")
            found[name] = _case(case)
            progress.done()
        for count in jobs:
            if count > 1:  # the first search starts the processes for both libraries
                _search(THEIRS, count, {"max_iter": [1]}).fit(*_digits()[:2])
                _search(OURS, count, {"max_iter": [1]}).fit(*_digits()[:2])
            progress.begin(f"estimators: grid search, {count} jobs")
            found[f"grid search, n_jobs={count}"] = _grid_search(count)
            progress.done()
    return found


def _classifiers() -> dict[str, Any]:
    from sklearn.neural_network import MLPClassifier

    return {OURS: pn.MLPClassifier, THEIRS: MLPClassifier}


def _case(case: EstimatorCase) -> dict[str, Any]:
    try:
        X, y, X_test, y_test = case.load()
    except (FileNotFoundError, ImportError, OSError) as error:
        return {"title": case.title, "left_out": str(error).splitlines()[0]}
    result: dict[str, Any] = {"title": case.title}
    for number in range(case.rounds):
        for name, kind in _classifiers().items():
            classifier = kind(max_iter=case.max_iter, random_state=0)
            time.sleep(_REST)
            began = time.perf_counter()
            classifier.fit(X, y)
            taken = time.perf_counter() - began
            if number == 0:
                result[name] = {
                    "seconds": [],
                    "score": float(classifier.score(X_test, y_test)),
                    "epochs": int(classifier.n_iter_),
                }
            result[name]["seconds"].append(taken)
    return result


def _grid_search(jobs: int) -> dict[str, Any]:
    X, y, X_test, y_test = _digits()
    fits = FOLDS * math.prod(map(len, GRID.values()))
    result: dict[str, Any] = {"title": f"{fits} fits of the digits, and one of the best"}
    for name in (OURS, THEIRS):
        search = _search(name, jobs, GRID)
        time.sleep(_REST)
        began = time.perf_counter()
        search.fit(X, y)
        taken = time.perf_counter() - began
        score = float(search.score(X_test, y_test))
        result[name] = {"seconds": [taken], "score": score, "epochs": None}
    return result


def _search(name: str, jobs: int, grid: dict[str, list[Any]]) -> Any:
    from sklearn.model_selection import GridSearchCV

    return GridSearchCV(_classifiers()[name](random_state=0), grid, cv=FOLDS, n_jobs=jobs)


def rows_of(found: dict[str, Any]) -> list[list[str]]:
    """Return a table row per case: case, both medians, their ratio, both scores in percent."""
    rows = []
    for name, result in found.items():
        if "left_out" in result:
            rows.append([name, result["title"], *["-"] * 5])
            continue
        ours, theirs = (statistics.median(result[who]["seconds"]) for who in (OURS, THEIRS))
        scores = (f"{100 * result[who]['score']:.2f}" for who in (OURS, THEIRS))
        times = f"{ours:.3g} s", f"{theirs:.3g} s", f"{theirs / ours:.1f}"
        rows.append([name, result["title"], *times, *scores])
    return rows
