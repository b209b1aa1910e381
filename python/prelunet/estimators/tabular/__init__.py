"""Estimators for tables: TabularClassifier and TabularRegressor.

``recipe`` has the presets and builds networks, ``initial`` sets initial parameters from the data,
``training`` trains one network, ``scoring`` scores its epochs, ``calibration`` fits the
temperature, ``outputs`` scales outputs, ``splitting`` chooses held-out rows, ``bagging`` trains
several members, ``files`` saves and loads, ``onnx_table`` exports, and ``base`` is the base class
of the estimators.
"""

from __future__ import annotations

from ...serialization import State
from .classifier import TabularClassifier
from .files import Parts
from .regressor import TabularRegressor

__all__ = ["TabularClassifier", "TabularRegressor", "of_state"]

_CLASSES = {found.__name__: found for found in (TabularClassifier, TabularRegressor)}


def of_state(state: State) -> TabularClassifier | TabularRegressor:
    """Return the fitted estimator of a file.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the state is damaged.
    """
    return _CLASSES[state["description"]["estimator"]["class"]].of_parts(Parts(state))
