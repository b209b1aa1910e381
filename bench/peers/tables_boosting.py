"""LightGBM and CatBoost for tables, with defaults."""

from __future__ import annotations

import importlib
from typing import Any

from prelunet.tables import CLASSIFICATION

from ..cases.networks import Array
from .tables import Estimator, Frame

MISSING = "missing"  # a level of CatBoost's categories, which must be text


def lightgbm(task: str, seed: int) -> Estimator:
    """Return `LGBMClassifier` or `LGBMRegressor`."""
    module: Any = importlib.import_module("lightgbm")
    kind = module.LGBMClassifier if task == CLASSIFICATION else module.LGBMRegressor
    made: Estimator = kind(random_state=seed, n_jobs=1, verbosity=-1)
    return made


class CatBoost:
    """`CatBoostClassifier` or `CatBoostRegressor`, given the names of the categories."""

    def __init__(self, task: str, seed: int) -> None:
        module: Any = importlib.import_module("catboost")
        kind = module.CatBoostClassifier if task == CLASSIFICATION else module.CatBoostRegressor
        settings = {"thread_count": 1, "verbose": False, "allow_writing_files": False}
        self.model = kind(random_seed=seed, **settings)

    def fit(self, X: Frame, y: Array) -> CatBoost:
        """Train."""
        names = list(X.select_dtypes("category").columns)
        self.model.fit(_with_text(X), y, cat_features=names)
        return self

    def predict(self, X: Frame) -> Array:
        """Return predictions."""
        found: Array = self.model.predict(_with_text(X)).ravel()  # classes have shape (n, 1)
        return found

    def predict_proba(self, X: Frame) -> Array:
        """Return probabilities."""
        found: Array = self.model.predict_proba(_with_text(X))
        return found

    @property
    def classes_(self) -> Array:
        """The classes."""
        found: Array = self.model.classes_
        return found


def catboost(task: str, seed: int) -> Estimator:
    """Return `CatBoostClassifier` or `CatBoostRegressor`."""
    return CatBoost(task, seed)


def _with_text(X: Frame) -> Frame:
    names = X.select_dtypes("category").columns
    return X.assign(**{name: X[name].astype(object).fillna(MISSING).astype(str) for name in names})
