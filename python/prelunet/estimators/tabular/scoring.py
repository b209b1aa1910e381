"""Scores of the held-out rows after each epoch, which decide the best epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax, xlogy
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer, get_scorer_names

from .calibration import fit_temperature

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Score = Callable[[Floats], float]  # of outputs, in the order of the held-out rows


_OWN_OF_CLASSES = {
    "accuracy": "accuracy",
    "log_loss": "log_loss",
    "neg_log_loss": "log_loss",
}
_OWN_OF_NUMBERS = {
    "rmse": "rmse",
    "neg_root_mean_squared_error": "rmse",
    "mae": "mae",
    "neg_mean_absolute_error": "mae",
    "neg_mean_poisson_deviance": "poisson",
    "neg_mean_gamma_deviance": "gamma",
}


def _gamma_deviance(y: Floats, predicted: Floats) -> Floats:
    return np.asarray(2.0 * (y / predicted - np.log(y / predicted) - 1.0))


def _poisson_deviance(y: Floats, predicted: Floats) -> Floats:
    return np.asarray(2.0 * (xlogy(y, y / predicted) - y + predicted))


# The losses of elements: of targets and predictions.
_LOSSES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "rmse": lambda y, predicted: (y - predicted) ** 2,
    "mae": lambda y, predicted: np.asarray(np.abs(y - predicted)),
    "poisson": _poisson_deviance,
    "gamma": _gamma_deviance,
}


def check_scoring_parameter(owner: str, scoring: object, *, classes: bool) -> None:
    """Check the parameter `scoring` of a classifier or a regressor."""
    if scoring is None or callable(scoring):
        return
    if not isinstance(scoring, str):
        raise TypeError(f"{owner}: scoring must be a string, a callable or None, got {scoring!r}")
    own = _OWN_OF_CLASSES if classes else _OWN_OF_NUMBERS
    if scoring not in own and scoring not in get_scorer_names():
        names = "'accuracy', 'log_loss'" if classes else "'rmse', 'mae'"
        raise ValueError(
            f"{owner}: scoring must be one of {names} or a name of "
            f"sklearn.metrics.get_scorer_names(), got {scoring!r}"
        )


class ClassScore:
    """A score of logits, of held-out rows with labels.

    With `calibrates`, it is the score of the logits divided by their temperature, as the estimator
    predicts. Otherwise the log loss prefers early epochs, whose logits are small, to later ones
    that separate the classes better (E. Berta et al., "Rethinking Early Stopping: Refine, Then
    Calibrate", 2025, arXiv:2501.19195).
    """

    def __init__(
        self,
        scoring: object,
        classes: Array,
        labels: Array,
        weights: Floats | None,
        *,
        calibrates: bool = False,
    ) -> None:
        self._labels, self._weights, self._calibrates = labels, weights, calibrates
        own = "accuracy" if scoring is None else _own(scoring, _OWN_OF_CLASSES)
        self._own = own
        self._outputs = _Classes()
        self._outputs.classes_ = classes
        if own is None:
            self._scorer = _scorer(scoring)

    def reads_probabilities(self) -> bool:
        """Return whether the score depends on the probabilities, not on the classes alone."""
        if self._own is None:
            self(np.zeros((len(self._labels), len(self._outputs.classes_))))
        return self._own == "log_loss" or self._outputs.probabilities_read

    def __call__(self, logits: Floats) -> float:
        """Return the score; larger is better."""
        if self._own == "accuracy":
            correct = logits.argmax(axis=1) == self._labels
            if self._weights is None:
                return np.count_nonzero(correct) / len(correct)
            return float(np.average(correct, weights=self._weights))
        if self._calibrates:
            logits = logits / fit_temperature(logits, self._labels, self._weights)
        if self._own == "log_loss":
            rows = np.arange(len(logits))
            of_labels = log_softmax(logits, axis=1)[rows, self._labels]
            return float(np.average(of_labels, weights=self._weights))
        self._outputs.logits = logits
        y = self._outputs.classes_[self._labels]
        return _scored(self._scorer, self._outputs, y, self._weights)


class NumberScore:
    """A score of predictions, of held-out rows with targets."""

    def __init__(self, scoring: object, targets: Floats, weights: Floats | None) -> None:
        self._targets, self._weights = targets, weights
        self._own = _own(scoring, _OWN_OF_NUMBERS)
        self._outputs = _Numbers()
        if self._own is None:
            self._scorer = _scorer(scoring)

    def __call__(self, predictions: Floats) -> float:
        """Return the score; larger is better."""
        if self._own is not None:
            rows = _LOSSES[self._own](self._targets, predictions)
            if rows.ndim > 1:
                rows = rows.mean(axis=1)
            if self._weights is None:
                loss = float(np.add.reduce(rows)) / len(rows)
            else:
                loss = float(np.average(rows, weights=self._weights))
            return -(loss**0.5) if self._own == "rmse" else -loss
        self._outputs.predictions = predictions
        return _scored(self._scorer, self._outputs, self._targets, self._weights)


class PinballScore:
    """The negative pinball loss of predictions, of one quantile or of several."""

    def __init__(
        self, quantile: float | Sequence[float], targets: Floats, weights: Floats | None
    ) -> None:
        self._quantile, self._weights = np.asarray(quantile), weights
        self._targets = targets if self._quantile.ndim == 0 else targets[:, np.newaxis]

    def __call__(self, predictions: Floats) -> float:
        """Return the score; larger is better."""
        errors = self._targets - predictions
        losses = np.maximum(self._quantile * errors, (self._quantile - 1.0) * errors)
        rows = losses.reshape(len(losses), -1).mean(axis=1)
        return -float(np.average(rows, weights=self._weights))


class _Classes(ClassifierMixin, BaseEstimator):
    """A fitted classifier for scorers, which predicts given logits."""

    classes_: Array
    logits: Floats
    probabilities_read = False

    def predict(self, X: object) -> Array:
        """Return the most probable classes."""
        found: Array = self.classes_[self.logits.argmax(axis=1)]
        return found

    def predict_proba(self, X: object) -> Floats:
        """Return the probabilities."""
        self.probabilities_read = True
        return np.asarray(softmax(self.logits, axis=1))


class _Numbers(RegressorMixin, BaseEstimator):
    """A fitted regressor for scorers, which predicts given numbers."""

    predictions: Floats

    def predict(self, X: object) -> Floats:
        """Return the predictions."""
        return self.predictions


def _own(scoring: object, own: dict[str, str]) -> str | None:
    """Return the name of a score that this module computes, or None."""
    return own.get(scoring) if isinstance(scoring, str) else None


def _scorer(scoring: object) -> Callable[..., float]:
    """Return the scorer of a name of scikit-learn's, or a given one."""
    found: Callable[..., float] = get_scorer(scoring)
    return found


def _scored(
    scorer: Callable[..., float], outputs: BaseEstimator, y: Array, weights: Floats | None
) -> float:
    """Return a scorer's result; the outputs are those of the rows, whatever X is."""
    X = np.empty((len(y), 0))
    return float(scorer(outputs, X, y, **({} if weights is None else {"sample_weight": weights})))
