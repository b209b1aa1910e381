"""`Dropout`, which zeroes random elements in training."""

from __future__ import annotations

from typing import Any

from .._description import checked
from .._validation import real
from .base import Layer


class Dropout(Layer):
    """In training, set random elements to 0 and divide the others by ``1 - rate`` [1]_.

    In prediction and evaluation, dropout is the identity. The mask is a function (Philox) of the
    model's seed, the layer's position, the training step, the row in the batch and the unit. It
    does not depend on the number of threads, and successive calls of `fit` continue the sequence.

    Parameters
    ----------
    rate : float
        Probability that an element is set to 0, in [0, 1).
    name, trainable
        As for `Layer`.

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
       Overfitting", JMLR 15 (2014).
    """

    rate: float = checked(real, minimum=0.0, exclusive_maximum=1.0)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        return [{"type": "dropout", "rate": self.rate}]
