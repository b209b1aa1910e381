"""Learning-rate schedules: the rate of each update as a function of its number, counted from 0."""

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
    """The learning rate of every update.

    A schedule is called with the number of an update (0 for the first) or with an array of them.
    The same number gives the same bits either way, and on every machine. Write your own as a
    subclass with the constructor's arguments as attributes and a method ``at(step)``.

    Those with a name in `named` are choices of the command line, which calls `over`.
    """

    @abstractmethod
    def at(self, step: int) -> float:
        """Return the learning rate of update number `step`, an int >= 0 that has been checked."""

    @classmethod
    def over(cls, learning_rate: float, steps: int) -> Self:
        """Return a schedule that starts at `learning_rate` and spans `steps` updates."""
        raise NotImplementedError

    @overload
    def __call__(self, step: int) -> float: ...
    @overload
    def __call__(self, step: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]: ...
    def __call__(self, step: int | npt.NDArray[np.integer]) -> float | npt.NDArray[np.float64]:
        """Return the learning rate of one update or of many.

        Parameters
        ----------
        step : int or ndarray of int
            The number of the update, counted from 0.

        Returns
        -------
        float or ndarray of float64
            Of the shape of `step`.

        Raises
        ------
        TypeError
            If `step` is not an integer nor an array of them.
        ValueError
            If a step is below 0.
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
    """The same learning rate for every update.

    Parameters
    ----------
    learning_rate : float
        At least 0.
    """

    learning_rate: float = checked(real, minimum=0.0)

    @classmethod
    def over(cls, learning_rate: float, steps: int) -> Self:
        """Return the constant rate."""
        return cls(learning_rate)

    def at(self, step: int) -> float:
        """Return the learning rate."""
        return self.learning_rate


class StepDecay(Schedule, name="step"):
    """A learning rate that is multiplied by a factor at intervals.

    ``schedule(step) = learning_rate * factor ** floor(step / every)``

    Parameters
    ----------
    learning_rate : float
        The first rate, at least 0.
    factor : float
        Above 0; below 1 for a rate that falls.
    every : int
        Updates from one change to the next, at least 1.
    """

    learning_rate: float = checked(real, minimum=0.0)
    factor: float = checked(real, exclusive_minimum=0.0)
    every: int = checked(integer, minimum=1)

    @classmethod
    def over(cls, learning_rate: float, steps: int) -> Self:
        """Return a rate divided by 10 after each quarter of the updates."""
        return cls(learning_rate, factor=0.1, every=math.ceil(steps / 4))

    def at(self, step: int) -> float:
        """Return the first rate times the factor, once for each interval that has passed."""
        return self.learning_rate * _portable_math.integer_power(self.factor, step // self.every)


class ExponentialDecay(Schedule, name="exponential"):
    """A learning rate that falls by the same share with every update.

    ``schedule(step) = learning_rate * rate ** (step / steps)``, the exponent rounded down with
    `staircase`.

    Parameters
    ----------
    learning_rate : float
        The first rate, at least 0.
    rate : float
        What `steps` updates multiply the learning rate by: above 0; below 1 for one that falls.
    steps : int
        At least 1.
    staircase : bool, default False
        Whether the learning rate changes only every `steps` updates, as in `StepDecay`.
    """

    learning_rate: float = checked(real, minimum=0.0)
    rate: float = checked(real, exclusive_minimum=0.0)
    steps: int = checked(integer, minimum=1)
    staircase: bool = checked(boolean, default=False)

    @classmethod
    def over(cls, learning_rate: float, steps: int) -> Self:
        """Return a rate that falls to a hundredth."""
        return cls(learning_rate, rate=0.01, steps=steps)

    @cached_property
    def _log_rate(self) -> float:
        return _portable_math.log(self.rate)

    def at(self, step: int) -> float:
        """Return the first rate times a power: of whole multiples of `steps`, then of the rest."""
        whole, rest = divmod(step, self.steps)
        learning_rate = self.learning_rate * _portable_math.integer_power(self.rate, whole)
        if self.staircase or rest == 0:
            return learning_rate
        return learning_rate * _portable_math.exp(self._log_rate * (rest / self.steps))


class CosineDecay(Schedule, name="cosine"):
    """A learning rate that falls along half a cosine wave, flat at both ends [1]_.

    ``schedule(step) = final + (learning_rate - final) * (1 + cos(pi * t)) / 2`` with
    ``t = min(step / steps, 1)``: exactly `final` from update number `steps` on.

    Parameters
    ----------
    learning_rate : float
        The first rate, at least 0.
    steps : int
        Updates until `final` is reached, at least 1.
    final : float, default 0.0
        The last rate, at least 0.

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
        """Return a rate that falls to 0."""
        return cls(learning_rate, steps=steps)

    def at(self, step: int) -> float:
        """Return the cosine-weighted mean of both rates; the first and the last are exact."""
        share = _portable_math.raised_cosine(min(step, self.steps) / self.steps)
        return self.learning_rate * share + self.final * (1.0 - share)


class WarmUp(Schedule):
    """A linear rise to the first rate of another schedule, which then follows [1]_.

    ``schedule(0) * (step + 1) / steps`` while ``step < steps``, so that the last update of the rise
    has the full rate; ``schedule(step - steps)`` from then on.

    Parameters
    ----------
    schedule : Schedule or float
        What follows. Its updates are counted from the end of the rise.
    steps : int
        Updates of the rise, at least 1.

    References
    ----------
    .. [1] P. Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017,
       arXiv:1706.02677.
    """

    schedule: Schedule | float = checked(lambda owner, name, v: get(v, owner=owner, name=name))
    steps: int = checked(integer, minimum=1)

    def at(self, step: int) -> float:
        """Return the share of the first rate, or the schedule's rate after the rise."""
        schedule = get(self.schedule)
        if step < self.steps:
            return schedule.at(0) * ((step + 1) / self.steps)
        return schedule.at(step - self.steps)


def get(value: Schedule | float, *, owner: str = "schedules.get", name: str = "value") -> Schedule:
    """Return `value` as a schedule: itself, or a number as `Constant`.

    Parameters
    ----------
    value : Schedule or float
    owner, name : str
        Whose argument it is, and which, for messages.

    Raises
    ------
    TypeError
        If `value` is neither a Schedule nor a number.
    ValueError
        If it is a number but not a finite one that is at least 0.
    """
    if isinstance(value, Schedule):
        return value
    return Constant(real(owner, f"{name} (unless a Schedule)", value, minimum=0.0))
