"""TabularClassifier."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
)

from ..._validation import choice, real
from ...callbacks import Callback
from ...layers import Layer
from ...losses import SoftmaxCrossEntropy
from ...schedules import Schedule
from ..class_weights import class_factors
from . import files
from .base import BaseTabular
from .calibration import fit_temperature
from .member import Member
from .outputs import OutputScaling
from .recipe import Recipe
from .rows import Data, Plan
from .scoring import ClassScore

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_SMOOTHING = 0.1  # of the presets


class TabularClassifier(ClassifierMixin, BaseTabular):
    """A network for tables: pre-tuned, with missing values and categories [1]_.

    Columns of numbers, text, bool, categories and dates are encoded as numbers, scaled robustly and
    clipped smoothly. By default the network is that of RealMLP-TD-S [1]_: a learned factor for each
    input, three layers of 256 SELU, label smoothing, and a learning rate in cycles. The parameters
    of the epoch with the best score on held-out rows are kept.

    Parameters
    ----------
    preset : {"realmlp-td-s", "realmlp-td"}, default "realmlp-td-s"
        The values of the parameters from `hidden_layer_sizes` on that are None. The values
        of "realmlp-td", whose training takes more time, stand after a slash.
    categorical_features : "from_dtype", None or sequence, default "from_dtype"
        "from_dtype": columns of text, bool, categories and objects are categories, except objects
        that are all numbers or all dates. A sequence of bool (one for each column), positions or
        names selects the categories; None selects none. The other columns must hold numbers or
        dates.
    scoring : str, callable or None, default None
        The score of the held-out rows that decides the best epoch: None or "accuracy"; "log_loss";
        or a name or a scorer of scikit-learn, which gets an X without columns. Of equal epochs the
        last is the best.
    calibration : "auto", "temperature" or None, default "auto"
        "temperature" divides the logits by the temperature of the least log loss on the held-out
        rows, for the score of each epoch too. "auto" does so if `scoring` reads probabilities.
    class_weight : dict, "balanced" or None, default None
        Factors by class for the sample weights in training and in the score of the held-out rows.
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
        As for `MLPClassifier`, or `Parametric`; "selu" / ``Parametric("selu")``.
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
    label_smoothing : float or "auto", default "auto"
        "auto" is 0.1, or 0 if `scoring` reads probabilities.
    learning_rate : float or Schedule, optional
        A number is the largest rate of `schedules.CosLog`; 0.04.
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
    classes_ : ndarray of shape (classes,)
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of str
        Names of the columns, if all are strings.
    best_epoch_ : int
        The epoch whose parameters the network has, from 0; for a single network, as the following.
    best_score_ : float or None
        Its score on the held-out rows, if there are any.
    loss_curve_ : list of float
        The training loss of each epoch.
    validation_scores_ : list of float
        The score of the held-out rows after each epoch.
    temperature_ : float
        The temperature of the logits; 1 without calibration.
    estimators_ : list
        An estimator for each network, if there are several.
    oof_prediction_ : ndarray of shape (n, classes)
        With `cv`: for each row, the mean probabilities of the networks that held it out; NaN if
        none did.
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
    >>> model = pn.TabularClassifier(epochs=4, random_state=0).fit(X, ["yes", "no"] * 16)
    >>> model.predict([["red", None]])
    array(['yes'], dtype='<U3')
    """

    _task = "classification"
    classes_: Array
    calibration: str | None

    def __init__(
        self,
        *,
        preset: str = "realmlp-td-s",
        categorical_features: object = "from_dtype",
        scoring: object = None,
        calibration: str | None = "auto",
        class_weight: Mapping[Any, float] | str | None = None,
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
        label_smoothing: float | str = "auto",
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

    def partial_fit(
        self,
        X: object,
        y: object,
        sample_weight: npt.ArrayLike | None = None,
        classes: npt.ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on all rows, continuing from earlier calls and fits.

        The first call, unless there was a `fit`, makes the encoding of the columns, which later
        calls keep: its rows should be typical. No rows are held out, and the network has the
        parameters of the last update. The temperature of an earlier fit is kept.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. Rows may lack some classes. A last batch that is small is trained on too.
        classes : array-like of shape (classes,), optional
            All classes of all calls; required in the first call.

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
            _check_partial_fit_first_call(self, classes)  # sets classes_
            if isinstance(self.class_weight, str):
                raise ValueError(
                    f"{type(self).__name__}: class_weight must be a mapping or None for "
                    f"partial_fit, which does not see all rows, got {self.class_weight!r}"
                )
            self._train_part(X, y, sample_weight, known_targets=True)
        except BaseException:
            self.__dict__ = before
            raise
        return self

    def predict(self, X: object) -> Array:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : table
            As in `fit`. Categories that did not occur in training count as missing.

        Returns
        -------
        ndarray of shape (n,)
        """
        predictions = self._predictions("predict", X)
        found: Array = self.classes_[predictions.argmax(axis=1)]
        return found

    def predict_proba(self, X: object) -> Floats:
        """Return the probability of each class, in the order of `classes_`.

        Parameters
        ----------
        X : table
            As in `fit`.

        Returns
        -------
        ndarray of shape (n, classes)
        """
        return self._predictions("predict_proba", X)

    def predict_log_proba(self, X: object) -> Floats:
        """Return the logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    # ---- as the base class needs it ------------------------------------------------------------

    def _loss(self) -> SoftmaxCrossEntropy:
        smoothing = self.label_smoothing
        if isinstance(smoothing, str):
            smoothing = 0.0 if self._reads_probabilities() else _SMOOTHING
        return SoftmaxCrossEntropy(label_smoothing=smoothing)

    def _reads_probabilities(self) -> bool:
        """Return whether `scoring` depends on the probabilities, not on the classes alone."""
        if len(self.classes_) < 2:
            return False
        labels = np.tile(np.arange(len(self.classes_)), 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scores of rows that are all alike
            return ClassScore(self.scoring, self.classes_, labels, None).reads_probabilities()

    def _check_own(self) -> None:
        owner = type(self).__name__
        if self.calibration is not None:
            choice(owner, "calibration (unless None)", self.calibration, ("auto", "temperature"))
        if isinstance(self.label_smoothing, str):
            choice(owner, "label_smoothing (unless a number)", self.label_smoothing, ("auto",))
        else:
            real(
                *(owner, "label_smoothing (unless 'auto')", self.label_smoothing),
                minimum=0.0,
                exclusive_maximum=1.0,
            )

    def _take_y(self, y: object, *, reset: bool, name: str = "y") -> Array:
        checked = check_array(y, ensure_2d=False, dtype=None, input_name="y", ensure_min_samples=0)
        labels = column_or_1d(checked, warn=True)
        owner = type(self).__name__
        try:
            check_classification_targets(labels)
        except TypeError as error:  # text and None cannot be sorted
            raise TypeError(
                f"{owner}: y must hold labels of one type, none missing: {error}"
            ) from None
        if reset:
            self.classes_, codes = np.unique(labels, return_inverse=True)
            return np.asarray(codes, np.int64)
        unknown = ~np.isin(labels, self.classes_)
        if unknown.any():
            first = labels[unknown].tolist()[0]
            among = "classes_" if name == "y" else "y"
            raise ValueError(f"{owner}: {name} must hold classes of {among}, got {first!r}")
        return np.asarray(np.searchsorted(self.classes_, labels))

    def _check_kept(self, data: Data, members: Sequence[Member], *, whole: bool) -> None:
        if not whole:
            return
        lost = np.setdiff1d(np.arange(len(self.classes_)), data.targets)
        if len(lost):
            raise ValueError(
                f"{type(self).__name__}: with warm_start, y must have all classes of the earlier "
                f"fit, got none of {self.classes_[lost].tolist()[0]!r}"
            )

    def _outputs(self) -> int:
        return len(self.classes_)

    def _plan(
        self, data: Data, held: Data, recipe: Recipe, scaling: OutputScaling | None = None
    ) -> Plan:
        weights = self._class_weighted(held) if held.count else None
        if weights is not None and not weights.any():
            weights = held.weights
        score = ClassScore(
            *(self.scoring, self.classes_, held.targets, weights), calibrates=self._calibrates()
        )
        return Plan(data.targets, self._class_weighted(data), self._scaling(1.0), score)

    def _class_weighted(self, data: Data) -> Floats | None:
        """Return the sample weights of rows times the factors of their classes."""
        if self.class_weight is None:
            return data.weights
        owner = type(self).__name__
        factors = class_factors(self.class_weight, self.classes_, data.targets, owner=owner)
        return factors if data.weights is None else data.weights * factors

    def _needs_held_out(self) -> bool:
        return self.calibration == "temperature"

    def _calibrates(self) -> bool:
        if self.calibration == "auto":
            return self._reads_probabilities()
        return self.calibration is not None

    def _calibrated(self, member: Member, X: Array | None, held: Data) -> Member:
        temperature = 1.0
        if X is not None:
            logits = member.network.predict(X).astype(np.float64)
            temperature = fit_temperature(logits, held.targets, held.weights)
        return self._with_temperature(member, temperature)

    def _with_calibration_of(self, member: Member, first: Member) -> Member:
        refitted = self._with_temperature(member, first.records["temperature_"])
        return replace(refitted, records=first.records)

    def _with_temperature(self, member: Member, temperature: float) -> Member:
        records = member.records | {"temperature_": temperature}
        return replace(member, scaling=self._scaling(temperature), records=records)

    def _scaling(self, temperature: float) -> OutputScaling:
        count = self._outputs()
        return OutputScaling.linear(np.full(count, 1.0 / temperature), np.zeros(count))

    def _onnx_function(self) -> str | None:
        return "Softmax"  # along the last axis, by default

    def _combine(self, outputs: Sequence[Floats]) -> Floats:
        return np.asarray(sum(softmax(logits, axis=1) for logits in outputs) / len(outputs))

    def _score_of(self, predictions: Floats, data: Data) -> float:
        with np.errstate(divide="ignore"):
            logits = np.log(predictions)
        return ClassScore(self.scoring, self.classes_, data.targets, data.weights)(logits)

    def _records(self) -> dict[str, Any]:
        return {"classes_": files.labels_to_json(self.classes_)}

    def _set_records(self, records: Mapping[str, Any]) -> None:
        self.classes_ = files.labels_from_json(records["classes_"])
