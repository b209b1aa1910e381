"""`Normal` and `SquashedNormal`: vectors of real numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import ops
from ._checks import check_generator, checked_gradient, parameters, real_array

Array = npt.NDArray[np.floating[Any]]

_LOG_2 = math.log(2.0)
_HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)


class _Gaussian:
    """What `Normal` and `SquashedNormal` have in common: u is normal, an action a function of u."""

    def __init__(self, mean: npt.ArrayLike, log_std: npt.ArrayLike) -> None:
        owner = type(self).__name__
        self.mean, self.log_std = parameters(owner, mean=mean, log_std=log_std)
        shape = self.mean.shape
        self._log_std = self.log_std
        if self.log_std.shape != shape:
            try:
                self._log_std = np.ascontiguousarray(np.broadcast_to(self.log_std, shape))
            except ValueError:
                raise ValueError(
                    f"{owner}: log_std must have shape {shape} or one that broadcasts to it, got "
                    f"{self.log_std.shape}"
                ) from None
        for name, values in (("mean", self.mean), ("log_std", self.log_std)):
            if not np.isfinite(values).all():
                got = values[~np.isfinite(values)][0]
                raise ValueError(f"{owner}: {name} must be finite, got {got}")
        self._std = ops.exp(self._log_std)

    def sample(self, rng: np.random.Generator) -> Array:
        """Draw an action for each row.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws one standard normal number for each component.

        Returns
        -------
        ndarray of the shape of mean
        """
        return self._action(self.mean + self._std * self._noise("sample", rng))

    def sample_vjp(
        self, rng: np.random.Generator
    ) -> tuple[Array, Array, Callable[..., tuple[Array, Array]]]:
        """Draw actions, and return a function that backpropagates through the draw.

        The gradient is that of the reparameterization ``u = mean + exp(log_std) * noise`` [1]_,
        with the noise held constant. It is less noisy than that of `log_prob_vjp`.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws the numbers that `sample` draws.

        Returns
        -------
        actions : ndarray of the shape of mean
        log_probs : ndarray of shape ``mean.shape[:-1]``
            `log_prob` of the actions, without the rounding of actions near -1 and 1.
        backward : callable
            ``backward(grad_actions, grad_log_probs) -> (grad_mean, grad_log_std)``, of the shapes
            of mean and log_std.

        References
        ----------
        .. [1] D. P. Kingma and M. Welling, "Auto-Encoding Variational Bayes", ICLR 2014,
           arXiv:1312.6114.
        """
        noise = self._noise("sample_vjp", rng)
        spread = self._std * noise
        u = self.mean + spread
        actions = self._action(u)
        log_probs = self._log_density(u, noise)

        def backward(
            grad_actions: npt.ArrayLike, grad_log_probs: npt.ArrayLike
        ) -> tuple[Array, Array]:
            grad_a = checked_gradient("grad_actions", grad_actions, actions)
            grad_l = checked_gradient("grad_log_probs", grad_log_probs, log_probs)[..., np.newaxis]
            grad_u = self._grad_u(u, grad_a, grad_l)
            return grad_u, self._sum_to_log_std(grad_u * spread - grad_l)

        return actions, log_probs, backward

    def log_prob(self, actions: npt.ArrayLike) -> Array:
        """Return the logarithm of the density of each action, all components together.

        Parameters
        ----------
        actions : array_like of the shape of mean

        Returns
        -------
        ndarray of shape ``mean.shape[:-1]``
        """
        u = self._inverse("log_prob", actions)
        return self._log_density(u, (u - self.mean) / self._std)

    def log_prob_vjp(
        self, actions: npt.ArrayLike
    ) -> tuple[Array, Callable[..., tuple[Array, Array]]]:
        """Return `log_prob` and a function that backpropagates from it, the actions held constant.

        Parameters
        ----------
        actions : array_like of the shape of mean

        Returns
        -------
        log_probs : ndarray of shape ``mean.shape[:-1]``
        backward : callable
            ``backward(grad_log_probs) -> (grad_mean, grad_log_std)``, of the shapes of mean and
            log_std: the products with ``z / std`` and ``z**2 - 1``, z being ``(u - mean) / std``.
        """
        u = self._inverse("log_prob_vjp", actions)
        z = (u - self.mean) / self._std
        log_probs = self._log_density(u, z)

        def backward(grad_log_probs: npt.ArrayLike) -> tuple[Array, Array]:
            grad = checked_gradient("grad_log_probs", grad_log_probs, log_probs)[..., np.newaxis]
            return grad * (z / self._std), self._sum_to_log_std(grad * (z * z - 1))

        return log_probs, backward

    def mode(self) -> Array:
        """Return the action of the mean: what a deterministic policy does."""
        return self._action(self.mean)

    def _noise(self, method: str, rng: np.random.Generator) -> Array:
        check_generator(f"{type(self).__name__}.{method}", rng)
        return rng.standard_normal(self.mean.shape).astype(self.mean.dtype)

    def _inverse(self, method: str, actions: npt.ArrayLike) -> Array:
        """Return the u of actions."""
        operation = f"{type(self).__name__}.{method}"
        return real_array(operation, "actions", actions, self.mean.dtype, self.mean.shape)

    def _action(self, u: Array) -> Array:
        return u.copy()

    def _log_density(self, u: Array, z: Array) -> Array:
        """Return the log-density of the action of u, z being ``(u - mean) / std``."""
        density: Array = -(0.5 * z * z + self._log_std + _HALF_LOG_2_PI).sum(axis=-1)
        return density

    def _grad_u(self, u: Array, grad_action: Array, grad_log_prob: Array) -> Array:
        """Return the gradient by u through the action and, z held constant, the log-density."""
        return grad_action.copy()

    def _sum_to_log_std(self, gradient: Array) -> Array:
        """Sum a gradient of mean's shape over the axes along which log_std was broadcast."""
        shape = self.log_std.shape
        if shape == gradient.shape:
            return gradient.copy()
        added = gradient.ndim - len(shape)
        axes = tuple(range(added)) + tuple(
            added + axis
            for axis, size in enumerate(shape)
            if size == 1 != gradient.shape[added + axis]
        )
        total = gradient.sum(axis=axes, dtype=np.float64)
        summed: Array = total.astype(gradient.dtype).reshape(shape)
        return summed


class Normal(_Gaussian):
    """Independent normal distributions of the components of an action.

    Parameters
    ----------
    mean : array_like of shape (..., components)
        The means.
    log_std : array_like of the shape of mean, or one that broadcasts to it
        Logarithms of the standard deviations: outputs of a model, or one for each component.

    Raises
    ------
    TypeError, ValueError
        If the parameters are not finite numbers of such shapes.

    Examples
    --------
    >>> import numpy as np
    >>> policy = Normal(mean=np.zeros((1, 2)), log_std=[0.0, 0.0])
    >>> policy.log_prob([[0.0, 0.0]])
    array([-1.83787707])
    """

    def entropy(self) -> Array:
        """Return the differential entropy of each row, all components together, in nats."""
        entropies: Array = (self._log_std + (_HALF_LOG_2_PI + 0.5)).sum(axis=-1)
        return entropies

    def entropy_vjp(self) -> tuple[Array, Callable[..., tuple[Array, Array]]]:
        """Return `entropy` and a function that backpropagates from it.

        Returns
        -------
        entropies : ndarray of shape ``mean.shape[:-1]``
        backward : callable
            ``backward(grad_entropies) -> (grad_mean, grad_log_std)``; grad_mean is zero.
        """
        entropies = self.entropy()

        def backward(grad_entropies: npt.ArrayLike) -> tuple[Array, Array]:
            grad = checked_gradient("grad_entropies", grad_entropies, entropies)[..., np.newaxis]
            all_components = np.broadcast_to(grad, self.mean.shape)
            return np.zeros_like(self.mean), self._sum_to_log_std(all_components)

        return entropies, backward


class SquashedNormal(_Gaussian):
    """Actions ``tanh(u)`` in (-1, 1), with the components of u normal and independent [1]_.

    The density of an action is that of u divided by ``1 - tanh(u)**2``. Its logarithm is computed
    as ``2 * (log(2) - u - softplus(-2 * u))``, which is exact to rounding where tanh(u) rounds
    to 1. The entropy has no closed form: average ``-log_probs`` of `sample_vjp`.

    Parameters
    ----------
    mean : array_like of shape (..., components)
        The means of u.
    log_std : array_like of the shape of mean, or one that broadcasts to it
        Logarithms of the standard deviations of u.

    Raises
    ------
    TypeError, ValueError
        If the parameters are not finite numbers of such shapes; from `log_prob`, if an action is
        outside [-1, 1]. An action of -1 or 1 counts as the nearest number inside.

    References
    ----------
    .. [1] T. Haarnoja, A. Zhou, P. Abbeel and S. Levine, "Soft Actor-Critic", ICML 2018,
       arXiv:1801.01290, appendix C.
    """

    def mode(self) -> Array:
        """Return tanh(mean), the median of each component: what a deterministic policy does."""
        return super().mode()

    def _inverse(self, method: str, actions: npt.ArrayLike) -> Array:
        values = super()._inverse(method, actions)
        wrong = ~(np.abs(values) <= 1)
        if wrong.any():
            raise ValueError(
                f"SquashedNormal.{method}: actions must be from -1 to 1, got {values[wrong][0]}"
            )
        one = values.dtype.type(1)
        u: Array = _atanh(np.minimum(np.abs(values), np.nextafter(one, 0 * one)), values)
        return u

    def _action(self, u: Array) -> Array:
        action: Array = ops.tanh_forward(u)
        return action

    def _log_density(self, u: Array, z: Array) -> Array:
        density: Array = super()._log_density(u, z) - _log_slope_of_tanh(u).sum(axis=-1)
        return density

    def _grad_u(self, u: Array, grad_action: Array, grad_log_prob: Array) -> Array:
        slope = ops.exp(_log_slope_of_tanh(u))
        grad_u: Array = grad_action * slope + 2 * grad_log_prob * ops.tanh_forward(u)
        return grad_u


def _log_slope_of_tanh(u: Array) -> Array:
    """Return log(1 - tanh(u)**2), an even function."""
    size = np.abs(u)
    half: Array = _LOG_2 - size - ops.log(1 + ops.exp(-2 * size))
    return 2 * half


def _atanh(size: Array, sign: Array) -> Array:
    """Return artanh of numbers in [0, 1), with the given signs, accurate also near 0."""
    x = 2 * size / (1 - size)
    wide = 1 + x
    kept = wide - 1  # x without the digits that the sum lost, whose share of the logarithm is equal
    log_1p = np.where(kept > 0, ops.log(wide) * (x / np.where(kept > 0, kept, 1)), x)
    return np.copysign(0.5 * log_1p, sign)
