"""The estimators of `bench.tables`: their names, settings and requirements."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from prelunet.tables import CLASSIFICATION, TASKS

from ..cases.networks import Array
from . import OURS, version_of

Frame = Any  # a data frame of pandas
FOLDS = 8  # of the bagged peers


class Estimator(Protocol):
    """What is measured: a classifier also has `classes_` and `predict_proba`."""

    def fit(self, X: Frame, y: Array) -> object:
        """Train; y are codes of classes from 0, or numbers."""

    def predict(self, X: Frame) -> Array:
        """Return the codes of classes, or numbers."""


@dataclass(frozen=True)
class TablePeer:
    """An estimator with its settings.

    Attributes
    ----------
    name, title : str
    module : str
        In this package; imported only in the process of the peer.
    factory : str
        Its function ``(task, seed, **settings) -> Estimator``.
    settings : mapping
    needs : tuple of str
        Required distributions.
    tasks : tuple of str
        The tasks in which it differs from other peers.
    reads_gaps : bool
        Whether it takes missing numbers; others get medians, and columns that tell the gaps.
    reads_dates : bool
        Whether it takes dates; others get their parts as numbers.
    """

    name: str
    title: str
    module: str
    factory: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ("scikit-learn", "pandas")
    tasks: tuple[str, ...] = TASKS
    reads_gaps: bool = False
    reads_dates: bool = False

    def missing(self) -> list[str]:
        """Return the required distributions that are not installed."""
        return [name for name in self.needs if version_of(name) is None]

    def make(self, task: str, seed: int) -> Estimator:
        """Import the module and create the estimator."""
        module = importlib.import_module(f".{self.module}", __package__)
        made: Estimator = getattr(module, self.factory)(task, seed, **self.settings)
        return made


def _ours(name: str, title: str, tasks: tuple[str, ...] = TASKS, **settings: Any) -> TablePeer:
    return TablePeer(
        f"{OURS}-{name}",
        f"prelunet {title}",
        *("tables_ours", "tabular", settings),
        tasks=tasks,
        reads_gaps=True,
        reads_dates=True,
    )


def _theirs(
    name: str, title: str, where: str, *needs: str, reads_gaps: bool = False, **settings: Any
) -> TablePeer:
    module, factory = where.split(".")
    wanted = ("scikit-learn", "pandas", *needs)
    return TablePeer(name, title, module, factory, settings, wanted, reads_gaps=reads_gaps)


TABLE_PEERS: Mapping[str, TablePeer] = {
    peer.name: peer
    for peer in (
        _ours("td-s", "TD-S"),
        _ours("td-s-8", "TD-S, 8 networks", n_estimators=8, n_jobs=1),
        _ours("td-s-log-loss", "TD-S, log loss", (CLASSIFICATION,), scoring="log_loss"),
        _ours("td", "TD", preset="realmlp-td"),
        _ours("td-folds", "TD, 8 folds", preset="realmlp-td", cv=FOLDS, n_jobs=1),
        _theirs("prelunet-mlp", "prelunet MLP", "tables_ours.mlp"),
        _theirs("pytabkit-td-s", "RealMLP-TD-S", "tables_pytabkit.real_mlp_td_s", "pytabkit"),
        _theirs("pytabkit-td", "RealMLP-TD", "tables_pytabkit.real_mlp_td", "pytabkit"),
        _theirs("pytabkit-tabm", "TabM", "tables_pytabkit.tab_m", "pytabkit"),
        _theirs("sklearn-mlp", "scikit-learn MLP", "tables_sklearn.mlp"),
        _theirs("sklearn-hist", "HistGradientBoosting", "tables_sklearn.hist", reads_gaps=True),
        _theirs("lightgbm", "LightGBM", "tables_boosting.lightgbm", "lightgbm", reads_gaps=True),
        _theirs("catboost", "CatBoost", "tables_boosting.catboost", "catboost", reads_gaps=True),
        _theirs(
            *("catboost-folds", "CatBoost, 8 folds", "tables_boosting.catboost_folds", "catboost"),
            reads_gaps=True,
            folds=FOLDS,
        ),
    )
}
"""The peers by name, those of prelunet first."""
