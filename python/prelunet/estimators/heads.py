"""Heads: the loss that is trained, and the meaning of outputs.

scikit-learn's losses and gradients are those of the engine times a constant. In the head of a
regression the two constants differ where there are several outputs: scikit-learn's loss is a mean
over them, its gradient that of a sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from .. import ops
from ..losses import (
    BatchMeanSquaredError,
    FunctionLoss,
    Loss,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Head:
    """What follows the last weights.

    Attributes
    ----------
    activation : {"softmax", "logistic", "identity", "exp"}
    loss : Loss
        What the engine trains.
    gradient_factor : float
        scikit-learn's gradients over the engine's.
    loss_factor : float
        scikit-learn's loss, the penalty left out, over the engine's.
    finish : callable
        Turns the network's outputs into the estimator's.
    """

    activation: str
    loss: Loss
    gradient_factor: float
    loss_factor: float
    finish: Callable[[Array], Array]

    @property
    def penalty_in_loss(self) -> float:
        """The factor of the engine's penalty in its loss."""
        return self.gradient_factor / self.loss_factor

    def loss_of(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        """Return scikit-learn's loss of rows, without the penalty."""
        if isinstance(self.loss, FunctionLoss):
            return float(np.average(self.loss.function(outputs, targets)[0], weights=weights))
        if self.loss.probabilities != "softmax":
            targets = targets.astype(outputs.dtype)
        if weights is not None:
            weights = weights.astype(outputs.dtype)
        loss, _ = getattr(ops, self.loss.name)(outputs, targets, sample_weight=weights)
        return float(self.loss_factor * loss)


def poisson(outputs: Array, targets: Array) -> tuple[Array, Array]:
    """Return half the Poisson deviance of rows from the logarithms of rates, and its gradient."""
    rates = np.exp(outputs)
    losses = xlogy(targets, targets) - targets * outputs - targets + rates
    return losses.sum(axis=1), rates - targets


def _same(outputs: Array) -> Array:
    return outputs


def head_of(activation: str, outputs: int) -> Head:
    """Return the head for scikit-learn's `out_activation_` and a number of outputs."""
    if activation == "softmax":
        return Head(activation, SoftmaxCrossEntropy(), 1.0, 1.0, ops.softmax_forward)
    if activation == "logistic":
        # The engine's is a mean over outputs, scikit-learn's a sum.
        return Head(activation, SigmoidCrossEntropy(), outputs, outputs, ops.sigmoid_forward)
    if activation == "exp":
        return Head(activation, FunctionLoss(poisson), 1.0, 1.0, np.exp)
    return Head(activation, BatchMeanSquaredError(), 0.5, 0.5 / outputs, _same)
