"""Schedules: a learning rate or another rate as a function of the update number from 0."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY
from functools import cached_property
from typing import Self, overload

import numpy as np
import numpy.typing as npt

from . import _portable_math
from ._description import Description, checked
from ._validation import boolean, function, integer, real


class Schedule(Description, ABC):
    """Base class of schedules.

    Call a schedule with an update number (0 for the first) or an array of them. Both give the same
    bits, on every machine. A custom schedule is a subclass that stores the constructor's arguments
    as attributes and defines ``at(step)``.

    In `Sequential.fit`, a schedule without a number of updates spans the call: see `spanning`.
    Other schedules count all updates since `compile`.

    Classes registered in `named` are choices of the command line, which calls `over`.
    """

    @abstractmethod
    def at(self, step: int) -> float:
        """Return the learning rate of update number `step`, a checked int >= 0."""

    @classmethod
    def over(cls, learning_rate: float, steps: int) -> Self:
        """Return a schedule that starts at `learning_rate` and spans `steps` updates."""
        raise NotImplementedError(f"{cls.__name__}: a class with a name must define over()")

    def spanning(self, steps: int) -> Schedule:
        """Return the schedule for a call of `fit` with `steps` updates, counted from its first.

        The result is `self` if the schedule does not depend on the length of the call. Its updates
        are then counted from `compile`.
        """
        return self

    @property
    def holds_function(self) -> bool:
        """Whether the schedule contains a Python function, which no file can hold."""
        return False

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
    def of_checked(cls, learning_rate: float) -> Self:
        """Return a constant schedule without the checks of the constructor, which take 7 us."""
        made = object.__new__(cls)
        made.__dict__["learning_rate"] = learning_rate
        return made

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


def _span(owner: str, name: str, value: int | None) -> int | None:
    return None if value is None else integer(owner, f"{name} (unless None)", value, minimum=1)


class _Spanning(Schedule):
    """Base class of schedules of the share of completed updates."""

    initial: float = checked(real, minimum=0.0)
    _: KW_ONLY
    steps: int | None = checked(_span, default=None)

    @classmethod
    def over(cls, learning_rate: float, steps: int) -> Self:
        """Return a schedule over `steps` updates."""
        return cls(learning_rate, steps=steps)

    def spanning(self, steps: int) -> Schedule:
        """Return the schedule over `steps` updates, unless its own number is given."""
        if self.steps is not None:
            return self
        return type(self).from_config({**self.config(), "steps": steps})

    def at(self, step: int) -> float:
        """Return the rate at the share of completed updates."""
        if self.steps is None:
            raise ValueError(
                f"{type(self).__name__}: steps must be given outside fit, which knows its number "
                "of updates, got None"
            )
        return self.initial * self._factor(min(step, self.steps) / self.steps)

    @abstractmethod
    def _factor(self, t: float) -> float: ...


class CosLog(_Spanning, name="cos_log"):
    """A rate that rises from 0 and falls back in several cycles of increasing length [1]_.

    ``schedule(step) = initial * (1 - cos(2 pi log2(1 + (2**cycles - 1) t))) / 2`` with
    ``t = min(step / steps, 1)``. Each cycle takes twice as many updates as the one before.

    Parameters
    ----------
    initial : float
        The largest rate, which each cycle reaches; at least 0.
    cycles : int, default 4
        Number of cycles, from 1 to 30.
    steps : int, optional
        Number of updates of all cycles, at least 1; by default those of the call of `fit`.

    References
    ----------
    .. [1] D. Holzmueller, L. Grinsztajn and I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs
       and Boosted Trees on Tabular Data", NeurIPS 2024, arXiv:2407.04491.
    """

    cycles: int = checked(integer, default=4, minimum=1, maximum=30)

    def _factor(self, t: float) -> float:
        cycle = _portable_math.log2(1.0 + (2**self.cycles - 1) * t)
        return _portable_math.raised_cosine(abs(1.0 - 2.0 * (cycle - math.floor(cycle))))


class FlatCosine(_Spanning, name="flat_cosine"):
    """A constant rate that then decays to 0 along half a cosine wave.

    ``schedule(step) = initial`` while ``t = min(step / steps, 1)`` is at most `flat`, then
    ``initial * (1 + cos(pi * (t - flat) / (1 - flat))) / 2``.

    Parameters
    ----------
    initial : float
        The constant rate, at least 0.
    flat : float, default 0.5
        Share of the updates with the constant rate, in [0, 1).
    steps : int, optional
        Number of all updates, at least 1; by default those of the call of `fit`.
    """

    flat: float = checked(real, default=0.5, minimum=0.0, exclusive_maximum=1.0)

    def _factor(self, t: float) -> float:
        return _portable_math.raised_cosine(max(t - self.flat, 0.0) / (1.0 - self.flat))


class FunctionSchedule(Schedule):
    """A schedule that calls a function, as `get` makes it of a callable.

    Files do not contain the function: `Sequential.save` leaves out the training settings.

    Parameters
    ----------
    function : callable
        ``function(step) -> rate``, for the update number as an int.
    """

    function: Callable[[int], float] = checked(function)

    @property
    def holds_function(self) -> bool:
        """True."""
        return True

    def at(self, step: int) -> float:
        """Return the result of the function."""
        rate = np.asarray(self.function(step))
        if rate.ndim > 0 or rate.dtype.kind not in "iuf":
            raise TypeError(
                f"FunctionSchedule: function must return a number, got {rate.tolist()!r} for "
                f"update {step}"
            )
        return float(rate)


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

    @property
    def holds_function(self) -> bool:
        """Whether the schedule after the warm-up does."""
        return get(self.schedule).holds_function

    def spanning(self, steps: int) -> Schedule:
        """Return the schedule whose part after the warm-up spans the other updates."""
        schedule = get(self.schedule)
        spanned = schedule.spanning(max(1, steps - self.steps))
        return self if spanned is schedule else WarmUp(spanned, self.steps)


Rate = float | Schedule | Callable[[int], float]


def get(
    value: Rate,
    *,
    owner: str = "schedules.get",
    name: str = "value",
) -> Schedule:
    """Return a schedule given as an instance, a number or a function.

    Parameters
    ----------
    value : Schedule, float or callable
        A schedule, returned as it is; a number, for a `Constant`; or a function
        ``function(step) -> rate``, for a `FunctionSchedule`.
    owner, name : str
        The caller and its argument, for messages.

    Returns
    -------
    Schedule

    Raises
    ------
    TypeError
        If `value` is neither a Schedule nor a number nor a function.
    ValueError
        If the number is negative or not finite.
    """
    if isinstance(value, Schedule):
        return value
    if callable(value) and not isinstance(value, type):
        return FunctionSchedule(value)
    return Constant.of_checked(real(owner, f"{name} (unless a Schedule)", value, minimum=0.0))
