"""Initializers, which draw the initial parameters of layers in float64 from a given generator.

They scale standard draws by separate NumPy multiplications and additions. `Generator.normal` and
`Generator.uniform` are not used: a compiler may fuse their multiply and add, and the weights would
then differ between machines.

`fan_in` and `fan_out` are those of the layer; for Dense, the numbers of input features and units.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ._description import Description, checked
from ._validation import choice, real

_Array = npt.NDArray[np.float64]
_Shape = tuple[int, ...]

_HINTS = {
    "xavier": "it is 'glorot_uniform' or 'glorot_normal' here",
    "xavier_uniform": "it is 'glorot_uniform' here",
    "xavier_normal": "it is 'glorot_normal' here",
    "kaiming_uniform": "it is 'he_uniform' here",
    "kaiming_normal": "it is 'he_normal' here",
    "random_normal": "it is 'normal' here",
    "random_uniform": "it is 'uniform' here",
}  # names of other libraries


def _normal(rng: np.random.Generator, stddev: float, shape: _Shape) -> _Array:
    return stddev * rng.standard_normal(shape)


def _uniform(rng: np.random.Generator, low: float, high: float, shape: _Shape) -> _Array:
    return low + (high - low) * rng.random(shape)


class Initializer(Description, ABC):
    """Base class of initializers.

    A custom initializer is a subclass that stores the constructor's arguments as attributes and
    defines `draw`.
    """

    @abstractmethod
    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Return the initial values of a parameter.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of random numbers; its state advances.
        shape : tuple of int
            Shape of the parameter.
        fan_in, fan_out : int
            Number of inputs per output of the layer, and of outputs per input.

        Returns
        -------
        ndarray of float64, of shape `shape`
        """

    @classmethod
    def _undefined(cls, config: Mapping[str, Any]) -> Initializer:
        return UndefinedInitializer(config)


def _saved(owner: str, name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not {"class", "module"} <= value.keys():
        raise TypeError(f"{owner}: {name} must be a configuration with a module, got {value!r}")
    return value


class UndefinedInitializer(Initializer):
    """Stands in a loaded model for an initializer whose class no imported module defines.

    Loaded parameters need no initializer.

    Parameters
    ----------
    saved : dict
        The configuration of the initializer.
    """

    saved: Mapping[str, Any] = checked(_saved)

    def config(self) -> dict[str, Any]:
        """Return the configuration of the initializer."""
        return dict(self.saved)

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Raise a ValueError that names the class."""
        raise ValueError(
            f"the initializer {self.saved['class']!r} of module {self.saved['module']!r} is not "
            "defined; import the module before the model is loaded"
        )


class Normal(Initializer, name="normal"):
    """A normal distribution.

    Parameters
    ----------
    mean : float, default 0.0
        The mean.
    stddev : float, default 0.05
        The standard deviation (not the variance), at least 0.
    """

    mean: float = checked(real, default=0.0)
    stddev: float = checked(real, default=0.05, minimum=0.0)

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Draw the values; see `Initializer.draw`."""
        return self.mean + _normal(rng, self.stddev, shape)


class TruncatedNormal(Initializer, name="truncated_normal"):
    """A normal distribution truncated at two standard deviations.

    Values more than two standard deviations from the mean are drawn again. The results are not
    rescaled; their standard deviation is 0.88 of `stddev`.

    Parameters
    ----------
    mean : float, default 0.0
        The mean.
    stddev : float, default 0.05
        The standard deviation before truncation, at least 0.
    """

    mean: float = checked(real, default=0.0)
    stddev: float = checked(real, default=0.05, minimum=0.0)

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Draw the values; see `Initializer.draw`."""
        values = rng.standard_normal(shape)
        while (outside := np.abs(values) > 2.0).any():
            values[outside] = rng.standard_normal(np.count_nonzero(outside))
        return self.mean + self.stddev * values


class Uniform(Initializer, name="uniform"):
    """A uniform distribution over [low, high).

    Parameters
    ----------
    low : float, default -0.05
        The lower limit.
    high : float, default 0.05
        The upper limit, at least `low`.
    """

    low: float = checked(real, default=-0.05)
    high: float = checked(real, default=0.05)

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        real("Uniform", "high", self.high, minimum=self.low)

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Draw the values; see `Initializer.draw`."""
        return _uniform(rng, self.low, self.high, shape)


class GlorotUniform(Initializer, name="glorot_uniform"):
    """Glorot (Xavier) uniform initialization, for layers that are linear near zero [1]_.

    Uniform over [-limit, limit) with ``limit = sqrt(6 / (fan_in + fan_out))``. The variance,
    ``2 / (fan_in + fan_out)``, is a compromise between preserving the variance of activations in
    the forward pass and that of gradients in the backward pass.

    References
    ----------
    .. [1] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
       neural networks", AISTATS 2010, equation 16.
    """

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Draw the values; see `Initializer.draw`."""
        limit = math.sqrt(6.0 / (fan_in + fan_out))
        return _uniform(rng, -limit, limit, shape)


class GlorotNormal(Initializer, name="glorot_normal"):
    """Glorot (Xavier) normal initialization, not truncated [1]_.

    Normal with mean 0 and ``stddev = sqrt(2 / (fan_in + fan_out))``.

    References
    ----------
    .. [1] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
       neural networks", AISTATS 2010, equation 12.
    """

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Draw the values; see `Initializer.draw`."""
        return _normal(rng, math.sqrt(2.0 / (fan_in + fan_out)), shape)


class HeUniform(Initializer, name="he_uniform"):
    """He uniform initialization, for layers followed by a rectifier [1]_.

    Uniform over [-limit, limit) with ``limit = sqrt(6 / fan_in)``.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Delving Deep into Rectifiers", ICCV 2015,
       arXiv:1502.01852, equation 10.
    """

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Draw the values; see `Initializer.draw`."""
        limit = math.sqrt(6.0 / fan_in)
        return _uniform(rng, -limit, limit, shape)


class HeNormal(Initializer, name="he_normal"):
    """He normal initialization, for layers followed by a rectifier; not truncated [1]_.

    Normal with mean 0 and ``stddev = sqrt(2 / fan_in)``, which compensates for the rectifier
    halving the variance. From the paper that introduced PReLU.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Delving Deep into Rectifiers", ICCV 2015,
       arXiv:1502.01852, equation 10.
    """

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Draw the values; see `Initializer.draw`."""
        return _normal(rng, math.sqrt(2.0 / fan_in), shape)


class Orthogonal(Initializer, name="orthogonal"):
    """A random matrix with orthogonal rows or columns [1]_, usual in reinforcement learning.

    A parameter of shape ``(n, ...)`` is a matrix W with n rows, the other axes flattened, as in
    PyTorch: a row holds the weights of one unit or filter. With at most as many rows as columns,
    ``W W^T = gain^2 I``, else ``W^T W = gain^2 I``. W is uniformly distributed (Haar measure).

    The product of random Householder reflections [2]_ is computed with elementwise operations only,
    so that its bits are the same on every machine. The time grows as ``rows * columns * min(rows,
    columns)``; 1024 units with 1024 inputs take a second or two.

    Parameters
    ----------
    gain : float, default 1.0
        Factor of the orthogonal matrix, at least 0. Usual are ``sqrt(2)`` before a rectifier, 1
        before a value, and 0.01 before the logits of a policy.

    References
    ----------
    .. [1] A. M. Saxe, J. L. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics
       of learning in deep linear neural networks", ICLR 2014, arXiv:1312.6120.
    .. [2] G. W. Stewart, "The efficient generation of random orthogonal matrices with an
       application to condition estimators", SIAM Journal on Numerical Analysis 17, 1980.
    """

    gain: float = checked(real, default=1.0, minimum=0.0)

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Draw the values; see `Initializer.draw`. The shape must have at least two axes."""
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: a parameter must have two or more axes, got {shape}")
        rows, columns = shape[0], math.prod(shape[1:])
        matrix = _orthonormal_rows(rng, min(rows, columns), max(rows, columns))
        matrix = np.ascontiguousarray(matrix.T if rows > columns else matrix)
        return self.gain * matrix.reshape(shape)


_ROWS_IN_CACHE = 64


def _orthonormal_rows(rng: np.random.Generator, count: int, length: int) -> _Array:
    """Return the first rows of a random orthogonal matrix, without BLAS.

    The sums of BLAS, and with them their last bits, depend on the machine.
    """
    vectors, scales, signs = [], [], np.empty((count, 1))
    for k in range(count):
        vector = rng.standard_normal(length - k)
        norm = math.sqrt(_sums_of_rows(vector[np.newaxis] ** 2)[0])
        signs[k] = -1.0 if vector[0] >= 0.0 else 1.0  # the diagonal of R in A = QR, A Gaussian
        vector[0] -= signs[k, 0] * norm
        vectors.append(vector)
        scales.append(2.0 / _sums_of_rows(vector[np.newaxis] ** 2)[0])
    matrix = np.eye(count, length)
    for start in range(0, count, _ROWS_IN_CACHE):
        end = min(start + _ROWS_IN_CACHE, count)
        for k in reversed(range(end)):
            part = matrix[max(k, start) : end, k:]
            factors = scales[k] * _sums_of_rows(part * vectors[k])
            part -= factors[:, np.newaxis] * vectors[k]
    return signs * matrix


def _sums_of_rows(matrix: _Array) -> _Array:
    """Return the sum of each row, added pairwise in a fixed order; overwrites `matrix`."""
    count = matrix.shape[1]
    while count > 1:
        half = count // 2
        matrix[:, :half] += matrix[:, count - half : count]
        count -= half
    return matrix[:, 0]


class Zeros(Initializer, name="zeros"):
    """All zeros."""

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Return zeros, without drawing."""
        return np.zeros(shape)


class Constant(Initializer):
    """A constant value.

    Parameters
    ----------
    value : float
        Value of all entries.
    """

    value: float = checked(real)

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Return an array of the value, without drawing."""
        return np.full(shape, self.value)


def get(
    value: Initializer | str | float, *, owner: str = "initializers.get", name: str = "value"
) -> Initializer:
    """Return an initializer given as an instance, a name or a number.

    Parameters
    ----------
    value : Initializer, str or float
        An initializer, returned as it is; a name such as ``"he_normal"``, for default arguments; or
        a number, for a `Constant`.
    owner, name : str
        The caller and its argument, for messages.

    Returns
    -------
    Initializer

    Raises
    ------
    TypeError
        If `value` is none of these.
    ValueError
        If the name is unknown or the number is not finite.
    """
    if isinstance(value, Initializer):
        return value
    if isinstance(value, str):
        named = Initializer.named()
        return named[choice(owner, name, value, named, _HINTS)]()
    return Constant(real(owner, f"{name} (unless an Initializer or a name)", value))
