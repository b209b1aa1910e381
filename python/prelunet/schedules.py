"""Learning-rate schedules: the rate of each update as a function of its number, counted from 0."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import overload

import numpy as np
import numpy.typing as npt

from . import _portable_math
from ._description import Description
from ._validation import boolean, integer, real


class Schedule(Description, ABC):
    """The learning rate of every update.

    A schedule is called with the number of an update (0 for the first) or with an array of them.
    The same number gives the same bits either way, and on every machine. Write your own as a
    subclass with the constructor's arguments as attributes and a method ``at(step)``.
    """

    @abstractmethod
    def at(self, step: int) -> float:
        """Return the learning rate of update number `step`, an int >= 0 that has been checked."""

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


class Constant(Schedule):
    """The same learning rate for ever.

    Parameters
    ----------
    learning_rate : float
        At least 0.
    """

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = real("Constant", "learning_rate", learning_rate, minimum=0.0)

    def at(self, step: int) -> float:
        """Return the learning rate."""
        return self.learning_rate


class StepDecay(Schedule):
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

    def __init__(self, learning_rate: float, factor: float, every: int) -> None:
        self.learning_rate = real("StepDecay", "learning_rate", learning_rate, minimum=0.0)
        self.factor = real("StepDecay", "factor", factor, exclusive_minimum=0.0)
        self.every = integer("StepDecay", "every", every, minimum=1)

    def at(self, step: int) -> float:
        """Return the first rate times the factor, once for each interval that has passed."""
        return self.learning_rate * _portable_math.integer_power(self.factor, step // self.every)


class ExponentialDecay(Schedule):
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

    def __init__(
        self, learning_rate: float, rate: float, steps: int, staircase: bool = False
    ) -> None:
        owner = "ExponentialDecay"
        self.learning_rate = real(owner, "learning_rate", learning_rate, minimum=0.0)
        self.rate = real(owner, "rate", rate, exclusive_minimum=0.0)
        self.steps = integer(owner, "steps", steps, minimum=1)
        self.staircase = boolean(owner, "staircase", staircase)
        self._log_rate = _portable_math.log(self.rate)

    def at(self, step: int) -> float:
        """Return the first rate times a power: of whole multiples of `steps`, then of the rest."""
        whole, rest = divmod(step, self.steps)
        learning_rate = self.learning_rate * _portable_math.integer_power(self.rate, whole)
        if self.staircase or rest == 0:
            return learning_rate
        return learning_rate * _portable_math.exp(self._log_rate * (rest / self.steps))


class CosineDecay(Schedule):
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

    def __init__(self, learning_rate: float, steps: int, final: float = 0.0) -> None:
        self.learning_rate = real("CosineDecay", "learning_rate", learning_rate, minimum=0.0)
        self.steps = integer("CosineDecay", "steps", steps, minimum=1)
        self.final = real("CosineDecay", "final", final, minimum=0.0)

    def at(self, step: int) -> float:
        """Return the mean of both rates that the cosine weighs: either rate is met exactly."""
        share = _portable_math.raised_cosine(min(step, self.steps) / self.steps)
        return self.learning_rate * share + self.final * (1.0 - share)


class WarmUp(Schedule):
    """A linear rise to the first rate of another schedule, which then takes its course [1]_.

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

    def __init__(self, schedule: Schedule | float, steps: int) -> None:
        self.schedule = get(schedule, owner="WarmUp", name="schedule")
        self.steps = integer("WarmUp", "steps", steps, minimum=1)

    def at(self, step: int) -> float:
        """Return the share of the first rate, or what the schedule has for the updates after."""
        if step < self.steps:
            return self.schedule.at(0) * ((step + 1) / self.steps)
        return self.schedule.at(step - self.steps)


def get(value: Schedule | float, *, owner: str = "schedules.get", name: str = "value") -> Schedule:
    """Return the schedule that `value` stands for: itself, or a number as `Constant`.

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
