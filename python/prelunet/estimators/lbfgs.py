"""The solver "lbfgs": SciPy's L-BFGS-B on the loss of all rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import OptimizeResult, minimize
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from .batches import Gradients, Rows, l2_of
from .console import say
from .heads import Head
from .network import EstimatorNetwork
from .parameters import Estimator

Array = npt.NDArray[Any]


class _Objective:
    """Loss and gradient of all rows, as a function of one vector of all parameters.

    The loss matches the gradient: for a regression with several outputs it is the sum over outputs.
    scikit-learn passes SciPy the mean together with the gradient of the sum.
    """

    def __init__(self, network: EstimatorNetwork, head: Head, rows: Rows, alpha: float) -> None:
        network.compile(loss=head.loss)
        self._gradients = Gradients(network, head, rows, alpha)
        self._core = self._gradients.core
        self._factor = head.gradient_factor
        weight = len(rows.targets) if rows.weights is None else float(rows.weights.sum())
        self._l2 = l2_of(alpha, weight, head)
        self._decays = [info["kind"] == "weight" for info in self._core.parameters()]
        self._shapes = [values.shape for values in self._core.values()]
        self.loss = math.nan

    def parameters(self) -> Array:
        """Return the current parameters."""
        return _flat(self._core.values())

    def write(self, x: Array) -> None:
        """Set the parameters."""
        cuts = np.cumsum([np.prod(shape, dtype=int) for shape in self._shapes])[:-1]
        parts = zip(np.split(x, cuts), self._shapes, strict=True)
        self._core.write_parameters(
            {number: part.reshape(1, *shape) for number, (part, shape) in enumerate(parts)}
        )

    def __call__(self, x: Array) -> tuple[float, Array]:
        """Return the loss, including the penalty, and its gradient."""
        self.write(x)
        values = zip(self._core.values(), self._decays, strict=True)
        gradient = self._l2 * _flat([v if decays else np.zeros_like(v) for v, decays in values])
        loss = self._gradients.compute()
        gradient += _flat(self._core.gradients())
        self.loss = self._factor * loss + self.penalty()
        return self.loss, self._factor * gradient

    def penalty(self) -> float:
        """Return the penalty of the current parameters."""
        return 0.5 * self._factor * self._l2 * self._gradients.squares()


@dataclass(frozen=True)
class _Iterate:
    """The state after an iteration."""

    x: Array  # all parameters
    loss: float | None  # the objective at x; None before the first iteration
    number: int


class Minimization:
    """L-BFGS-B training of an estimator's network on all rows."""

    def __init__(
        self, estimator: Estimator, network: EstimatorNetwork, head: Head, rows: Rows
    ) -> None:
        estimator.n_iter_ = 0
        self._estimator = estimator
        self._core = network.engine.core
        self._head = head
        self._objective = _Objective(network, head, rows, estimator.alpha)
        self._reached = _Iterate(self._objective.parameters(), None, 0)

    def run(self) -> None:
        """Train; always keep the weights of the last iteration and their loss."""
        estimator = self._estimator
        with self._core.fitting("fit"):
            try:
                found = self._minimize()
                number = min(int(found.nit), estimator.max_iter)
                self._reached = _Iterate(found.x, float(found.fun), number)
            finally:
                self._settle()
        if found.status != 0:
            warnings.warn(
                f"lbfgs failed to converge after {found.nit} iteration(s) (status {found.status}): "
                f"{found.message}. Increase max_iter ({estimator.max_iter}) or max_fun "
                f"({estimator.max_fun}), or scale the data.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _minimize(self) -> OptimizeResult:
        estimator = self._estimator
        # BLAS threads would spin on cores that the engine needs.
        with threadpool_limits(limits=1, user_api="blas"):
            return minimize(
                self._objective,
                self._reached.x,
                method="L-BFGS-B",
                jac=True,
                options={
                    "maxfun": estimator.max_fun,
                    "maxiter": estimator.max_iter,
                    "gtol": estimator.tol,
                },
                callback=self._end_iteration,
            )

    def _end_iteration(self, x: Array) -> None:
        number = self._reached.number + 1
        self._reached = _Iterate(x.copy(), self._objective.loss, number)  # SciPy may change x
        if self._estimator.verbose:
            say(f"Iteration {number}, loss = {self._objective.loss:.8f}")

    def _settle(self) -> None:
        """Set the parameters of the last iteration; a line search may have left others."""
        reached, estimator = self._reached, self._estimator
        self._objective.write(reached.x)
        estimator.n_iter_ = reached.number
        if reached.loss is None:
            return
        head, penalty = self._head, self._objective.penalty()
        data = (reached.loss - penalty) * head.loss_factor / head.gradient_factor
        estimator.loss_ = float(data + penalty)


def _flat(arrays: Iterable[Array]) -> Array:
    return np.concatenate([array.reshape(-1) for array in arrays]).astype(np.float64)
