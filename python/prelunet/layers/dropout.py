"""Dropout."""

from __future__ import annotations

from typing import Any

from .._description import checked
from .._validation import real
from .base import Layer


class Dropout(Layer):
    """In training, set a share of the elements to 0 and divide the others by ``1 - rate`` [1]_.

    The identity in predict and evaluate. The kept elements are a function of the model's seed, the
    layer's place, the training step, the row in the batch and the unit (Philox): they do not depend
    on threads, and successive fits continue the sequence.

    Parameters
    ----------
    rate : float
        The share of elements set to 0, in [0, 1).
    name, trainable
        As for every `Layer`.

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
       Overfitting", JMLR 15 (2014).
    """

    rate: float = checked(real, minimum=0.0, exclusive_maximum=1.0)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description."""
        return [{"type": "dropout", "rate": self.rate}]
