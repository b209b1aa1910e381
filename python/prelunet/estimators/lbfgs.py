"""The solver "lbfgs": SciPy's L-BFGS-B on the loss of all rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from .batches import Gradients, Rows, l2_of
from .console import say
from .heads import Head

Array = npt.NDArray[Any]


class _Objective:
    """Loss and gradient of all rows, as a function of all parameters in one vector.

    The loss is the one that the gradient is of. For a regression with several outputs that is the
    sum over these, where scikit-learn hands SciPy their mean beside the gradient of the sum.

    Attributes
    ----------
    loss : float
        What the last call returned.
    """

    def __init__(self, estimator: Any, rows: Rows) -> None:
        head: Head = estimator._head()
        estimator._network.compile(loss=head.loss)
        self._gradients = Gradients(estimator._network, head, rows, estimator.alpha)
        self._network = self._gradients.network
        self._blocks = rows.features.blocks()
        self._weights = [rows.weight(block) for block in self._blocks]
        self._factor = head.gradient_factor
        self._l2 = l2_of(estimator.alpha, sum(self._weights), head)
        self._decays = [info["kind"] == "weight" for info in self._network.parameters()]
        self._shapes = [values.shape for values in self._network.values()]
        self.loss = math.nan

    def parameters(self) -> Array:
        """Return the parameters as they are."""
        return _flat(self._network.values())

    def write(self, x: Array) -> None:
        """Write the parameters."""
        cuts = np.cumsum([np.prod(shape, dtype=int) for shape in self._shapes])[:-1]
        parts = zip(np.split(x, cuts), self._shapes, strict=True)
        self._network.write_parameters(
            {number: part.reshape(1, *shape) for number, (part, shape) in enumerate(parts)}
        )

    def __call__(self, x: Array) -> tuple[float, Array]:
        """Return the loss, penalty included, and its gradient."""
        self.write(x)
        values = zip(self._network.values(), self._decays, strict=True)
        gradient = self._l2 * _flat([v if decays else np.zeros_like(v) for v, decays in values])
        loss = 0.0
        for block, weight in zip(self._blocks, self._weights, strict=True):
            share = weight / sum(self._weights)
            loss += share * self._gradients.compute(block)
            gradient += share * _flat(self._network.gradients())
        self.loss = self._factor * loss + self.penalty()
        return self.loss, self._factor * gradient

    def penalty(self) -> float:
        """Return the penalty of the parameters as they are."""
        return 0.5 * self._factor * self._l2 * self._gradients.squares()


def fit_lbfgs(estimator: Any, rows: Rows) -> None:
    """Train the estimator's network on all rows at once."""
    estimator._optimizer = None
    objective = _Objective(estimator, rows)
    iterations = count(1)

    def tell(_: Array) -> None:
        say(f"Iteration {next(iterations)}, loss = {objective.loss:.8f}")

    options = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    with threadpool_limits(limits=1, user_api="blas"):  # its threads would wait where ours work
        found = minimize(
            objective,
            objective.parameters(),
            method="L-BFGS-B",
            jac=True,
            options=options,
            callback=tell if estimator.verbose else None,
        )
    objective.write(found.x)
    estimator.n_iter_ = min(int(found.nit), estimator.max_iter)
    head, penalty = estimator._head(), objective.penalty()
    data = (found.fun - penalty) * head.loss_factor / head.gradient_factor
    estimator.loss_ = float(data + penalty)
    if found.status != 0:
        warnings.warn(
            f"lbfgs failed to converge after {found.nit} iteration(s) (status {found.status}): "
            f"{found.message}. Increase max_iter ({estimator.max_iter}) or max_fun "
            f"({estimator.max_fun}), or scale the data.",
            ConvergenceWarning,
            stacklevel=2,
        )


def _flat(arrays: Iterable[Array]) -> Array:
    return np.concatenate([array.reshape(-1) for array in arrays]).astype(np.float64)
