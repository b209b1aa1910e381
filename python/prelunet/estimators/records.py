"""What an estimator tells of its training, over one fit or several."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..callbacks.base import copy_parameters

_OF_VALIDATION: dict[str, Any] = {
    "validation_scores_": list,
    "validation_loss_curve_": list,
    "best_validation_score_": lambda: -np.inf,
}
_NAMES = ["loss_", "loss_curve_", "best_loss_", "_no_improvement_count", "_best_parameters"]
_NAMES += _OF_VALIDATION


def forget_records(estimator: Any) -> None:
    """Take away what earlier fits have told."""
    for name in _NAMES:
        vars(estimator).pop(name, None)
    estimator.n_iter_ = estimator.t_ = 0


def begin_records(estimator: Any, *, validates: bool) -> None:
    """Begin the records that no earlier fit has begun, and count the epochs of this fit.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    validates : bool
        Whether there are rows that are scored and not trained on.
    """
    own = vars(estimator)
    own["n_iter_"] = 0
    own.setdefault("loss_curve_", [])
    own.setdefault("_no_improvement_count", 0)
    for name, first in _OF_VALIDATION.items():
        if own.get(name) is None:
            own[name] = first() if validates else None
    if estimator.early_stopping:
        own["best_loss_"] = None
        own.setdefault("_best_parameters", copy_parameters(estimator._network))
    elif own.get("best_loss_") is None:
        own["best_loss_"] = np.inf
