"""`Dropout`, which zeroes random elements in training."""

from __future__ import annotations

from typing import Any

from .._description import checked
from .._validation import real
from ..schedules import Rate, Schedule
from ..schedules import get as get_schedule
from .base import Layer


def _rate(owner: str, name: str, value: Rate) -> float | Schedule:
    if isinstance(value, Schedule) or callable(value):
        return get_schedule(value, owner=owner, name=name)
    return real(owner, f"{name} (unless a Schedule)", value, minimum=0.0, exclusive_maximum=1.0)


class Dropout(Layer):
    """In training, set random elements to 0 and divide the others by ``1 - rate`` [1]_.

    In prediction and evaluation, dropout is the identity. The mask is a function (Philox) of the
    model's seed, the layer's position, the training step, the row in the batch and the unit. It
    does not depend on the number of threads, and successive calls of `fit` continue the sequence.

    Parameters
    ----------
    rate : float, Schedule or callable
        Probability that an element is set to 0, in [0, 1).
    name, trainable
        As for `Layer`.

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
       Overfitting", JMLR 15 (2014).
    """

    rate: Rate = checked(_rate)

    @property
    def schedule(self) -> Schedule | None:
        """The schedule of the rate, if it changes from update to update."""
        return self.rate if isinstance(self.rate, Schedule) else None

    @property
    def holds_function(self) -> bool:
        """Whether the rate is a function."""
        return self.schedule is not None and self.schedule.holds_function

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        scheduled = self.schedule is not None
        return [
            {"type": "dropout", "rate": 0.0 if scheduled else self.rate, "scheduled": scheduled}
        ]
