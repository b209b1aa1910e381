"""The estimators of prelunet for tables."""

from __future__ import annotations

from typing import Any

import prelunet as pn
from prelunet.tables import CLASSIFICATION

from .tables import Estimator
from .tables_sklearn import around_mlp


def tabular(task: str, seed: int, **settings: Any) -> Estimator:
    """Return `TabularClassifier` or `TabularRegressor`."""
    pn.set_num_threads(1)
    kind = pn.TabularClassifier if task == CLASSIFICATION else pn.TabularRegressor
    made: Estimator = kind(random_state=seed, **settings)
    return made


def mlp(task: str, seed: int) -> Estimator:
    """Return `MLPClassifier` or `MLPRegressor` with defaults, and the scaling that they need."""
    pn.set_num_threads(1)
    kind = pn.MLPClassifier if task == CLASSIFICATION else pn.MLPRegressor
    return around_mlp(task, kind(random_state=seed))
