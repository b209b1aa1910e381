"""The estimators of scikit-learn for tables."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from prelunet.tables import CLASSIFICATION

from ..cases.networks import Array
from .tables import Estimator, Frame

MOST_LEVELS = 255  # of a category in HistGradientBoosting


def mlp(task: str, seed: int) -> Estimator:
    """Return `MLPClassifier` or `MLPRegressor` with defaults, and the scaling that they need."""
    kind = MLPClassifier if task == CLASSIFICATION else MLPRegressor
    return around_mlp(task, kind(random_state=seed))


def around_mlp(task: str, network: Any) -> Estimator:
    """Return a pipeline: one-hot categories, standardized columns and, in regression, targets."""
    # Both libraries stop after 200 epochs, converged or not.
    warnings.simplefilter("ignore", ConvergenceWarning)
    categories = make_column_selector(dtype_include="category")
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    encoding = make_column_transformer((one_hot, categories), remainder="passthrough")
    if task != CLASSIFICATION:
        network = TransformedTargetRegressor(network, transformer=StandardScaler())
    made: Estimator = make_pipeline(encoding, StandardScaler(), network)
    return made


class Hist:
    """HistGradientBoosting with defaults; rare levels above the limit count as missing."""

    def __init__(self, task: str, seed: int) -> None:
        classifies = task == CLASSIFICATION
        kind = HistGradientBoostingClassifier if classifies else HistGradientBoostingRegressor
        self.model = kind(random_state=seed)
        self.levels: dict[str, Any] = {}

    def fit(self, X: Frame, y: Array) -> Hist:
        """Train."""
        for name in X.select_dtypes("category").columns:
            self.levels[name] = X[name].value_counts().index[:MOST_LEVELS]
        self.model.fit(self._limited(X), y)
        return self

    def predict(self, X: Frame) -> Array:
        """Return predictions."""
        found: Array = self.model.predict(self._limited(X))
        return found

    def predict_proba(self, X: Frame) -> Array:
        """Return probabilities."""
        found: Array = self.model.predict_proba(self._limited(X))
        return found

    @property
    def classes_(self) -> Array:
        """The classes."""
        found: Array = self.model.classes_
        return found

    def _limited(self, X: Frame) -> Frame:
        return X.assign(**{n: X[n].cat.set_categories(v) for n, v in self.levels.items()})


def hist(task: str, seed: int) -> Estimator:
    """Return `HistGradientBoostingClassifier` or `HistGradientBoostingRegressor`."""
    return Hist(task, seed)
