"""MLPClassifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from ..callbacks import Callback
from ..layers import Layer
from .base import BaseMLP
from .class_weights import class_factors, label_factors
from .fit_data import FitData
from .limits import check_weights

Array = npt.NDArray[Any]


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A multi-layer perceptron classifier with scikit-learn's interface.

    It minimizes the log loss of softmax outputs. For two classes it has one logistic output, and
    for multilabel targets one logistic output per label.

    Parameters
    ----------
    hidden_layer_sizes : int or list of int, default (100,)
        Number of units of each hidden layer.
    activation : str, activation layer, or list of these, default "relu"
        The activation of all hidden layers, or a list with one for each: "identity", "logistic",
        "tanh", "relu", "prelu" (a learned slope per unit), "prelu_shared" (one per layer),
        "leaky_relu", "elu", "gelu", "silu", "sigmoid" (the same as "logistic"), or a layer such as
        ``pn.LeakyReLU(0.1)``.
    solver : {"adam", "sgd", "lbfgs"}, default "adam"
        "lbfgs" is SciPy's and uses all rows at once.
    alpha : float, default 0.0001
        L2 penalty ``alpha / 2 * sum(W**2)``, divided by the number (or weight) of rows of each
        batch. It does not apply to PReLU slopes (`prelu_alphas_`).
    batch_size : int or "auto", default "auto"
        Rows per step; "auto" is 200, or all rows if there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
        For "sgd". "invscaling" divides the rate by ``(rows seen + 1)**power_t`` after each epoch,
        "adaptive" divides it by 5 after `n_iter_no_change` epochs without improvement.
    learning_rate_init : float, default 0.001
    power_t : float, default 0.5
    max_iter : int, default 200
        Maximum number of epochs; of iterations for "lbfgs".
    shuffle : bool, default True
        Whether to shuffle the rows in each epoch.
    random_state : int, RandomState or None, default None
        Seed of the initial weights, the `early_stopping` split, the order of rows and dropout. The
        same seed gives the same initial weights, split and orders as in scikit-learn.
    tol : float, default 1e-4
        Minimum decrease of the loss, or increase of the score, that counts as an improvement.
    verbose : bool or int, default False
        Whether to print a line per epoch.
    warm_start : bool, default False
        Whether `fit` continues from the weights of the previous fit.
    momentum : float, default 0.9
        For "sgd", in [0, 1).
    nesterovs_momentum : bool, default True
    early_stopping : bool, default False
        Whether to stop on the score of held-out rows and keep the weights of the best score, also
        if training ends with an exception. Without it the training loss decides. Not for "lbfgs".
    validation_fraction : float, default 0.1
        The fraction of rows that `early_stopping` holds out if `X_val` is not given.
    beta_1, beta_2 : float, default 0.9 and 0.999
        For "adam".
    epsilon : float, default 1e-8
        For "adam".
    n_iter_no_change : int or inf, default 10
        Training stops after more than this number of consecutive epochs without improvement.
    max_fun : int, default 15000
        For "lbfgs": maximum number of loss evaluations.
    dropout : float or list of float, default 0.0
        The dropout rate of the hidden layers, or one for each layer; must be 0 for "lbfgs".
    class_weight : dict, "balanced", list of these or None, default None
        Factors by class for the sample weights in training, as in scikit-learn's
        `compute_sample_weight`; a list for multilabel targets. `partial_fit` takes dicts, whose
        classes a batch need not contain.
    scoring : str, callable or None, default None
        The validation score: None for the accuracy, "loss" for the negative loss, or any value
        (a name or a callable) accepted by scikit-learn's `check_scoring`.
    callbacks : list of Callback or None, default None
        See `prelunet.callbacks`; not for "lbfgs". Logs contain "loss" and, with validation data,
        "val_loss" and "val_score". A clone has its own copies.
    dtype : {"auto", "float32", "float64"}, default "auto"
        The dtype of computation. "auto" is float32 if an epoch has more than one batch or X is
        float32, and float64 for a single batch and for "lbfgs". "float64" reproduces
        scikit-learn's losses up to rounding and takes up to twice the time.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,), or list of these
    coefs_, intercepts_ : list of ndarray
        Weights (features, units) and biases (units,) of each layer, as read-only arrays. To change
        them, assign new arrays: predictions and further training use copies of them.
    prelu_alphas_ : list of ndarray or None
        The slopes of each hidden layer, (units,) or (1,); None for a layer without PReLU.
    loss_ : float
        The last loss, including the penalty.
    best_loss_ : float or None
        The smallest loss; None with `early_stopping`.
    loss_curve_ : list of float
        The loss of each epoch: the mean over its batches, each computed before its update.
    validation_scores_, validation_loss_curve_ : list of float or None
        Score and loss (without the penalty) of the validation data after each epoch, or None.
    best_validation_score_ : float or None
    n_iter_ : int
        Epochs of the last fit; iterations for "lbfgs".
    t_ : int
        Rows seen in training.
    n_layers_ : int
        Number of layers, including input and output.
    n_outputs_ : int
    out_activation_ : {"softmax", "logistic"}
    n_features_in_ : int
    feature_names_in_ : ndarray
        Defined if X has column names.

    Examples
    --------
    >>> import prelunet as pn
    >>> from sklearn.datasets import make_classification
    >>> X, y = make_classification(n_samples=100, random_state=1)
    >>> clf = pn.MLPClassifier(activation="prelu", random_state=1, max_iter=300).fit(X, y)
    >>> clf.predict_proba(X[:1]).shape
    (1, 2)
    """

    def __init__(
        self,
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
        class_weight: Mapping[Any, float] | str | None = None,
        scoring: str | Callable[..., float] | None = None,
        callbacks: Sequence[Callback] | None = None,
        dtype: str = "auto",
    ) -> None:
        self._store(locals())

    @available_if(lambda self: self._check_solver())
    def partial_fit(
        self,
        X: object,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        classes: npt.ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch, continuing from earlier calls.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like of shape (classes,), optional
            All classes of all calls; required in the first call.

        Returns
        -------
        self
        """

        def note_classes() -> None:
            if _check_partial_fit_first_call(self, classes):
                multilabel = type_of_target(y).startswith("multilabel")
                self._note_labels(y if multilabel else np.asarray(classes))

        return self._fit(X, y, sample_weight, None, incremental=True, note_classes=note_classes)

    def predict(self, X: object) -> Array:
        """Return the class of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, features)

        Returns
        -------
        ndarray of shape (n,), or (n, labels) of 0 and 1
        """
        outputs = self._outputs(X)
        if self._label_binarizer is not None:
            indicators: Array = self._label_binarizer.inverse_transform(outputs)
            return indicators
        place = outputs.argmax(axis=1) if self.n_outputs_ > 1 else outputs.ravel() > 0.5
        place = np.minimum(place, len(self.classes_) - 1)  # there may be only one class
        labels: Array = self.classes_[place]
        return labels

    def predict_proba(self, X: object) -> Array:
        """Return the probability of each class, in the order of `classes_`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, features)

        Returns
        -------
        ndarray of shape (n, classes)
        """
        outputs = self._outputs(X)
        if self.n_outputs_ > 1:
            return outputs
        return np.hstack([1.0 - outputs, outputs])[:, : len(self.classes_)]

    def predict_log_proba(self, X: object) -> Array:
        """Return the logarithms of `predict_proba`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, features)

        Returns
        -------
        ndarray of shape (n, classes)
        """
        logarithms: Array = np.log(self.predict_proba(X))
        return logarithms

    # ---- internals -------------------------------------------------------------------------------

    def _take_y(self, y: Array, *, keeps: bool, incremental: bool) -> Array:
        if not hasattr(self, "classes_") or not (keeps or incremental):
            self.classes_ = self._note_labels(y)
        else:
            self._check_classes(unique_labels(y), incremental=incremental)
        if self._label_binarizer is not None:
            targets: Array = self._label_binarizer.transform(y).astype(bool)
            return targets
        labels = np.searchsorted(self.classes_, y)
        return labels if len(self.classes_) > 2 else labels[:, np.newaxis] == 1

    def _note_labels(self, y: npt.ArrayLike) -> Array:
        """Record whether rows have one label or several; return the distinct labels."""
        binarizer = None
        if type_of_target(y, input_name="y") not in ("binary", "multiclass"):
            check_classification_targets(y)
            binarizer = LabelBinarizer().fit(y)
        self._label_binarizer: LabelBinarizer | None = binarizer
        # For single labels avoid LabelBinarizer, which reads y three times. Objects become
        # strings, as they do there.
        return np.asarray(list(np.unique(y))) if binarizer is None else binarizer.classes_

    def _check_classes(self, classes: Array, *, incremental: bool) -> None:
        if not incremental and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _outputs_of(self, targets: Array) -> tuple[str, int]:
        if targets.ndim == 1:
            return "softmax", len(self.classes_)
        return "logistic", targets.shape[1]

    def _training_weights(self, data: FitData, *, incremental: bool) -> Array | None:
        if self.class_weight is None:
            return data.weights
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "MLPClassifier: class_weight must name its weights for partial_fit, which does not "
                "see all rows, got 'balanced'"
            )
        places = data.targets.astype(int)
        if places.ndim == 2 and places.shape[1] > 1:
            factors = label_factors(self.class_weight, places)
        else:
            factors = class_factors(self.class_weight, self.classes_, places.ravel())
        name = "class_weight"
        if data.weights is not None:
            name = "class_weight times sample_weight"
            with np.errstate(over="ignore"):
                factors = factors * data.weights
        check_weights("MLPClassifier", name, factors, alpha=self.alpha)
        return factors

    def _score_of(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        if targets.ndim == 1:
            correct = outputs.argmax(axis=1) == targets
        else:
            correct = ((outputs > 0.5) == targets).all(axis=1)
        return float(np.average(correct, weights=weights))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
