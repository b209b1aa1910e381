"""Learning-rate schedules: the learning rate as a function of the update number from 0."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Self, overload

import numpy as np
import numpy.typing as npt

from . import _portable_math
from ._description import Description, checked
from ._validation import boolean, integer, real


class Schedule(Description, ABC):
    """Base class of schedules.

    Call a schedule with an update number (0 for the first) or an array of them. Both give the same
    bits, on every machine. A custom schedule is a subclass that stores the constructor's arguments
    as attributes and defines ``at(step)``.

    Classes registered in `named` are choices of the command line, which calls `over`.
    """

    @abstractmethod
    def at(self, step: int) -> float:
        """Return the learning rate of update number `step`, a checked int >= 0."""

    @classmethod
    def over(cls, learning_rate: float, steps: int) -> Self:
        """Return a schedule that starts at `learning_rate` and spans `steps` updates."""
        raise NotImplementedError(f"{cls.__name__}: a class with a name must define over()")

    @overload
    def __call__(self, step: int) -> float: ...
    @overload
    def __call__(self, step: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]: ...
    def __call__(self, step: int | npt.NDArray[np.integer]) -> float | npt.NDArray[np.float64]:
        """Return the learning rate of one update or of several.

        Parameters
        ----------
        step : int or ndarray of int
            Update number, counted from 0.

        Returns
        -------
        float or ndarray of float64
            The learning rate, with the shape of `step`.

        Raises
        ------
        TypeError
            If `step` is neither an integer nor an array of integers.
        ValueError
            If a step is negative.
        """
        owner = type(self).__name__
        if not isinstance(step, np.ndarray):
            return self.at(integer(owner, "step", step, minimum=0))
        if not np.issubdtype(step.dtype, np.integer):
            raise TypeError(f"{owner}: step must be an array of integers, got dtype {step.dtype}")
        if step.size and step.min() < 0:
            raise ValueError(f"{owner}: step must be >= 0 everywhere, got {step.min()}")
        rates = [self.at(number) for number in step.ravel().tolist()]
        return np.array(rates, dtype=np.float64).reshape(step.shape)


class Constant(Schedule, name="constant"):
    """A constant learning rate.

    Parameters
    ----------
    learning_rate : float
        At least 0.
    """

    learning_rate: float = checked(real, minimum=0.0)

    @classmethod
    def over(cls, learning_rate: float, steps: int) -> Self:
        """Return a constant schedule."""
        return cls(learning_rate)

    def at(self, step: int) -> float:
        """Return the learning rate."""
        return self.learning_rate


class StepDecay(Schedule, name="step"):
    """A learning rate multiplied by a factor at regular intervals.

    ``schedule(step) = learning_rate * factor ** floor(step / every)``

    Parameters
    ----------
    learning_rate : float
        Initial learning rate, at least 0.
    factor : float
        Factor of each interval, above 0; below 1 for a decreasing rate.
    every : int
        Number of updates per interval, at least 1.
    """

    learning_rate: float = checked(real, minimum=0.0)
    factor: float = checked(real, exclusive_minimum=0.0)
    every: int = checked(integer, minimum=1)

    @classmethod
    def over(cls, learning_rate: float, steps: int) -> Self:
        """Return a schedule that divides the rate by 10 after each quarter of the updates."""
        return cls(learning_rate, factor=0.1, every=math.ceil(steps / 4))

    def at(self, step: int) -> float:
        """Return the initial rate times the factor to the number of completed intervals."""
        return self.learning_rate * _portable_math.integer_power(self.factor, step // self.every)


class ExponentialDecay(Schedule, name="exponential"):
    """A learning rate that decays exponentially.

    ``schedule(step) = learning_rate * rate ** (step / steps)``. With `staircase`, the exponent is
    rounded down.

    Parameters
    ----------
    learning_rate : float
        Initial learning rate, at least 0.
    rate : float
        Factor per `steps` updates, above 0; below 1 for a decreasing learning rate.
    steps : int
        Number of updates per factor `rate`, at least 1.
    staircase : bool, default False
        Whether the learning rate changes only every `steps` updates, as in `StepDecay`.
    """

    learning_rate: float = checked(real, minimum=0.0)
    rate: float = checked(real, exclusive_minimum=0.0)
    steps: int = checked(integer, minimum=1)
    staircase: bool = checked(boolean, default=False)

    @classmethod
    def over(cls, learning_rate: float, steps: int) -> Self:
        """Return a schedule that decays to a hundredth of the initial rate."""
        return cls(learning_rate, rate=0.01, steps=steps)

    @cached_property
    def _log_rate(self) -> float:
        return _portable_math.log(self.rate)

    def at(self, step: int) -> float:
        """Return the initial rate times the power of the whole and of the fractional exponent."""
        whole, rest = divmod(step, self.steps)
        learning_rate = self.learning_rate * _portable_math.integer_power(self.rate, whole)
        if self.staircase or rest == 0:
            return learning_rate
        return learning_rate * _portable_math.exp(self._log_rate * (rest / self.steps))


class CosineDecay(Schedule, name="cosine"):
    """A learning rate that decays along half a cosine wave [1]_.

    ``schedule(step) = final + (learning_rate - final) * (1 + cos(pi * t)) / 2`` with
    ``t = min(step / steps, 1)``. The rate is exactly `final` from update `steps` on.

    Parameters
    ----------
    learning_rate : float
        Initial learning rate, at least 0.
    steps : int
        Number of updates until the rate is `final`, at least 1.
    final : float, default 0.0
        Final learning rate, at least 0.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts",
       ICLR 2017, arXiv:1608.03983.
    """

    learning_rate: float = checked(real, minimum=0.0)
    steps: int = checked(integer, minimum=1)
    final: float = checked(real, default=0.0, minimum=0.0)

    @classmethod
    def over(cls, learning_rate: float, steps: int) -> Self:
        """Return a schedule that decays to 0."""
        return cls(learning_rate, steps=steps)

    def at(self, step: int) -> float:
        """Return the cosine-weighted mean of both rates; exact at both ends."""
        share = _portable_math.raised_cosine(min(step, self.steps) / self.steps)
        return self.learning_rate * share + self.final * (1.0 - share)


class WarmUp(Schedule):
    """A linear warm-up before another schedule [1]_.

    The rate is ``schedule(0) * (step + 1) / steps`` while ``step < steps``, so that the last update
    of the warm-up has the full rate, and ``schedule(step - steps)`` from then on.

    Parameters
    ----------
    schedule : Schedule or float
        The schedule after the warm-up; its update numbers start at the end of the warm-up.
    steps : int
        Number of updates of the warm-up, at least 1.

    References
    ----------
    .. [1] P. Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017,
       arXiv:1706.02677.
    """

    schedule: Schedule | float = checked(lambda owner, name, v: get(v, owner=owner, name=name))
    steps: int = checked(integer, minimum=1)

    def at(self, step: int) -> float:
        """Return the rate of the warm-up, or that of the schedule after it."""
        schedule = get(self.schedule)
        if step < self.steps:
            return schedule.at(0) * ((step + 1) / self.steps)
        return schedule.at(step - self.steps)


def get(value: Schedule | float, *, owner: str = "schedules.get", name: str = "value") -> Schedule:
    """Return a schedule given as an instance or a number.

    Parameters
    ----------
    value : Schedule or float
        A schedule, returned as it is, or a number, for a `Constant`.
    owner, name : str
        The caller and its argument, for messages.

    Returns
    -------
    Schedule

    Raises
    ------
    TypeError
        If `value` is neither a Schedule nor a number.
    ValueError
        If the number is negative or not finite.
    """
    if isinstance(value, Schedule):
        return value
    return Constant(real(owner, f"{name} (unless a Schedule)", value, minimum=0.0))
