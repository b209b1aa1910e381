"""MLPRegressor."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from .._validation import choice
from ..callbacks import Callback
from ..layers import Layer
from .base import BaseMLP
from .fit_data import FitData
from .limits import check_targets
from .parameters import STOCHASTIC

Array = npt.NDArray[Any]
_ACTIVATIONS = {"squared_error": "identity", "poisson": "exp"}
_LARGE = 1e3  # mean and standard deviation of y that the steps of "sgd" and "adam" do not suit


class MLPRegressor(RegressorMixin, BaseMLP):
    """A multi-layer perceptron regressor with scikit-learn's interface.

    It minimizes half the squared error, or half the Poisson deviance.

    The steps of "sgd" and "adam" suit targets of about mean 0 and standard deviation 1. A first fit
    with squared error warns if an output of y has a mean (absolute) or a standard deviation above
    1000. `TabularRegressor` scales y, and so does scikit-learn's `TransformedTargetRegressor`.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default "squared_error"
        "poisson" requires y >= 0; the network outputs the logarithm of the prediction.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, learning_rate_init
    power_t, max_iter, shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum
    early_stopping, validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change, max_fun, dropout
        As in `MLPClassifier`.
    scoring : str, callable or None, default None
        The validation score: None for R^2, "loss" for the negative loss, or any value accepted by
        scikit-learn's `check_scoring`.
    callbacks, dtype
        As in `MLPClassifier`.

    Attributes
    ----------
    out_activation_ : {"identity", "exp"}
    coefs_, intercepts_, prelu_alphas_, loss_, best_loss_, loss_curve_, n_iter_, t_
    validation_scores_, validation_loss_curve_, best_validation_score_
    n_layers_, n_outputs_, n_features_in_, feature_names_in_
        As in `MLPClassifier`.

    Examples
    --------
    >>> import prelunet as pn
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    >>> regressor = pn.MLPRegressor(random_state=1, max_iter=2000, tol=0.1).fit(X, y)
    >>> regressor.predict(X[:2]).shape
    (2,)
    """

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Layer | Sequence[str | Layer] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float | Sequence[float] = 0.0,
        scoring: str | Callable[..., float] | None = None,
        callbacks: Sequence[Callback] | None = None,
        dtype: str = "auto",
    ) -> None:
        self._store(locals())

    @available_if(lambda self: self._check_solver())
    def partial_fit(self, X: object, y: object, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Train for one epoch, continuing from earlier calls.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, None, incremental=True)

    def predict(self, X: object) -> Array:
        """Return the predictions for each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, features)

        Returns
        -------
        ndarray of shape (n,), or (n, outputs)
        """
        outputs = self._outputs(X)
        return outputs.ravel() if self.n_outputs_ == 1 else outputs

    # ---- internals -------------------------------------------------------------------------------

    def _take_y(self, y: Array, *, keeps: bool, incremental: bool) -> Array:
        loss = choice("MLPRegressor", "loss", self.loss, _ACTIVATIONS)
        if loss == "poisson" and (y < 0).any():
            raise ValueError("MLPRegressor: y must be at least 0 where loss is 'poisson'")
        return y.reshape(len(y), -1)

    def _check_targets(self, name: str, data: FitData) -> None:
        dtype = self._network.variable_dtype
        check_targets("MLPRegressor", name, data.targets, data.weights, dtype=dtype)

    def _warn_about_targets(self, targets: Array) -> None:
        if self.loss != "squared_error" or self.solver not in STOCHASTIC:
            return
        if (np.abs(targets.mean(axis=0)) > _LARGE).any() or (targets.std(axis=0) > _LARGE).any():
            warnings.warn(
                f"MLPRegressor: y has a mean or a standard deviation above {_LARGE:g}, for which "
                f"solver={self.solver!r} needs many steps, or diverges. Scale y, as in "
                "TransformedTargetRegressor(MLPRegressor(), transformer=StandardScaler()), or use "
                "prelunet.TabularRegressor, which scales it",
                UserWarning,
                stacklevel=2,
            )

    def _outputs_of(self, targets: Array) -> tuple[str, int]:
        return _ACTIVATIONS[self.loss], targets.shape[1]

    def _score_of(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        if not np.isfinite(outputs).all():
            return np.nan
        return float(r2_score(targets, outputs, sample_weight=weights))
