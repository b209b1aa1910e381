"""The presets: networks and optimizers for tables [1]_.

References
----------
.. [1] D. Holzmueller, L. Grinsztajn and I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs and
   Boosted Trees on Tabular Data", NeurIPS 2024, arXiv:2407.04491.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

from ..._validation import boolean, choice, integer, real
from ...initializers import Normal
from ...layers import Dense, Dropout, Layer, Scale
from ...optimizers import AdamW
from ...parameter_groups import ParameterGroup
from ...schedules import CosLog, Schedule
from ..activations import activation_layers


@dataclass(frozen=True)
class Recipe:
    """The pieces of a preset; each is also a parameter of the estimators, which describe it."""

    hidden_layer_sizes: int | Sequence[int]
    activation: str | Layer | Sequence[str | Layer]
    dropout: float
    feature_scale: bool
    learning_rate: float | Schedule
    scale_learning_rate_factor: float
    bias_learning_rate_factor: float
    beta_1: float
    beta_2: float
    epsilon: float
    weight_decay: float
    epochs: int
    batch_size: int | str
    shuffle: bool

    def check(self, owner: str) -> None:
        """Check the pieces."""
        for name in ("feature_scale", "shuffle"):
            boolean(owner, name, getattr(self, name))
        for name in ("scale_learning_rate_factor", "bias_learning_rate_factor", "weight_decay"):
            real(owner, name, getattr(self, name), minimum=0.0)
        for name in ("dropout", "beta_1", "beta_2"):
            real(owner, name, getattr(self, name), minimum=0.0, exclusive_maximum=1.0)
        real(owner, "epsilon", self.epsilon, exclusive_minimum=0.0)
        integer(owner, "epochs", self.epochs, minimum=1)
        if self.batch_size != "all":
            integer(owner, "batch_size (unless 'all')", self.batch_size, minimum=1)
        if not isinstance(self.learning_rate, Schedule):
            real(owner, "learning_rate (unless a Schedule)", self.learning_rate, minimum=0.0)
        activation_layers(owner, self.activation, len(self.units(owner)))

    def units(self, owner: str) -> list[int]:
        """Return the number of units of each hidden layer."""
        sizes = self.hidden_layer_sizes
        listed = list(sizes) if isinstance(sizes, Iterable) else [sizes]
        return [integer(owner, "hidden_layer_sizes", size, minimum=1) for size in listed]

    def layers(self, owner: str, features: int, outputs: int) -> list[Layer]:
        """Return the layers of a network.

        A hidden layer is ``x W^T / sqrt(fan_in) + b`` with W and b from N(0, 1): here its weight is
        W / sqrt(fan_in), and `optimizer` has the factors of W. The last layer begins with zeros.
        """
        units = self.units(owner)
        activations = activation_layers(owner, self.activation, len(units))
        layers: list[Layer] = [Scale(name="scale")] if self.feature_scale else []
        for place, (fan_in, size) in enumerate(pairwise([features, *units])):
            weight = Normal(stddev=1.0 / math.sqrt(fan_in))
            dense = Dense(
                size, weight_init=weight, bias_init=Normal(stddev=1.0), name=f"hidden_{place}"
            )
            layers.append(dense)
            activation = activations[place]
            layers += [] if activation is None else [activation]
            layers += [Dropout(self.dropout)] if self.dropout else []
        return [*layers, Dense(outputs, weight_init="zeros", name="output")]

    def optimizer(self, owner: str, features: int, steps: int) -> AdamW:
        """Return the optimizer of a network of `layers`, for a number of updates.

        With s = 1 / sqrt(fan_in), a weight W s has the learning-rate factor s and the factor 1 / s
        of epsilon. Decoupled decay is relative to the weight, so that its factor 1 / s restores the
        decay of W.
        """
        groups = []
        if self.feature_scale:
            factor = self.scale_learning_rate_factor
            groups.append(ParameterGroup("scale.weight", learning_rate_factor=factor))
        groups.append(ParameterGroup("*.bias", learning_rate_factor=self.bias_learning_rate_factor))
        units = self.units(owner)
        names = [*(f"hidden_{place}" for place in range(len(units))), "output"]
        for name, fan_in in zip(names, [features, *units], strict=True):
            root = math.sqrt(fan_in)
            groups.append(
                ParameterGroup(
                    f"{name}.weight",
                    learning_rate_factor=1.0 / root,
                    weight_decay_factor=root,
                    epsilon_factor=root,
                )
            )
        rate = self.learning_rate
        return AdamW(
            rate if isinstance(rate, Schedule) else CosLog(rate, steps=steps),
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            weight_decay=self.weight_decay,
            groups=groups,
        )

    def rows_per_batch(self, rows: int) -> int:
        """Return the batch size for a number of training rows."""
        return rows if isinstance(self.batch_size, str) else min(self.batch_size, rows)


_CLASSES = Recipe(
    hidden_layer_sizes=(256, 256, 256),
    activation="selu",
    dropout=0.0,
    feature_scale=True,
    learning_rate=0.04,
    scale_learning_rate_factor=6.0,
    bias_learning_rate_factor=0.1,
    beta_1=0.9,
    beta_2=0.95,
    epsilon=1e-8,
    weight_decay=0.0,
    epochs=256,
    batch_size=256,
    shuffle=True,
)
PRESETS = {
    "realmlp-td-s": {
        "classification": _CLASSES,
        "regression": replace(_CLASSES, activation="mish", learning_rate=0.07),
    }
}
PIECES = tuple(field.name for field in fields(Recipe))


def recipe_of(owner: str, task: str, preset: str, pieces: dict[str, object]) -> Recipe:
    """Return the checked recipe of a preset and of pieces that are not None."""
    chosen = PRESETS[choice(owner, "preset", preset, PRESETS)][task]
    given = {name: value for name, value in pieces.items() if value is not None}
    recipe = replace(chosen, **given)  # type: ignore[arg-type]  # `check` checks the types
    recipe.check(owner)
    return recipe
