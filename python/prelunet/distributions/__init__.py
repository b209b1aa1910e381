"""Probability distributions of actions, with the gradients of their log-probabilities.

A model's outputs are the parameters of a distribution: logits, or means and log standard
deviations. The methods ending in ``_vjp`` return values and a function that backpropagates
gradients from them, as `Sequential.vjp` does. Its results are the ``grad_outputs`` for the model.

Results are float32 if all parameters are, else float64. Samples and densities have the same bits on
AVX2, AVX-512 and NEON.
"""

from __future__ import annotations

from .categorical import Categorical
from .gaussian import Normal, SquashedNormal

__all__ = ["Categorical", "Normal", "SquashedNormal"]
