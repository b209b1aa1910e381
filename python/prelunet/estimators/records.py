"""The training records of an estimator, over one fit or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_OF_VALIDATION: dict[str, Callable[[], object]] = {
    "validation_scores_": list,
    "validation_loss_curve_": list,
    "best_validation_score_": lambda: -np.inf,
}
_NAMES = ["loss_", "loss_curve_", "best_loss_", "_no_improvement_count", "_best_parameters"]
_NAMES += _OF_VALIDATION


class Records:
    """The records among an estimator's attributes, which are a dict.

    Only this class accesses the private records.
    """

    def __init__(self, attributes: dict[str, Any]) -> None:
        self._own = attributes

    def forget(self) -> None:
        """Remove the records of earlier fits."""
        for name in _NAMES:
            self._own.pop(name, None)
        self._own["n_iter_"] = self._own["t_"] = 0

    def begin(
        self, parameters: Mapping[str, Array], *, validates: bool, early_stopping: bool
    ) -> None:
        """Create the missing records, and reset the epoch count of this fit.

        `parameters` are the best parameters so far.
        """
        own = self._own
        own["n_iter_"] = 0
        own.setdefault("loss_curve_", [])
        own.setdefault("_no_improvement_count", 0)
        for name, first in _OF_VALIDATION.items():
            if own.get(name) is None:
                own[name] = first() if validates else None
        if early_stopping:
            own["best_loss_"] = None
            own.setdefault("_best_parameters", _copies(parameters))
        elif own.get("best_loss_") is None:
            own["best_loss_"] = np.inf

    @property
    def no_improvement_count(self) -> int:
        """The number of epochs since the last improvement."""
        return int(self._own["_no_improvement_count"])

    @no_improvement_count.setter
    def no_improvement_count(self, value: int) -> None:
        self._own["_no_improvement_count"] = value

    @property
    def best_parameters(self) -> Mapping[str, Array]:
        """The parameters with the best validation score, with early stopping."""
        parameters: Mapping[str, Array] = self._own["_best_parameters"]
        return parameters

    def set_best_score(self, score: float, parameters: Mapping[str, Array] | None) -> None:
        """Record the best validation score and, if given, copies of its parameters, atomically."""
        found: dict[str, Any] = {"best_validation_score_": score}
        if parameters is not None:
            found["_best_parameters"] = _copies(parameters)
        self._own.update(found)


def _copies(parameters: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.array(values) for name, values in parameters.items()}
