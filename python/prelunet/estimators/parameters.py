"""Checks of constructor parameters, made by fit as scikit-learn has it."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._validation import boolean, choice, integer, real
from ..building import NETWORKS
from ..callbacks import Callback
from ..layers import Layer
from .activations import activation_layers

SOLVERS = ("lbfgs", "sgd", "adam")
STOCHASTIC = ("sgd", "adam")
_SCHEDULES = ("constant", "invscaling", "adaptive")


@dataclass(frozen=True)
class Hidden:
    """The hidden layers.

    Attributes
    ----------
    units : list of int
    activations : list of Layer or None
    dropout : list of float
    """

    units: list[int]
    activations: list[Layer | None]
    dropout: list[float]


def check_parameters(estimator: Any) -> Hidden:
    """Check every parameter that all estimators have; return what the hidden layers are.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what the class says.
    """
    owner = type(estimator).__name__
    choice(owner, "solver", estimator.solver, SOLVERS)
    choice(owner, "learning_rate", estimator.learning_rate, _SCHEDULES)
    choice(owner, "dtype", estimator.dtype, ("auto", *NETWORKS))
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
    hidden = _hidden(owner, estimator)
    if estimator.solver not in STOCHASTIC:
        if any(hidden.dropout):
            raise ValueError(
                f"{owner}: dropout must be 0 where solver is 'lbfgs', got {hidden.dropout}"
            )
        if estimator.callbacks:
            raise ValueError(f"{owner}: callbacks must be None where solver is 'lbfgs'")
    return hidden


def _check_counts(owner: str, estimator: Any) -> None:
    if estimator.batch_size != "auto":
        integer(owner, "batch_size (unless 'auto')", estimator.batch_size, minimum=1)
    epochs = estimator.n_iter_no_change
    if not isinstance(epochs, float) or epochs != math.inf:
        integer(owner, "n_iter_no_change (unless infinite)", epochs, minimum=1)
    if not isinstance(estimator.verbose, (bool, np.bool_)):
        integer(owner, "verbose (unless True or False)", estimator.verbose, minimum=0)


def _check_callbacks(owner: str, callbacks: Any) -> None:
    if callbacks is None:
        return
    if not isinstance(callbacks, Sequence) or not all(isinstance(c, Callback) for c in callbacks):
        raise TypeError(f"{owner}: callbacks must be a list of Callbacks, got {callbacks!r}")


def _hidden(owner: str, estimator: Any) -> Hidden:
    sizes = estimator.hidden_layer_sizes
    sizes = [sizes] if isinstance(sizes, numbers.Number) else list(sizes)
    units = [integer(owner, "hidden_layer_sizes", size, minimum=1) for size in sizes]
    activations = activation_layers(owner, estimator.activation, len(units))
    return Hidden(units, activations, _dropout(owner, estimator.dropout, len(units)))


def _dropout(owner: str, dropout: Any, count: int) -> list[float]:
    rates = [dropout] * count if isinstance(dropout, numbers.Number) else list(dropout)
    if len(rates) != count:
        raise ValueError(
            f"{owner}: dropout must be a number, or a list of {count}, one for each hidden layer, "
            f"got {len(rates)}"
        )
    return [real(owner, "dropout", r, minimum=0.0, exclusive_maximum=1.0) for r in rates]
