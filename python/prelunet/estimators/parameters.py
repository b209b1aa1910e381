"""Checks of constructor parameters; scikit-learn requires them in fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .._validation import boolean, choice, integer, real
from ..callbacks import Callback
from ..dtypes import CORES
from ..layers import Layer
from .activations import activation_layers

SOLVERS = ("lbfgs", "sgd", "adam")
STOCHASTIC = ("sgd", "adam")
_SCHEDULES = ("constant", "invscaling", "adaptive")


Array = npt.NDArray[Any]


class Estimator(Protocol):
    """The parameters and records of an estimator that solvers use."""

    hidden_layer_sizes: int | Sequence[int]
    activation: str | Layer | Sequence[str | Layer]
    solver: str
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    tol: float
    verbose: bool | int
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dropout: float | Sequence[float]
    scoring: object
    callbacks: Sequence[Callback] | None
    dtype: str

    n_outputs_: int
    coefs_: list[Array]
    n_iter_: int
    t_: int
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float] | None
    best_validation_score_: float | None


@dataclass(frozen=True)
class Hidden:
    """The hidden layers."""

    units: list[int]
    activations: list[Layer | None]
    dropout: list[float]


def check_parameters(estimator: Estimator) -> Hidden:
    """Check the parameters common to all estimators; return the hidden layers."""
    owner = type(estimator).__name__
    choice(owner, "solver", estimator.solver, SOLVERS)
    choice(owner, "learning_rate", estimator.learning_rate, _SCHEDULES)
    choice(owner, "dtype", estimator.dtype, ("auto", *CORES))
    for name in ("max_iter", "max_fun"):
        integer(owner, name, getattr(estimator, name), minimum=1)
    for name in ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping"):
        boolean(owner, name, getattr(estimator, name))
    for name in ("alpha", "tol", "power_t"):
        real(owner, name, getattr(estimator, name), minimum=0.0)
    for name in ("learning_rate_init", "epsilon"):
        real(owner, name, getattr(estimator, name), exclusive_minimum=0.0)
    for name in ("momentum", "beta_1", "beta_2", "validation_fraction"):
        real(owner, name, getattr(estimator, name), minimum=0.0, exclusive_maximum=1.0)
    _check_counts(owner, estimator)
    _check_callbacks(owner, estimator.callbacks)
    scoring = estimator.scoring
    if scoring is not None and not isinstance(scoring, str) and not callable(scoring):
        raise TypeError(f"{owner}: scoring must be a string, a callable or None, got {scoring!r}")
    hidden = _hidden(owner, estimator)
    if estimator.solver not in STOCHASTIC:
        if any(hidden.dropout):
            raise ValueError(
                f"{owner}: dropout must be 0 where solver is 'lbfgs', got {hidden.dropout}"
            )
        if estimator.callbacks:
            raise ValueError(f"{owner}: callbacks must be None where solver is 'lbfgs'")
    return hidden


def _check_counts(owner: str, estimator: Estimator) -> None:
    if estimator.batch_size != "auto":
        integer(owner, "batch_size (unless 'auto')", estimator.batch_size, minimum=1)
    epochs = estimator.n_iter_no_change
    if epochs != math.inf:
        integer(owner, "n_iter_no_change (unless infinite)", epochs, minimum=1)
    if not isinstance(estimator.verbose, (bool, np.bool_)):
        integer(owner, "verbose (unless True or False)", estimator.verbose, minimum=0)


def _check_callbacks(owner: str, callbacks: object) -> None:
    if callbacks is None:
        return
    if not isinstance(callbacks, Sequence) or not all(isinstance(c, Callback) for c in callbacks):
        raise TypeError(f"{owner}: callbacks must be a list of Callbacks, got {callbacks!r}")


def _hidden(owner: str, estimator: Estimator) -> Hidden:
    sizes = estimator.hidden_layer_sizes
    listed = list(sizes) if isinstance(sizes, Iterable) else [sizes]
    units = [integer(owner, "hidden_layer_sizes", size, minimum=1) for size in listed]
    activations = activation_layers(owner, estimator.activation, len(units))
    return Hidden(units, activations, _dropout(owner, estimator.dropout, len(units)))


def _dropout(owner: str, dropout: float | Sequence[float], count: int) -> list[float]:
    rates = list(dropout) if isinstance(dropout, Iterable) else [dropout] * count
    if len(rates) != count:
        raise ValueError(
            f"{owner}: dropout must be a number, or a list of {count}, one for each hidden layer, "
            f"got {len(rates)}"
        )
    return [real(owner, "dropout", r, minimum=0.0, exclusive_maximum=1.0) for r in rates]
