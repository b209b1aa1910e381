"""`Categorical`: one of several classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import ops
from .._arrays import as_array
from ._checks import check_generator, checked_gradient, parameters

Array = npt.NDArray[np.floating[Any]]


class Categorical:
    """One of several classes, such as discrete actions.

    Parameters
    ----------
    logits : array_like of shape (..., classes)
        Logarithms of the probabilities, up to a constant for each row. -inf excludes a class.

    Raises
    ------
    TypeError, ValueError
        If logits are not numbers, or a row has NaN, +inf or no finite logit.

    Examples
    --------
    >>> import numpy as np
    >>> policy = Categorical(np.log([[0.5, 0.25, 0.25]]))
    >>> policy.log_prob([1])
    array([-1.38629436])
    """

    def __init__(self, logits: npt.ArrayLike) -> None:
        (values,) = parameters("Categorical", logits=logits)
        top = values.max(axis=-1, keepdims=True)
        if not np.isfinite(top).all():
            raise ValueError(
                "Categorical: logits must be finite, or -inf to exclude a class, with a finite "
                f"one in each row; got a largest logit of {top[~np.isfinite(top)][0]}"
            )
        shifted = values - top
        self.logits = values
        self._log_probs = shifted - ops.log(ops.exp(shifted).sum(axis=-1, keepdims=True))
        self._probabilities = ops.exp(self._log_probs)

    def sample(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Draw a class for each row.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws one uniform number for each row.

        Returns
        -------
        ndarray of int64 of shape ``logits.shape[:-1]``
        """
        check_generator("Categorical.sample", rng)
        sums = self._probabilities.cumsum(axis=-1, dtype=np.float64)
        # In (0, total]: the class found has a positive probability.
        level = (1.0 - rng.random(sums.shape[:-1])) * sums[..., -1]
        found: npt.NDArray[np.int64] = (sums < level[..., np.newaxis]).sum(axis=-1, dtype=np.int64)
        return found

    def mode(self) -> npt.NDArray[np.int64]:
        """Return the most probable class of each row, the first of equals."""
        found: npt.NDArray[np.int64] = self.logits.argmax(axis=-1)
        return found

    def log_prob(self, actions: npt.ArrayLike) -> Array:
        """Return the logarithm of the probability of each action.

        Parameters
        ----------
        actions : array_like of int of shape ``logits.shape[:-1]``
            Numbers of classes.

        Returns
        -------
        ndarray of the shape of actions
        """
        log_probs: Array = self._log_probs.take(self._places("log_prob", actions))
        return log_probs

    def log_prob_vjp(self, actions: npt.ArrayLike) -> tuple[Array, Callable[..., Array]]:
        """Return `log_prob` and a function that backpropagates from it.

        Parameters
        ----------
        actions : array_like of int of shape ``logits.shape[:-1]``
            Numbers of classes.

        Returns
        -------
        log_probs : ndarray of the shape of actions
        backward : callable
            ``backward(grad_log_probs) -> grad_logits``, the product with ``onehot(action) - p``.
        """
        places = self._places("log_prob_vjp", actions)
        log_probs = self._log_probs.take(places)

        def backward(grad_log_probs: npt.ArrayLike) -> Array:
            grad = checked_gradient("grad_log_probs", grad_log_probs, log_probs)
            grad_logits = -grad[..., np.newaxis] * self._probabilities
            grad_logits.reshape(-1)[places] += grad  # a view
            return grad_logits

        return log_probs, backward

    def entropy(self) -> Array:
        """Return the entropy of each row, ``-sum(p * log(p))``, in nats."""
        entropies: Array = -self._terms_of_entropy().sum(axis=-1)
        return entropies

    def entropy_vjp(self) -> tuple[Array, Callable[..., Array]]:
        """Return `entropy` and a function that backpropagates from it.

        Returns
        -------
        entropies : ndarray of shape ``logits.shape[:-1]``
        backward : callable
            ``backward(grad_entropies) -> grad_logits``, the product with ``-p * (log(p) + H)``.
        """
        terms = self._terms_of_entropy()
        entropies = -terms.sum(axis=-1)

        def backward(grad_entropies: npt.ArrayLike) -> Array:
            grad = checked_gradient("grad_entropies", grad_entropies, entropies)[..., np.newaxis]
            grad_logits: Array = -grad * (terms + self._probabilities * entropies[..., np.newaxis])
            return grad_logits

        return entropies, backward

    def _terms_of_entropy(self) -> Array:
        possible = self._probabilities > 0  # the limit of p log(p) is 0
        terms: Array = self._probabilities * np.where(possible, self._log_probs, 0)
        return terms

    def _places(self, method: str, actions: npt.ArrayLike) -> npt.NDArray[np.intp]:
        """Return the positions of the actions' logits in the flattened logits."""
        operation, classes = f"Categorical.{method}", self.logits.shape[-1]
        chosen = as_array(operation, "actions", actions)
        if chosen.dtype.kind not in "iu":
            raise TypeError(f"{operation}: actions must be integers, got dtype {chosen.dtype}")
        if chosen.shape != self.logits.shape[:-1]:
            raise ValueError(
                f"{operation}: actions must have shape {self.logits.shape[:-1]}, got {chosen.shape}"
            )
        wrong = (chosen < 0) | (chosen >= classes)
        if wrong.any():
            raise ValueError(
                f"{operation}: actions must be from 0 to {classes - 1}, got {chosen[wrong][0]}"
            )
        first = np.arange(0, self.logits.size, classes).reshape(chosen.shape)
        return first + chosen.astype(np.intp)
