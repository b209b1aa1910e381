"""Temperature scaling of the logits [1]_.

References
----------
.. [1] C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On Calibration of Modern Neural Networks",
   ICML 2017, arXiv:1706.04599.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import softmax

_COLDEST, _HOTTEST = 0.1, 10.0


def fit_temperature(
    logits: npt.NDArray[np.float64],
    labels: npt.NDArray[Any],
    weights: npt.NDArray[np.float64] | None,
) -> float:
    """Return the temperature T in [0.1, 10] with the least log loss of ``softmax(logits / T)``.

    The loss is convex in 1 / T, so that its derivative has one root.

    Parameters
    ----------
    logits : ndarray of shape (n, classes)
    labels : ndarray of int, shape (n,)
    weights : ndarray of shape (n,) or None
        The weights of the rows.
    """
    of_labels = logits[np.arange(len(logits)), labels]

    def slope(inverse: float) -> float:
        expected = (softmax(inverse * logits, axis=1) * logits).sum(axis=1)
        return float(np.average(expected - of_labels, weights=weights))

    low, high = 1.0 / _HOTTEST, 1.0 / _COLDEST
    if not slope(low) < 0.0:  # or NaN
        return _HOTTEST
    if slope(high) <= 0.0:
        return _COLDEST
    return 1.0 / float(brentq(slope, low, high))
