"""An activation between the identity and f, with one weight for each entry of the last axis.

Holzmueller, Grinsztajn and Steinwart, Better by Default, NeurIPS 2024, arXiv:2407.04491.
"""

from __future__ import annotations

import numpy as np

from reference import activation as activations


def parametric_forward(x, weight, name, parameter=None):
    """y = x + weight (f(x) - x), f the activation of that name in activation.py."""
    x = np.asarray(x, np.float64)
    return x + weight * (getattr(activations, f"{name}_forward")(x, parameter) - x)


def parametric_backward(grad_y, x, weight, name, parameter=None):
    """dx = dy + weight (dy f'(x) - dy), dweight = sum of dy (f(x) - x) over all other axes."""
    grad_y, x = (np.asarray(v, np.float64) for v in (grad_y, x))
    f = getattr(activations, f"{name}_forward")(x, parameter)
    grad_f = getattr(activations, f"{name}_backward")(grad_y, x, parameter)
    grad_weight = (grad_y * (f - x)).sum(axis=tuple(range(x.ndim - 1)))
    return grad_y + weight * (grad_f - grad_y), grad_weight
