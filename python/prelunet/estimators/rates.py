"""The learning rates of steps, by scikit-learn's rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

_SMALLEST_ADAPTIVE = 1e-6  # scikit-learn's: at or below it "adaptive" gives up
_ADAPTIVE_DIVISOR = 5.0
_STEPS_AHEAD = 1000


class Rates(ABC):
    """The learning rate, and how it changes.

    Attributes
    ----------
    learning_rate : float
        The rate of the steps to come.
    """

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = float(learning_rate)

    @property
    def by_epoch(self) -> bool:
        """Whether every epoch has a rate of its own."""
        return False

    @abstractmethod
    def of_steps(self, first: int, count: int) -> npt.NDArray[np.float64]:
        """Return what the engine multiplies by, in `count` updates after the `first` ones."""

    def set(self, learning_rate: float) -> None:
        """Hold a rate from here on."""
        self.learning_rate = float(learning_rate)

    @abstractmethod
    def end_epoch(self, rows_seen: int) -> None:
        """Change the rate as the schedule has it, `rows_seen` rows after the start."""

    def decrease(self) -> bool:
        """Go on with a smaller rate where progress has stopped; return whether there is one."""
        return False


class SGDRates(Rates):
    """The schedules "constant", "invscaling" and "adaptive".

    Parameters
    ----------
    learning_rate : float
        The first rate.
    schedule : {"constant", "invscaling", "adaptive"}
    power_t : float
        After n rows, "invscaling" has ``learning_rate / (n + 1)**power_t``.
    factor : float
        The loss of scikit-learn over that of the engine, whose gradients steps are made of.
    """

    def __init__(
        self, learning_rate: float, *, schedule: str, power_t: float, factor: float
    ) -> None:
        super().__init__(learning_rate)
        self._first = self.learning_rate
        self._schedule = schedule
        self._power_t = power_t
        self._factor = factor

    @property
    def by_epoch(self) -> bool:
        """Whether every epoch has a rate of its own."""
        return self._schedule == "invscaling"

    def of_steps(self, first: int, count: int) -> npt.NDArray[np.float64]:
        """Return the rate, times what the engine's gradients lack."""
        return np.full(count, self.learning_rate * self._factor)

    def set(self, learning_rate: float) -> None:
        """Hold a rate from here on, in place of the schedule."""
        super().set(learning_rate)
        self._schedule = "constant"

    def end_epoch(self, rows_seen: int) -> None:
        """Lower the rate of "invscaling"."""
        if self._schedule == "invscaling":
            self.learning_rate = self._first / (rows_seen + 1) ** self._power_t

    def decrease(self) -> bool:
        """Divide the rate of "adaptive" by 5, until it is too small."""
        if self._schedule != "adaptive" or self.learning_rate <= _SMALLEST_ADAPTIVE:
            return False
        self.learning_rate /= _ADAPTIVE_DIVISOR
        return True


class AdamRates(Rates):
    """A constant rate, with the corrections of both means in it.

    scikit-learn adds epsilon to the root of the uncorrected mean of squares. So does
    ``Adam(bias_correction=False)`` with these rates:
    ``learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t)`` at step t.
    """

    def __init__(self, learning_rate: float, *, beta_1: float, beta_2: float) -> None:
        super().__init__(learning_rate)
        self._beta_1 = beta_1
        self._beta_2 = beta_2
        self._begin = 0
        self._corrections = np.empty(0)  # of the steps from there on: many, as epochs may be short

    def __getstate__(self) -> dict[str, Any]:
        """Return the state, without what is worked out again."""
        return self.__dict__ | {"_corrections": np.empty(0)}

    def of_steps(self, first: int, count: int) -> npt.NDArray[np.float64]:
        """Return the corrected rates."""
        at = first - self._begin
        if not 0 <= at <= len(self._corrections) - count:
            t = np.arange(first + 1, first + max(count, _STEPS_AHEAD) + 1, dtype=np.float64)
            self._corrections = np.sqrt(1.0 - self._beta_2**t) / (1.0 - self._beta_1**t)
            self._begin, at = first, 0
        rates: npt.NDArray[np.float64] = self.learning_rate * self._corrections[at : at + count]
        return rates

    def end_epoch(self, rows_seen: int) -> None:
        """Keep the rate."""
