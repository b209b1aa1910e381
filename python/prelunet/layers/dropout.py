"""Dropout."""

from __future__ import annotations

from typing import Any

from .._validation import real
from .base import Layer


class Dropout(Layer):
    """While training, set a share of the elements to 0 and divide the others by ``1 - rate`` [1]_.

    The identity in predict and evaluate. Which elements are kept is a function of the model's seed,
    the layer's place, the training step, the row in the batch and the unit (Philox), so it does not
    depend on threads, and goes on over successive fits.

    Parameters
    ----------
    rate : float
        The share that is dropped, in [0, 1).
    name, trainable
        As for every `Layer`.

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
       Overfitting", JMLR 15 (2014).
    """

    def __init__(self, rate: float, *, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name=name, trainable=trainable)
        self.rate = real("Dropout", "rate", rate, minimum=0.0, exclusive_maximum=1.0)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description."""
        return [{"type": "dropout", "rate": self.rate}]
