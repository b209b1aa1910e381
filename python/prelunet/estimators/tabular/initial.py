"""Initial weights and biases from the training rows [1]_.

References
----------
.. [1] D. Holzmueller, L. Grinsztajn and I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs and
   Boosted Trees on Tabular Data", NeurIPS 2024, arXiv:2407.04491.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...layers import Dense
from ...model import Sequential

_MOST_ROWS = 1 << 16
_CORNERS = 5  # rows that a bias is a convex combination of
_CONSTANT = 1e-6  # deviations below this share of the outputs are errors of rounding


def fit_initial_parameters(network: Sequential, X: npt.NDArray[Any], seed: int) -> None:
    """Divide the units of dense layers by the deviation of their outputs, and set their biases.

    From the first layer to the last: the weight of a unit is divided by the standard deviation of
    its outputs on the training rows, unless it is 0. Then its bias becomes minus a random convex
    combination, uniform among all, of its outputs for five random rows.

    Parameters
    ----------
    network : Sequential
        A network that has not been trained, whose dense layers have biases of 0.
    X : ndarray
        Encoded training rows; of more than 65,536, that many random ones are taken.
    seed : int
    """
    rng = np.random.RandomState(seed)
    if len(X) > _MOST_ROWS:
        X = X[np.sort(rng.permutation(len(X))[:_MOST_ROWS])]
    shape, dtype = network.input_shape, network.dtype
    assert shape is not None
    for place, layer in enumerate(network.layers):
        if not isinstance(layer, Dense):
            continue
        first = Sequential(network.layers[: place + 1], input_shape=shape, dtype=dtype, seed=0)
        known = network.parameters()
        first.set_parameters({name: known[name] for name in first.parameters()})
        outputs = first.predict(X).astype(np.float64)
        deviation = outputs.std(axis=0)
        constant = deviation <= _CONSTANT * abs(outputs).max(axis=0)
        deviation[constant] = 1.0
        count, units = outputs.shape
        ends = np.sort(rng.random_sample((units, _CORNERS - 1)), axis=1)
        shares = np.diff(ends, prepend=0.0, append=1.0)  # uniform in the simplex
        rows = rng.randint(count, size=(units, _CORNERS))
        corners = outputs[rows, np.arange(units)[:, np.newaxis]] / deviation[:, np.newaxis]
        weight = known[f"{layer.name}.weight"] / deviation[:, np.newaxis]
        bias = -np.sum((shares * corners).T, axis=0)
        network.set_parameters({f"{layer.name}.weight": weight, f"{layer.name}.bias": bias})
