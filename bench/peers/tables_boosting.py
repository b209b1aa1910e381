"""LightGBM and CatBoost for tables, with defaults."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

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

    def fit(self, X: Frame, y: Array, held: tuple[Frame, Array] | None = None) -> CatBoost:
        """Train; `held` are rows that choose the best iteration."""
        names = list(X.select_dtypes("category").columns)
        rows = None if held is None else (_with_text(held[0]), held[1])
        self.model.fit(_with_text(X), y, cat_features=names, eval_set=rows)
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


class CatBoostFolds:
    """CatBoost bagged over folds, as the estimators of prelunet are with `cv`.

    The held-out rows of a fold choose the best iteration. Predictions are averaged.
    """

    def __init__(self, task: str, seed: int, folds: int) -> None:
        self.classifies, self.folds = task == CLASSIFICATION, folds
        self.models = [CatBoost(task, seed * folds + place) for place in range(folds)]

    def fit(self, X: Frame, y: Array) -> CatBoostFolds:
        """Train."""
        cv = check_cv(self.folds, y, classifier=self.classifies)
        for model, (trained, held) in zip(self.models, cv.split(X, y), strict=True):
            model.fit(X.iloc[trained], y[trained], (X.iloc[held], y[held]))
        return self

    def predict(self, X: Frame) -> Array:
        """Return predictions."""
        if self.classifies:
            found: Array = self.classes_[self.predict_proba(X).argmax(axis=1)]
            return found
        return np.asarray(np.mean([model.predict(X) for model in self.models], axis=0))

    def predict_proba(self, X: Frame) -> Array:
        """Return probabilities."""
        return np.asarray(np.mean([model.predict_proba(X) for model in self.models], axis=0))

    @property
    def classes_(self) -> Array:
        """The classes."""
        return self.models[0].classes_


def catboost_folds(task: str, seed: int, folds: int) -> Estimator:
    """Return CatBoost bagged over folds."""
    return CatBoostFolds(task, seed, folds)


def _with_text(X: Frame) -> Frame:
    names = X.select_dtypes("category").columns
    return X.assign(**{name: X[name].astype(object).fillna(MISSING).astype(str) for name in names})
