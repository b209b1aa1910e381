"""Checks of the constructor's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ..._validation import boolean, choice, integer, real
from ...callbacks import Callback
from ...dtypes import CORES
from .recipe import PIECES, Recipe, recipe_of
from .scoring import check_scoring_parameter


class Tabular(Protocol):
    """The parameters of both estimators, without the pieces of the presets."""

    preset: str
    categorical_features: object
    scoring: object
    validation_fraction: float
    refit: bool
    n_estimators: int
    cv: object
    n_jobs: int | None
    time_limit: float | None
    callbacks: Sequence[Callback] | None
    random_state: int | np.random.RandomState | None
    warm_start: bool
    verbose: bool | int
    dtype: str


def check_parameters(estimator: Tabular, task: str) -> Recipe:
    """Check the parameters common to both estimators; return the recipe of the network.

    `task` is a key of the presets.
    """
    owner = type(estimator).__name__
    # A classifier lacks pieces of regression.
    pieces = {name: getattr(estimator, name, None) for name in PIECES}
    recipe = recipe_of(owner, task, estimator.preset, pieces)
    share = estimator.validation_fraction
    real(owner, "validation_fraction", share, minimum=0.0, exclusive_maximum=1.0)
    boolean(owner, "refit", estimator.refit)
    boolean(owner, "warm_start", estimator.warm_start)
    integer(owner, "n_estimators", estimator.n_estimators, minimum=1)
    choice(owner, "dtype", estimator.dtype, tuple(CORES))
    n_jobs, time_limit = estimator.n_jobs, estimator.time_limit
    if n_jobs is not None and integer(owner, "n_jobs (unless None)", n_jobs) == 0:
        raise ValueError(f"{owner}: n_jobs must be None or an integer other than 0, got 0")
    if time_limit is not None:
        real(owner, "time_limit (unless None)", time_limit, exclusive_minimum=0.0)
    check_scoring_parameter(owner, estimator.scoring, classes=task == "classification")
    if estimator.cv is not None and estimator.refit:
        raise ValueError(f"{owner}: refit must be False where cv is given")
    several = estimator.cv is not None or estimator.n_estimators > 1
    callbacks: object = estimator.callbacks
    if callbacks is None:
        return recipe
    if not isinstance(callbacks, Sequence) or not all(isinstance(c, Callback) for c in callbacks):
        raise TypeError(f"{owner}: callbacks must be a list of Callbacks, got {callbacks!r}")
    if several and len(callbacks):
        raise ValueError(f"{owner}: callbacks must be None where there are several members")
    return recipe
