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

import numpy as np

from ..._validation import boolean, choice, integer, real
from ...initializers import Normal
from ...layers import (
    Activation,
    Columns,
    Dense,
    Dropout,
    Embedding,
    Layer,
    Parametric,
    PeriodicEmbeddings,
    PReLU,
    Scale,
)
from ...optimizers import AdamW
from ...parameter_groups import ParameterGroup
from ...schedules import Constant, CosLog, FlatCosine, Schedule
from ...tables import TableEncoder
from ..activations import activation_layers

INITIALIZATIONS = ("normal", "data")


@dataclass(frozen=True)
class Recipe:
    """The pieces of a preset; each is also a parameter of the estimators, which describe it."""

    hidden_layer_sizes: int | Sequence[int]
    activation: str | Layer | Sequence[str | Layer]
    dropout: float | Schedule
    initialization: str
    embedding_dim: int
    max_one_hot_levels: int
    periodic_embeddings: bool
    feature_scale: bool
    clip_predictions: bool
    learning_rate: float | Schedule
    scale_learning_rate_factor: float
    bias_learning_rate_factor: float
    activation_learning_rate_factor: float
    periodic_learning_rate_factor: float
    beta_1: float
    beta_2: float
    epsilon: float
    weight_decay: float | Schedule
    decay_all: bool
    epochs: int
    batch_size: int | str
    shuffle: bool

    def check(self, owner: str) -> None:
        """Check the pieces."""
        for name in _SWITCHES:
            boolean(owner, name, getattr(self, name))
        for name in _FACTORS:
            real(owner, name, getattr(self, name), minimum=0.0)
        for name in ("beta_1", "beta_2"):
            real(owner, name, getattr(self, name), minimum=0.0, exclusive_maximum=1.0)
        for name, end in (("dropout", 1.0), ("learning_rate", None), ("weight_decay", None)):
            value = getattr(self, name)
            if not isinstance(value, Schedule):
                shown = f"{name} (unless a Schedule)"
                real(owner, shown, value, minimum=0.0, exclusive_maximum=end)
        real(owner, "epsilon", self.epsilon, exclusive_minimum=0.0)
        integer(owner, "epochs", self.epochs, minimum=1)
        integer(owner, "embedding_dim", self.embedding_dim, minimum=0)
        integer(owner, "max_one_hot_levels", self.max_one_hot_levels, minimum=0)
        choice(owner, "initialization", self.initialization, INITIALIZATIONS)
        if self.batch_size != "all":
            integer(owner, "batch_size (unless 'all')", self.batch_size, minimum=1)
        self._activations(owner)

    def incremental(self) -> Recipe:
        """Return the recipe of `partial_fit`: one epoch, and constant rates.

        Rates that depend on the length of a training are their means over one.
        """
        rate = self.learning_rate
        rate = _mean(rate if isinstance(rate, Schedule) else CosLog(rate))
        return replace(
            self,
            learning_rate=rate if isinstance(rate, Schedule) else Constant(rate),
            dropout=_mean(self.dropout),
            weight_decay=_mean(self.weight_decay),
            epochs=1,
        )

    def units(self, owner: str) -> list[int]:
        """Return the number of units of each hidden layer."""
        sizes = self.hidden_layer_sizes
        listed = list(sizes) if isinstance(sizes, Iterable) else [sizes]
        return [integer(owner, "hidden_layer_sizes", size, minimum=1) for size in listed]

    def _activations(self, owner: str) -> list[Layer | None]:
        """Return the activation of each hidden layer."""
        kinds = (Activation, *_LEARNED)
        return activation_layers(owner, self.activation, len(self.units(owner)), kinds)

    def max_one_hot(self) -> float:
        """Return the most levels of a category that is one-hot."""
        return self.max_one_hot_levels if self.embedding_dim else math.inf

    def layers(self, owner: str, encoder: TableEncoder, outputs: int, steps: int) -> list[Layer]:
        """Return the layers of a network for encoded rows, trained for a number of updates.

        A hidden layer is ``x W^T / sqrt(fan_in) + b`` with W and b from N(0, 1): here its weight is
        W / sqrt(fan_in), and `optimizer` has the factors of W. The last layer begins with zeros.
        With the initialization "data", W of all layers is that which `fit_initial_parameters`
        divides, and b is 0.
        """
        units = self.units(owner)
        activations = self._activations(owner)
        data = self.initialization == "data"
        layers = self._input_layers(encoder)
        fans = [self._features(encoder), *units]
        for place, (fan_in, size) in enumerate(pairwise(fans)):
            dense = Dense(
                size,
                weight_init=Normal(stddev=1.0 / math.sqrt(fan_in)),
                bias_init="zeros" if data else Normal(stddev=1.0),
                name=f"hidden_{place}",
            )
            layers.append(dense)
            activation = activations[place]
            if isinstance(activation, _LEARNED):
                activation = replace(activation, name=f"activation_{place}")
            layers += [] if activation is None else [activation]
            layers += [Dropout(_spanning(self.dropout, steps))] if self.dropout else []
        last = Normal(stddev=1.0 / math.sqrt(fans[-1])) if data else "zeros"
        return [*layers, Dense(outputs, weight_init=last, name="output")]

    def _input_layers(self, encoder: TableEncoder) -> list[Layer]:
        """Return the layers before the hidden ones."""
        branches: list[tuple[str, list[Layer], list[int]]] = []
        if self._is_periodic(encoder):
            branches.append(("numbers", [PeriodicEmbeddings(_PERIODIC)], encoder.numbers))
        for place, count in encoder.codes.items():
            layer = Embedding(count, self.embedding_dim)
            branches.append((f"category_{place}", [layer], [place]))
        layers: list[Layer] = []
        if branches:
            layers.append(Columns(branches, remainder="passthrough", name="inputs"))
        return [*layers, Scale(name="scale")] if self.feature_scale else layers

    def _is_periodic(self, encoder: TableEncoder) -> bool:
        return self.periodic_embeddings and bool(encoder.numbers)

    def _features(self, encoder: TableEncoder) -> int:
        """Return the number of inputs of the first hidden layer."""
        periodic = len(encoder.numbers) if self._is_periodic(encoder) else 0
        more = (self.embedding_dim - 1) * len(encoder.codes) + (_PERIODIC - 1) * periodic
        return encoder.width + more

    def optimizer(self, owner: str, encoder: TableEncoder, steps: int) -> AdamW:
        """Return the optimizer of a network of `layers`, for a number of updates.

        With s = 1 / sqrt(fan_in), a weight W s has the learning-rate factor s and the factor 1 / s
        of epsilon. Decoupled decay is relative to the weight, so that its factor 1 / s restores the
        decay of W. With `decay_all`, other parameters decay by the squares of their factors of the
        learning rate, as in the authors' program, and biases of dense layers do not.
        """
        groups = []

        def add(pattern: str, factor: float) -> None:
            group = ParameterGroup(pattern, learning_rate_factor=factor, weight_decay_factor=factor)
            groups.append(group)

        if self._is_periodic(encoder):
            add("inputs.numbers.*", self.periodic_learning_rate_factor)
        if self.feature_scale:
            add("scale.weight", self.scale_learning_rate_factor)
        units = self.units(owner)
        if any(isinstance(layer, _LEARNED) for layer in self._activations(owner)):
            add("activation_*", self.activation_learning_rate_factor)
        biases = self.bias_learning_rate_factor
        groups.append(
            ParameterGroup("*.bias", learning_rate_factor=biases, weight_decay_factor=0.0)
        )
        names = [*(f"hidden_{place}" for place in range(len(units))), "output"]
        for name, fan_in in zip(names, [self._features(encoder), *units], strict=True):
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
            _spanning(rate if isinstance(rate, Schedule) else CosLog(rate), steps),
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            weight_decay=_spanning(self.weight_decay, steps),
            decay_all=self.decay_all,
            groups=groups,
        )

    def rows_per_batch(self, rows: int) -> int:
        """Return the batch size for a number of training rows."""
        return rows if isinstance(self.batch_size, str) else min(self.batch_size, rows)


def _spanning(rate: float | Schedule, steps: int) -> float | Schedule:
    """Return a rate whose schedule, if it has one without a number of updates, has `steps`."""
    return rate.spanning(steps) if isinstance(rate, Schedule) else rate


def _mean(rate: float | Schedule) -> float | Schedule:
    """Return the mean of a rate that depends on the length of a training; else the rate."""
    spanned = _spanning(rate, _STEPS)
    if not isinstance(spanned, Schedule) or spanned is rate:
        return rate
    return float(spanned(np.arange(_STEPS)).mean())


_STEPS = 500  # of the training over which rates are averaged
_LEARNED = (Parametric, PReLU)
_PERIODIC = 4  # values of a number: three of waves, and the number itself
_SWITCHES = ("periodic_embeddings", "feature_scale", "clip_predictions", "decay_all", "shuffle")
_FACTORS = tuple(
    f"{name}_learning_rate_factor" for name in ("scale", "bias", "activation", "periodic")
)
_S_CLASSES = Recipe(
    hidden_layer_sizes=(256, 256, 256),
    activation="selu",
    dropout=0.0,
    initialization="normal",
    embedding_dim=0,
    max_one_hot_levels=8,
    periodic_embeddings=False,
    feature_scale=True,
    clip_predictions=False,
    learning_rate=0.04,
    scale_learning_rate_factor=6.0,
    bias_learning_rate_factor=0.1,
    activation_learning_rate_factor=0.1,
    periodic_learning_rate_factor=0.1,
    beta_1=0.9,
    beta_2=0.95,
    epsilon=1e-8,
    weight_decay=0.0,
    decay_all=False,
    epochs=256,
    batch_size=256,
    shuffle=True,
)
_CLASSES = replace(
    _S_CLASSES,
    activation=Parametric("selu"),
    dropout=FlatCosine(0.15),
    initialization="data",
    embedding_dim=8,
    periodic_embeddings=True,
    weight_decay=FlatCosine(0.02),
    decay_all=True,
)
PRESETS = {
    "realmlp-td-s": {
        "classification": _S_CLASSES,
        "regression": replace(_S_CLASSES, activation="mish", learning_rate=0.07),
    },
    "realmlp-td": {
        "classification": _CLASSES,
        "regression": replace(
            _CLASSES, activation=Parametric("mish"), learning_rate=0.2, clip_predictions=True
        ),
    },
}
PIECES = tuple(field.name for field in fields(Recipe))


def recipe_of(owner: str, task: str, preset: str, pieces: dict[str, object]) -> Recipe:
    """Return the checked recipe of a preset and of pieces that are not None."""
    chosen = PRESETS[choice(owner, "preset", preset, PRESETS)][task]
    given = {name: value for name, value in pieces.items() if value is not None}
    recipe = replace(chosen, **given)  # type: ignore[arg-type]  # `check` checks the types
    recipe.check(owner)
    return recipe
