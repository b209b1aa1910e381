"""The network of an estimator, and its weights in scikit-learn's shapes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import is_
from typing import Any

import numpy as np
import numpy.typing as npt

from ..layers import Dense, Dropout, Layer
from ..model import Sequential
from ..optimizers import Optimizer
from .activations import initial_factor
from .heads import Head
from .rates import Rates

Array = npt.NDArray[Any]


class EstimatorNetwork(Sequential):
    """A Sequential that takes its learning rate from the estimator: from `rates`, once set.

    Attributes
    ----------
    held : sequence of ndarray or None
        The read-only arrays of the last exchange with an estimator's attributes. The parameters
        have their values.
    """

    rates: Rates
    held: Sequence[Array | None] = ()

    def start(self, optimizer: Optimizer, head: Head, rates: Rates) -> None:
        """Compile with a new optimizer."""
        self.compile(optimizer, head.loss)
        self.rates = rates

    def copy_parameters(self) -> dict[str, Array]:
        """Return copies of the parameters by name; an error while another thread trains."""
        return self.engine.copies("predict")

    def holds(self, arrays: Sequence[Array | None]) -> bool:
        """Return whether these are the very arrays of the last exchange."""
        return len(arrays) == len(self.held) and all(map(is_, arrays, self.held))

    @property
    def learning_rate(self) -> float:
        """The rate of the next update; assigning it replaces the schedule."""
        return self.rates.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.rates.set(value)


def build(
    units: Sequence[int],
    activations: Sequence[Layer | None],
    dropout: Sequence[float],
    *,
    dtype: str,
    seed: int,
) -> EstimatorNetwork:
    """Return a network with zero weights.

    `units` are the number of features, the units of each hidden layer and the number of outputs.
    """
    layers: list[Layer] = []
    for number, (activation, rate) in enumerate(zip(activations, dropout, strict=True), start=1):
        layers.append(_dense(units[number], activation, f"hidden_{number}"))
        if rate > 0.0:
            layers.append(Dropout(rate))
    layers.append(_dense(units[-1], None, "output"))
    return EstimatorNetwork(layers, input_shape=(units[0],), dtype=dtype, seed=seed)


def _dense(units: int, activation: Layer | None, name: str) -> Dense:
    return Dense(units, activation, weight_init="zeros", name=name)


def draw_weights(
    units: Sequence[int],
    activations: Sequence[Layer | None],
    random_state: np.random.RandomState,
    dtype: npt.DTypeLike,
) -> tuple[list[Array], list[Array]]:
    """Return the initial coefficients and intercepts, drawn in scikit-learn's order.

    A MemoryError names the layer.
    """
    coefs, intercepts = [], []
    after = [*activations, activations[-1] if activations else None]
    for number, (fan_in, fan_out) in enumerate(pairwise(units)):
        bound = np.sqrt(initial_factor(after[number]) / (fan_in + fan_out))
        try:
            coefs.append(random_state.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype))
            intercepts.append(random_state.uniform(-bound, bound, fan_out).astype(dtype))
        except (MemoryError, ValueError) as error:  # ValueError: more elements than NumPy counts
            size = 8 * (fan_in + 1) * fan_out
            raise MemoryError(
                f"not enough memory for the weights of layer {number + 1}, ({fan_in}, {fan_out}): "
                f"{size:,} bytes"
            ) from error
    return coefs, intercepts


class Weights:
    """Coefficients, intercepts and PReLU slopes, in scikit-learn's shapes.

    `coefs` have shape (fan_in, fan_out). `alphas` has an entry for each hidden layer, None for a
    layer without PReLU.
    """

    def __init__(
        self,
        coefs: Sequence[Array],
        intercepts: Sequence[Array],
        alphas: Sequence[Array | None],
    ) -> None:
        self.coefs = list(coefs)
        self.intercepts = list(intercepts)
        self.alphas = list(alphas)

    @classmethod
    def of(cls, model: EstimatorNetwork, dtype: npt.DTypeLike) -> Weights:
        """Return copies of a network's weights."""
        copies = model.copy_parameters()
        found = {name: values.astype(dtype, copy=False) for name, values in copies.items()}
        for values in found.values():
            values.flags.writeable = False
        names = _layer_names(model)
        return cls(
            # Transposed views keep the engine's memory order.
            [found[f"{name}.weight"].T for name in names],
            [found[f"{name}.bias"] for name in names],
            [found.get(f"{name}.alpha") for name in names[:-1]],
        )

    def by_name(self, model: Sequential) -> dict[str, Array]:
        """Return the weights by the network's parameter names."""
        names = _layer_names(model)
        named = {f"{n}.weight": np.transpose(c) for n, c in zip(names, self.coefs, strict=True)}
        named |= {f"{n}.bias": np.asarray(b) for n, b in zip(names, self.intercepts, strict=True)}
        slopes = zip(names[:-1], self.alphas, strict=True)
        return named | {f"{n}.alpha": np.asarray(a) for n, a in slopes if a is not None}

    def are_in(self, model: Sequential) -> bool:
        """Return whether the network holds these weights."""
        found = model.parameters()
        return all(
            values.dtype.kind in "biuf"
            and np.array_equal(found[name], values.astype(model.variable_dtype, copy=False))
            for name, values in self.by_name(model).items()
        )

    def frozen(self) -> Weights:
        """Return the same weights in read-only arrays."""
        alphas = [None if values is None else _frozen(values) for values in self.alphas]
        return Weights(list(map(_frozen, self.coefs)), list(map(_frozen, self.intercepts)), alphas)


def _frozen(values: npt.ArrayLike) -> Array:
    """Return a read-only view, of a copy unless `values` is a view of a read-only array."""
    base = values.base if type(values) is np.ndarray else None
    if isinstance(base, np.ndarray) and not base.flags.writeable:
        return np.asarray(values)
    copy = np.array(values)
    copy.flags.writeable = False
    return copy.view()


def _layer_names(model: Sequential) -> list[str]:
    return [str(layer.name) for layer in model.layers if isinstance(layer, Dense)]
