"""Initializers: a layer's first parameters, drawn in float64 from a given generator.

They scale standard draws by NumPy's own multiply and add, each rounded: inside `Generator.normal`
and `Generator.uniform` a compiler may fuse the two, and on such machines weights would differ.

The fans are those of the layer: for Dense the features that come in and the units that go out.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from ._description import Description, checked
from ._validation import choice, real

_Array = npt.NDArray[np.float64]
_Shape = tuple[int, ...]


def _normal(rng: np.random.Generator, stddev: float, shape: _Shape) -> _Array:
    return stddev * rng.standard_normal(shape)


def _uniform(rng: np.random.Generator, low: float, high: float, shape: _Shape) -> _Array:
    return low + (high - low) * rng.random(shape)


class Initializer(Description, ABC):
    """The distribution that a layer's parameters are drawn from.

    Write your own as a subclass with the constructor's arguments as attributes and a `draw`.
    """

    @abstractmethod
    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Return the first values of a tensor of parameters.

        Parameters
        ----------
        rng : numpy.random.Generator
            The source of randomness; it moves on by what is drawn.
        shape : tuple of int
            The shape of the tensor.
        fan_in, fan_out : int
            Inputs of one output of the layer, and outputs of one input.

        Returns
        -------
        ndarray of float64, of `shape`
        """


class Normal(Initializer, name="normal"):
    """The normal distribution.

    Parameters
    ----------
    mean : float, default 0.0
    stddev : float, default 0.05
        The standard deviation (not the variance), at least 0.
    """

    mean: float = checked(real, default=0.0)
    stddev: float = checked(real, default=0.05, minimum=0.0)

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Draw the values; see `Initializer.draw`."""
        return self.mean + _normal(rng, self.stddev, shape)


class TruncatedNormal(Initializer, name="truncated_normal"):
    """The normal distribution without its tails.

    Values more than two standard deviations from the mean are drawn again. Nothing is rescaled, so
    the values' own standard deviation is 0.88 of `stddev`.

    Parameters
    ----------
    mean : float, default 0.0
    stddev : float, default 0.05
        The standard deviation before the tails are cut, at least 0.
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
    """The uniform distribution over [low, high).

    Parameters
    ----------
    low : float, default -0.05
    high : float, default 0.05
        At least `low`.
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
    """Glorot's (Xavier's) uniform distribution, for layers that are linear near zero [1]_.

    Over [-limit, limit) with ``limit = sqrt(6 / (fan_in + fan_out))``: variance
    ``2 / (fan_in + fan_out)``, a compromise that keeps the variance of values on the way forward
    and that of gradients on the way back.

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
    """Glorot's (Xavier's) variance as a normal distribution, not truncated [1]_.

    Mean 0, ``stddev = sqrt(2 / (fan_in + fan_out))``.

    References
    ----------
    .. [1] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
       neural networks", AISTATS 2010, equation 12.
    """

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Draw the values; see `Initializer.draw`."""
        return _normal(rng, math.sqrt(2.0 / (fan_in + fan_out)), shape)


class HeUniform(Initializer, name="he_uniform"):
    """He's variance as a uniform distribution [1]_.

    Over [-limit, limit) with ``limit = sqrt(6 / fan_in)``.

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
    """He's normal distribution, for layers that a rectifier follows; not truncated [1]_.

    Mean 0, ``stddev = sqrt(2 / fan_in)``: the variance that a rectifier halves is kept. The paper
    that introduced PReLU.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Delving Deep into Rectifiers", ICCV 2015,
       arXiv:1502.01852, equation 10.
    """

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Draw the values; see `Initializer.draw`."""
        return _normal(rng, math.sqrt(2.0 / fan_in), shape)


class Zeros(Initializer, name="zeros"):
    """Zero everywhere."""

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Return zeros; draws nothing."""
        return np.zeros(shape)


class Constant(Initializer):
    """The same value everywhere.

    Parameters
    ----------
    value : float
    """

    value: float = checked(real)

    def draw(self, rng: np.random.Generator, shape: _Shape, fan_in: int, fan_out: int) -> _Array:
        """Return the value everywhere; draws nothing."""
        return np.full(shape, self.value)


def get(
    value: Initializer | str | float, *, owner: str = "initializers.get", name: str = "value"
) -> Initializer:
    """Return `value` as an initializer.

    Parameters
    ----------
    value : Initializer, str or float
        Itself; a name such as ``"he_normal"``, with that class's defaults; or a number as
        `Constant`.
    owner, name : str
        Whose argument it is, and which, for messages.

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
        return named[choice(owner, name, value, named)]()
    return Constant(real(owner, f"{name} (unless an Initializer or a name)", value))
