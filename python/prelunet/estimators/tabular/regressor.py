"""TabularRegressor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils import Tags, check_array, column_or_1d

from ..._validation import choice
from ...callbacks import Callback
from ...layers import Layer
from ...losses import Gamma, Huber, Loss, MeanAbsoluteError, MeanSquaredError, Pinball, Poisson
from ...schedules import Schedule
from ..limits import within_float64
from .base import BaseTabular
from .member import Member
from .outputs import OutputScaling
from .recipe import Recipe
from .rows import Data, Plan
from .scoring import NumberScore, PinballScore

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_LOSSES = MappingProxyType(
    {
        "squared_error": MeanSquaredError(),
        "absolute_error": MeanAbsoluteError(),
        "huber": Huber(),
        "poisson": Poisson(),
        "gamma": Gamma(),
    }
)
_HINTS = MappingProxyType(
    {
        "mse": "it is 'squared_error' here",
        "mean_squared_error": "it is 'squared_error' here",
        "rmse": "it is 'squared_error' here",
        "mae": "it is 'absolute_error' here",
        "mean_absolute_error": "it is 'absolute_error' here",
        "pinball": "it is 'quantile' here",
    }
)  # other names of these losses
_LOG_LINK = (Poisson, Gamma)  # their outputs are logarithms
_SCORES: dict[type[Loss], str] = {
    MeanAbsoluteError: "mae",
    Poisson: "neg_mean_poisson_deviance",
    Gamma: "neg_mean_gamma_deviance",
}


class TabularRegressor(RegressorMixin, BaseTabular):
    """A network for tables: pre-tuned, with missing values and categories [1]_.

    Columns of numbers, text, bool, categories and dates are encoded as numbers, scaled robustly and
    clipped smoothly. By default the network is that of RealMLP-TD-S [1]_: a learned factor for each
    input, three layers of 256 Mish, and a learning rate in cycles. y is scaled inside. The
    parameters of the epoch with the best score on held-out rows are kept.

    Parameters
    ----------
    preset : {"realmlp-td-s", "realmlp-td"}, default "realmlp-td-s"
        The values of the parameters from `hidden_layer_sizes` on that are None. The values
        of "realmlp-td", whose training takes more time, stand after a slash.
    loss : str or Loss, default "squared_error"
        "squared_error", "absolute_error", "huber", "quantile", "poisson" or "gamma", or a loss of
        `prelunet.losses`. y is scaled to mean 0 and standard deviation 1, or to mean 1 for
        "poisson" (y at least 0) and "gamma" (y above 0), whose outputs are logarithms.
    quantile : float or list of float, default 0.5
        For the loss "quantile": the quantile to predict, between 0 and 1. With a list,
        predictions have shape (n, quantiles) and do not cross; y has one axis.
    categorical_features : "from_dtype", None or sequence, default "from_dtype"
        "from_dtype": columns of text, bool, categories and objects are categories, except objects
        that are all numbers or all dates. A sequence of bool (one for each column), positions or
        names selects the categories; None selects none. The other columns must hold numbers or
        dates.
    scoring : str, callable or None, default None
        The score of the held-out rows that decides the best epoch: "rmse", "mae", or a name or a
        scorer of scikit-learn, which gets an X without columns. None is "rmse", or "mae" or the
        deviance for the losses of these. Of equal epochs the last is the best.
    validation_fraction : float, default 0.2
        The share of rows to hold out if `fit` gets no `X_val`, in [0, 1). Without held-out rows the
        last epoch is kept. At least one row (of each class) is trained on.
    refit : bool, default False
        Whether to train again on all rows, for the number of epochs that was best.
    n_estimators : int, default 1
        Number of networks with different seeds and held-out rows, whose predictions are averaged.
    cv : int, splitter, iterable or None, default None
        Bagging: one network for each fold, which is its held-out rows; `n_estimators` times.
    n_jobs : int or None, default None
        Number of networks trained at once; None means `get_num_threads`, -1 all threads.
    time_limit : float or None, default None
        Seconds after which training ends with the current epoch, for all networks together.
    callbacks : list of Callback or None, default None
        See `prelunet.callbacks`; for a single network. Logs contain "loss" and, with held-out
        rows, "val_score".
    random_state : int, RandomState or None, default None
        Seed of the held-out rows, the initial weights, the order of rows and dropout. The same seed
        gives the same bits for any number of threads and jobs, unless `time_limit` ends training.
    warm_start : bool, default False
        Whether `fit` begins with the parameters and the encoding of the earlier fit; see `fit`.
    verbose : bool or int, default False
        Whether to show progress: a bar, with 2 a line per epoch, or a line per network.
    dtype : {"float32", "float64", "mixed_bfloat16"}, default "float32"
        Dtype of the network.
    hidden_layer_sizes : int or list of int, optional
        Number of units of each hidden layer; (256, 256, 256).
    activation : str, activation layer, or list of these, optional
        As for `MLPRegressor`, or `Parametric`; "mish" / ``Parametric("mish")``.
    dropout : float or Schedule, optional
        Dropout rate after each activation; 0 / ``FlatCosine(0.15)``.
    initialization : {"normal", "data"}, optional
        "normal": weights and biases of hidden layers from normal distributions, and zeros for the
        last layer. "data": each unit is divided by the standard deviation of its outputs on the
        training rows, and its bias is minus a convex combination of five of its outputs;
        "normal" / "data".
    embedding_dim : int, optional
        Number of values of the learned embedding of a category with many levels. With 0, all
        categories are one-hot; 0 / 8.
    max_one_hot_levels : int, optional
        Categories of more levels are embedded, unless `embedding_dim` is 0; 8.
    periodic_embeddings : bool, optional
        Whether `PeriodicEmbeddings` makes 4 values of each number; False / True.
    feature_scale : bool, optional
        Whether the network begins with a learned factor for each input; True.
    clip_predictions : bool, optional
        Whether predictions are limited to the range of y in training; False / True.
    learning_rate : float or Schedule, optional
        A number is the largest rate of `schedules.CosLog`; 0.07 / 0.2.
    scale_learning_rate_factor : float, optional
        Factor of the learning rate for the factors of the inputs; 6.
    bias_learning_rate_factor : float, optional
        Factor of the learning rate for biases; 0.1.
    activation_learning_rate_factor : float, optional
        Factor of the learning rate for the parameters of activations; 0.1.
    periodic_learning_rate_factor : float, optional
        Factor of the learning rate for the periodic embeddings; 0.1.
    beta_1, beta_2 : float, optional
        Of Adam; 0.9 and 0.95.
    epsilon : float, optional
        Of Adam; 1e-8.
    weight_decay : float or Schedule, optional
        Decoupled weight decay, relative to the learning rate; 0 / ``FlatCosine(0.02)``.
    decay_all : bool, optional
        Whether all parameters but the biases of hidden and last layers decay, in proportion to the
        squares of their factors of the learning rate, or only the weights; False / True.
    epochs : int, optional
        256.
    batch_size : int or "all", optional
        Rows per step; 256. A last batch that is smaller is left out of an epoch, unless it is the
        only one.
    shuffle : bool, optional
        Whether to shuffle the rows in each epoch; True.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of str
        Names of the columns, if all are strings.
    n_outputs_ : int
        Number of outputs.
    best_epoch_ : int
        The epoch whose parameters the network has, from 0; for a single network, as the following.
    best_score_ : float or None
        Its score on the held-out rows, if there are any.
    loss_curve_ : list of float
        The training loss of each epoch.
    validation_scores_ : list of float
        The score of the held-out rows after each epoch.
    estimators_ : list
        An estimator for each network, if there are several.
    oof_prediction_ : ndarray of shape (n,) or (n, outputs)
        With `cv`: for each row, the mean prediction of the networks that held it out; NaN if none
        did.
    oof_score_ : float
        With `cv`: the score of `oof_prediction_`.

    See Also
    --------
    prelunet.load : Reads a file of `save`.

    Notes
    -----
    Encoding: a category becomes one column for each level that occurs in training, or one column of
    1 and -1 for two levels; missing and unknown levels are zeros. Embedded categories are codes, 0
    where missing or unknown, which are not scaled. A date becomes year, month,
    weekday, hour, and days since the first date. A missing number becomes the training median; if
    numbers of the column were missing in training, one more column tells where. All columns x then
    become ``z = (x - median) / (interquartile range)``, with half the range where that is 0, and 0
    for constant columns; then ``z / sqrt(1 + (z / 3)**2)``.

    References
    ----------
    .. [1] D. Holzmueller, L. Grinsztajn and I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs
       and Boosted Trees on Tabular Data", NeurIPS 2024, arXiv:2407.04491.

    Examples
    --------
    >>> X = [["red", 1.5], ["blue", None], ["red", 2.0], ["blue", 0.5]] * 8
    >>> model = pn.TabularRegressor(epochs=4, random_state=0).fit(X, [10.0, 20.0] * 16)
    >>> model.predict([["red", None]]).round()
    array([10.])
    """

    _task = "regression"
    n_outputs_: int
    _is_1d: bool  # whether y had one axis

    def __init__(
        self,
        *,
        preset: str = "realmlp-td-s",
        loss: str | Loss = "squared_error",
        quantile: float | Sequence[float] = 0.5,
        categorical_features: object = "from_dtype",
        scoring: object = None,
        validation_fraction: float = 0.2,
        refit: bool = False,
        n_estimators: int = 1,
        cv: object = None,
        n_jobs: int | None = None,
        time_limit: float | None = None,
        callbacks: Sequence[Callback] | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: bool | int = False,
        dtype: str = "float32",
        hidden_layer_sizes: int | Sequence[int] | None = None,
        activation: str | Layer | Sequence[str | Layer] | None = None,
        dropout: float | Schedule | None = None,
        initialization: str | None = None,
        embedding_dim: int | None = None,
        max_one_hot_levels: int | None = None,
        periodic_embeddings: bool | None = None,
        feature_scale: bool | None = None,
        clip_predictions: bool | None = None,
        learning_rate: float | Schedule | None = None,
        scale_learning_rate_factor: float | None = None,
        bias_learning_rate_factor: float | None = None,
        activation_learning_rate_factor: float | None = None,
        periodic_learning_rate_factor: float | None = None,
        beta_1: float | None = None,
        beta_2: float | None = None,
        epsilon: float | None = None,
        weight_decay: float | Schedule | None = None,
        decay_all: bool | None = None,
        epochs: int | None = None,
        batch_size: int | str | None = None,
        shuffle: bool | None = None,
    ) -> None:
        self._store(locals())

    def partial_fit(self, X: object, y: object, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Train for one epoch on all rows, continuing from earlier calls and fits.

        The first call, unless there was a `fit`, makes the encoding of the columns and the scaling
        of y, which later calls keep: its rows should be typical. No rows are held out, and the
        network has the parameters of the last update.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. A last batch that is small is trained on too.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data are invalid, or `cv` is not None.

        Notes
        -----
        The rates are constant: `learning_rate` times the mean of `CosLog`, 0.5, and the means of
        schedules that depend on the length of a training. Other schedules count the updates of
        all calls. The optimizer's state is kept from call to call until a rate changes; files do
        not contain it. After any exception, the estimator is as before the call.
        """
        before = dict(vars(self))
        try:
            self._train_part(X, y, sample_weight, known_targets=False)
        except BaseException:
            self.__dict__ = before
            raise
        return self

    def predict(self, X: object) -> Floats:
        """Return the predictions, in the units of y.

        Parameters
        ----------
        X : table
            As in `fit`. Categories that did not occur in training count as missing.

        Returns
        -------
        ndarray of shape (n,) or (n, outputs)
        """
        return self._predictions("predict", X)

    # ---- as the base class needs it ------------------------------------------------------------

    def _loss(self) -> Loss:
        if isinstance(self.loss, Loss):
            return self.loss
        names = (*_LOSSES, "quantile")
        name = choice(type(self).__name__, "loss (unless a Loss)", self.loss, names, _HINTS)
        return Pinball(self.quantile) if name == "quantile" else _LOSSES[name]

    def _quantiles(self) -> Floats | None:
        """Return the quantiles to predict for each row; None unless there are several."""
        loss = self._loss()
        if isinstance(loss, Pinball) and isinstance(loss.quantile, tuple):
            return np.array(loss.quantile)
        return None

    def _check_own(self) -> None:
        loss = self._loss()
        if not loss.regression:
            raise ValueError(f"{type(self).__name__}: loss must be one of regression, got {loss!r}")

    def _take_y(self, y: object, *, reset: bool, name: str = "y") -> Array:
        with within_float64(type(self).__name__, name):
            checked = check_array(
                y, ensure_2d=False, dtype="numeric", input_name="y", ensure_min_samples=0
            )
            if checked.dtype.kind in "mM":
                raise TypeError(
                    f"{type(self).__name__}: y must hold numbers, got dtype {checked.dtype}"
                )
            targets = checked.astype(np.float64)
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = column_or_1d(targets, warn=True)
        outputs = 1 if targets.ndim == 1 else targets.shape[1]
        if self._quantiles() is not None and outputs > 1:
            owner = type(self).__name__
            raise ValueError(f"{owner}: y must have one axis for several quantiles")
        if targets.size:
            self._check_range(targets)
        if reset:
            self._is_1d, self.n_outputs_ = targets.ndim == 1, outputs
        elif outputs != self.n_outputs_:
            raise ValueError(
                f"{type(self).__name__}: {name} must have {self.n_outputs_} outputs as "
                f"{'in the earlier fit' if name == 'y' else 'y'}, got {outputs}"
            )
        return np.asarray(targets.reshape(len(targets), outputs))

    def _check_kept(self, data: Data, members: Sequence[Member], *, whole: bool) -> None:
        compiled = members[0].network.engine.compiled  # None after `load`
        if compiled is not None and type(compiled.loss) is not type(self._loss()):
            raise ValueError(
                f"{type(self).__name__}: loss must be that of the earlier fit, {compiled.loss!r}, "
                f"got {self._loss()!r}"
            )

    def _outputs(self) -> int:
        quantiles = self._quantiles()
        return self.n_outputs_ if quantiles is None else len(quantiles)

    def _plan(
        self, data: Data, held: Data, recipe: Recipe, scaling: OutputScaling | None = None
    ) -> Plan:
        earlier = scaling
        scaled, scaling = self._scaled(data, earlier)
        if recipe.clip_predictions:
            with np.errstate(divide="ignore"):
                y = np.log(data.targets) if self._has_log_link() else data.targets
            low, high = (np.full_like(scaling.offset, v) for v in (y.min(axis=0), y.max(axis=0)))
            if earlier is not None:  # the range of all fits
                low, high = np.minimum(low, earlier.low), np.maximum(high, earlier.high)
            scaling = replace(scaling, low=low, high=high)
        score = self._number_score(held)
        return Plan(scaled, data.weights, scaling, lambda found: score(self._finished(found)))

    def _scaled(self, data: Data, earlier: OutputScaling | None) -> tuple[Floats, OutputScaling]:
        """Return scaled targets, and the scaling of the outputs, which may be an earlier one."""
        y, weights = data.targets, data.weights
        if earlier is not None:
            factor, offset = (v[: y.shape[1]] for v in (earlier.factor, earlier.offset))
            return (y / np.exp(offset) if self._has_log_link() else (y - offset) / factor), earlier
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(y, axis=0, weights=weights)
            deviation = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=weights))
        if not np.isfinite(deviation).all():
            raise ValueError(
                f"{type(self).__name__}: y must have a finite variance, got values up to "
                f"{np.abs(y).max():.3g}; scale y"
            )
        if self._has_log_link():
            return y / mean, OutputScaling.linear(np.ones_like(mean), np.log(mean))
        deviation[deviation == 0.0] = 1.0  # constant y
        outputs = self._outputs()  # as many as y has, or one for each quantile
        factor, offset = (np.broadcast_to(v, outputs).copy() for v in (deviation, mean))
        return (y - mean) / deviation, OutputScaling.linear(factor, offset)

    def _check_range(self, y: Array) -> None:
        """Reject targets outside the range of the loss."""
        loss, owner = self._loss(), type(self).__name__
        if isinstance(loss, Poisson) and (y.min() < 0.0 or (y.max(axis=0) == 0.0).any()):
            raise ValueError(f"{owner}: y must be at least 0 and not all 0 for loss='poisson'")
        if isinstance(loss, Gamma) and y.min() <= 0.0:
            raise ValueError(f"{owner}: y must be above 0 for loss='gamma', got {y.min():g}")

    def _has_log_link(self) -> bool:
        return isinstance(self._loss(), _LOG_LINK)

    def _number_score(self, data: Data) -> Callable[[Floats], float]:
        scoring = self.scoring
        loss = self._loss()
        if scoring is None and isinstance(loss, Pinball):
            return PinballScore(loss.quantile, self._shaped(data.targets), data.weights)
        if scoring is None:
            scoring = _SCORES.get(type(loss), "rmse")
        return NumberScore(scoring, self._shaped(data.targets), data.weights)

    def _finished(self, outputs: Floats) -> Floats:
        """Return the predictions of scaled outputs."""
        quantiles = self._quantiles()
        if quantiles is not None:  # sorted, so that they do not cross
            return np.sort(outputs, axis=1)[:, _ranks(quantiles)]
        return self._shaped(np.exp(outputs) if self._has_log_link() else outputs)

    def _shaped(self, values: Floats) -> Floats:
        """Return values of shape (n, outputs) in the shape of y."""
        return values[:, 0] if self._is_1d else values

    def _with_calibration_of(self, member: Member, first: Member) -> Member:
        return replace(member, records=first.records)

    def _onnx_function(self) -> str | None:
        return "Exp" if self._has_log_link() else None

    def _combine(self, outputs: Sequence[Floats]) -> Floats:
        return np.asarray(sum(map(self._finished, outputs)) / len(outputs))

    def _score_of(self, predictions: Floats, data: Data) -> float:
        return self._number_score(data)(predictions)

    def _records(self) -> dict[str, Any]:
        return {"n_outputs_": self.n_outputs_, "is_1d": self._is_1d}

    def _set_records(self, records: Mapping[str, Any]) -> None:
        self.n_outputs_, self._is_1d = int(records["n_outputs_"]), bool(records["is_1d"])

    def _onnx_ranks(self) -> list[int] | None:
        quantiles = self._quantiles()
        return None if quantiles is None else _ranks(quantiles).tolist()

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _ranks(quantiles: Floats) -> Array:
    """Return the place of each quantile among the sorted ones."""
    return np.argsort(np.argsort(quantiles, kind="stable"), kind="stable")
