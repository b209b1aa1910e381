"""Heads: the loss to minimize and the interpretation of the outputs.

scikit-learn's losses and gradients are the engine's times a constant. For a regression with several
outputs the two constants differ: scikit-learn's loss is the mean over outputs, but its gradient is
the gradient of the sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import ops
from ..losses import (
    BatchMeanSquaredError,
    Loss,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Head:
    """The loss and output activation of an estimator."""

    activation: str  # "softmax", "logistic", "identity" or "exp"
    loss: Loss  # the loss that the engine minimizes
    gradient_factor: float  # scikit-learn's gradients divided by the engine's
    loss_factor: float  # scikit-learn's loss without the penalty, divided by the engine's
    finish: Callable[[Array], Array]  # converts the network's outputs to the estimator's

    @property
    def penalty_in_loss(self) -> float:
        """The factor of the engine's penalty in the estimator's loss."""
        return self.gradient_factor / self.loss_factor

    def loss_of(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        """Return scikit-learn's loss without the penalty."""
        if self.loss.probabilities != "softmax":
            targets = targets.astype(outputs.dtype, order="C")
        if weights is not None:
            weights = weights.astype(outputs.dtype)
        loss, _ = getattr(ops, self.loss.name)(outputs, targets, sample_weight=weights)
        return float(self.loss_factor * loss)


def _same(outputs: Array) -> Array:
    return outputs


@lru_cache(maxsize=32)
def head_of(activation: str, outputs: int) -> Head:
    """Return the head for scikit-learn's `out_activation_` and a number of outputs."""
    if activation == "softmax":
        return Head(activation, SoftmaxCrossEntropy(), 1.0, 1.0, ops.softmax_forward)
    if activation == "logistic":
        # The engine takes the mean over outputs, scikit-learn the sum.
        return Head(activation, SigmoidCrossEntropy(), outputs, outputs, ops.sigmoid_forward)
    if activation == "exp":
        return Head(activation, Poisson(), outputs, outputs, np.exp)
    return Head(activation, BatchMeanSquaredError(), 0.5, 0.5 / outputs, _same)
