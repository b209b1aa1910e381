"""Learning rates by scikit-learn's rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

_SMALLEST_ADAPTIVE = 1e-6  # scikit-learn's value: "adaptive" stops at or below it
_ADAPTIVE_DIVISOR = 5.0
_STEPS_AHEAD = 1000


class Rates(ABC):
    """A learning-rate schedule; `learning_rate` is the rate of the next steps."""

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = float(learning_rate)

    @property
    def by_epoch(self) -> bool:
        """Whether the rate changes every epoch."""
        return False

    @abstractmethod
    def of_steps(self, first: int, count: int) -> npt.NDArray[np.float64]:
        """Return the engine's rates for `count` updates after the first `first`."""

    def set(self, learning_rate: float) -> None:
        """Set a constant rate from now on."""
        self.learning_rate = float(learning_rate)

    @abstractmethod
    def end_epoch(self, rows_seen: int) -> None:
        """Update the rate after an epoch; `rows_seen` counts rows from the start."""

    def decrease(self) -> bool:
        """Decrease the rate after a lack of progress; return whether training can continue."""
        return False


class SGDRates(Rates):
    """The schedules "constant", "invscaling" and "adaptive".

    "invscaling" uses ``learning_rate / (n + 1)**power_t`` after n rows. `factor` is scikit-learn's
    gradients divided by the engine's.
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
        """Whether the rate changes every epoch."""
        return self._schedule == "invscaling"

    def of_steps(self, first: int, count: int) -> npt.NDArray[np.float64]:
        """Return the rate, scaled for the engine's gradients."""
        return np.full(count, self.learning_rate * self._factor)

    def set(self, learning_rate: float) -> None:
        """Set a constant rate from now on, instead of the schedule."""
        super().set(learning_rate)
        self._schedule = "constant"

    def end_epoch(self, rows_seen: int) -> None:
        """Decrease the rate of "invscaling"."""
        if self._schedule == "invscaling":
            self.learning_rate = self._first / (rows_seen + 1) ** self._power_t

    def decrease(self) -> bool:
        """Divide the rate of "adaptive" by 5, down to its minimum."""
        if self._schedule != "adaptive" or self.learning_rate <= _SMALLEST_ADAPTIVE:
            return False
        self.learning_rate /= _ADAPTIVE_DIVISOR
        return True


class AdamRates(Rates):
    """A constant rate, multiplied by the corrections of both moments.

    scikit-learn adds epsilon to the root of the uncorrected second moment. So does
    ``Adam(bias_correction=False)`` with these rates:
    ``learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t)`` at step t.
    """

    def __init__(self, learning_rate: float, *, beta_1: float, beta_2: float) -> None:
        super().__init__(learning_rate)
        self._beta_1 = beta_1
        self._beta_2 = beta_2
        self._begin = 0
        self._corrections = np.empty(0)  # of the next steps, many at a time

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without cached values."""
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
