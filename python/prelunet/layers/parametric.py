"""Parametric: an activation between the identity and another activation, learned for each unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._description import checked
from ..initializers import Initializer
from ..initializers import get as get_initializer
from .activation import Activation, checked_activation, checked_initializer
from .base import Layer, Shape


def _inner(owner: str, name: str, value: Activation | str) -> Activation:
    found = checked_activation(owner, name, value)
    if not isinstance(found, Activation):
        raise TypeError(
            f"{owner}: {name} must be an activation without learned parameters, got {value!r}"
        )
    return found


class Parametric(Layer):
    """A learned activation, ``y = x + weight * (f(x) - x)`` with one weight per unit [1]_.

    A weight of 0 gives the identity, and a weight of 1 gives f. For ReLU this is PReLU with the
    slope ``1 - weight``. The units are the entries of the last axis. It is as fast as f after a
    `Dense` or `Conv2D` layer. Weight decay and L2 leave its weight alone, unless the optimizer has
    ``decay_all=True``.

    Parameters
    ----------
    activation : str or Activation
        The activation f, such as ``"mish"`` or ``pn.LeakyReLU(0.1)``.
    init : float, str or Initializer, default 1.0
        Initial weight.
    name, trainable
        As for `Layer`.

    References
    ----------
    .. [1] D. Holzmueller, L. Grinsztajn and I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs
       and Boosted Trees on Tabular Data", NeurIPS 2024, arXiv:2407.04491.
    """

    activation: Activation | str = checked(_inner)
    init: float | str | Initializer = checked(checked_initializer, default=1.0)

    @property
    def inner(self) -> Activation:
        """The activation f."""
        return _inner("Parametric", "activation", self.activation)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        (inner,) = self.inner.specifications()
        return [{**inner, "type": "parametric", "trainable": self.trainable}]

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return the shape of the weight, and that of the output."""
        return {"weight": sample[-1:]}, sample

    def initializers(self) -> Mapping[str, Initializer]:
        """Return the initializer of the weight."""
        return {"weight": get_initializer(self.init)}

    @property
    def label(self) -> str:
        """The class name, with that of f."""
        return f"Parametric({type(self.inner).__name__})"
