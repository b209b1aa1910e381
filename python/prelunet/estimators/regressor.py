"""MLPRegressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from .._validation import choice
from ..callbacks import Callback
from .base import BaseMLP, Given
from .limits import check_targets

Array = npt.NDArray[Any]
_ACTIVATIONS = {"squared_error": "identity", "poisson": "exp"}


class MLPRegressor(RegressorMixin, BaseMLP):
    """A multi-layer perceptron for quantities, by scikit-learn's contract.

    It trains half the squared error, or half the Poisson deviance.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default "squared_error"
        "poisson" is for y at least 0; the network gives the logarithm of the prediction then.
    hidden_layer_sizes : int or list of int, default (100,)
        The units of each hidden layer.
    activation : str, activation layer, or list of these, default "relu"
        Of the hidden layers, or one for each: "identity", "logistic", "tanh", "relu", "prelu" (a
        learned slope for each unit), "prelu_shared" (one for a layer), "leaky_relu", "elu", "gelu",
        "silu", "sigmoid" (the same as "logistic"), or a layer such as ``pn.LeakyReLU(0.1)``.
    solver : {"adam", "sgd", "lbfgs"}, default "adam"
        "lbfgs" is SciPy's, on all rows at once.
    alpha : float, default 0.0001
        The penalty ``alpha / 2 * sum(W**2)``, divided by the rows (or their weight) of each batch.
        (The slopes of PReLU are `prelu_alphas_`.)
    batch_size : int or "auto", default "auto"
        Rows of a step; "auto" is 200, or all rows where there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
        For "sgd". "invscaling" divides the rate by ``(rows seen + 1)**power_t`` after each epoch,
        "adaptive" by 5 where `n_iter_no_change` epochs have not got better.
    learning_rate_init : float, default 0.001
    power_t : float, default 0.5
    max_iter : int, default 200
        Epochs, at most; iterations for "lbfgs".
    shuffle : bool, default True
        Whether each epoch visits rows in a new order.
    random_state : int, RandomState or None, default None
        Weights, the split of `early_stopping`, orders of rows and dropout follow from it. The draws
        are scikit-learn's: the same number gives the same first weights, split and orders.
    tol : float, default 1e-4
        A loss must fall, or a score rise, by as much to be better.
    verbose : bool or int, default False
        Whether each epoch writes a line to stdout.
    warm_start : bool, default False
        Whether `fit` goes on from the weights of the last one.
    momentum : float, default 0.9
        For "sgd", in [0, 1).
    nesterovs_momentum : bool, default True
    early_stopping : bool, default False
        Whether a score of rows that are not trained on decides when to stop, and the weights of the
        best one are kept; without it the loss of training decides. Not for "lbfgs".
        Weights of the best score are put back also where training ends by an exception.
    validation_fraction : float, default 0.1
        The share of the rows that `early_stopping` holds out where there are no `X_val`.
    beta_1, beta_2 : float, default 0.9 and 0.999
        For "adam".
    epsilon : float, default 1e-8
        For "adam".
    n_iter_no_change : int or inf, default 10
        Training ends after more epochs in a row than this that were not better.
    max_fun : int, default 15000
        For "lbfgs": how often the loss is computed, at most.
    dropout : float or list of float, default 0.0
        The share of the hidden layers' outputs that training drops, or one for each layer; 0 for
        "lbfgs".
    scoring : str, callable or None, default None
        What scores validation data: None for R^2, "loss" for minus the loss, or
        as in scikit-learn's `check_scoring`.
    callbacks : list of Callback or None, default None
        See `prelunet.callbacks`; not for "lbfgs". Their logs have "loss" and, of validation data,
        "val_loss" and "val_score". A clone has copies of its own.
    dtype : {"auto", "float32", "float64"}, default "auto"
        Of the arithmetic. "auto" is float32 where an epoch has several batches, whose chance is
        larger than its rounding, and for float32 X; float64 for few rows and for "lbfgs".
        "float64" has the losses of scikit-learn to rounding, and takes up to twice the time.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        Weights (features, units) and biases (units,) of each layer. They may be changed:
        predictions and further training follow.
    prelu_alphas_ : list of ndarray or None
        The slopes of each hidden layer, (units,) or (1,); None where it has no PReLU.
    loss_ : float
        The last loss, penalty included.
    best_loss_ : float or None
        The smallest; None with `early_stopping`.
    loss_curve_ : list of float
        The loss of each epoch: the mean over its batches, each before its step.
    validation_scores_, validation_loss_curve_ : list of float or None
        Score and loss (penalty left out) of the validation data after each epoch; None without.
    best_validation_score_ : float or None
    n_iter_ : int
        Epochs of the last fit; iterations for "lbfgs".
    t_ : int
        Rows seen in training.
    n_layers_ : int
        Hidden layers, inputs and outputs.
    n_outputs_ : int
    out_activation_ : {"identity", "exp"}
    n_features_in_ : int
    feature_names_in_ : ndarray
        Where X has names of columns.

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
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
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
        dropout: Any = 0.0,
        scoring: Any = None,
        callbacks: Sequence[Callback] | None = None,
        dtype: str = "auto",
    ) -> None:
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            dropout=dropout,
            scoring=scoring,
            callbacks=callbacks,
            dtype=dtype,
        )
        self.loss = loss

    @available_if(lambda self: self._check_solver())
    def partial_fit(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Train for one epoch, from where earlier calls have come to.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, None, incremental=True)

    def predict(self, X: Any) -> Array:
        """Return the quantities of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, features)

        Returns
        -------
        ndarray of shape (n,), or (n, outputs)
        """
        outputs = self._outputs(X)
        return outputs.ravel() if self.n_outputs_ == 1 else outputs

    # ---- inside ----------------------------------------------------------------------------------

    def _take_y(self, y: Array, *, keeps: bool, incremental: bool) -> Array:
        loss = choice("MLPRegressor", "loss", self.loss, _ACTIVATIONS)
        if loss == "poisson" and (y < 0).any():
            raise ValueError("MLPRegressor: y must be at least 0 where loss is 'poisson'")
        return y.reshape(len(y), -1)

    def _check_targets(self, name: str, given: Given) -> None:
        dtype = self._network.dtype
        check_targets("MLPRegressor", name, given.targets, given.weights, dtype=dtype)

    def _outputs_of(self, targets: Array) -> tuple[str, int]:
        return _ACTIVATIONS[self.loss], targets.shape[1]

    def _score_of(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        if not np.isfinite(outputs).all():
            return np.nan
        return float(r2_score(targets, outputs, sample_weight=weights))
