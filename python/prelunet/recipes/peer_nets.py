"""A network of Dense layers in PyTorch and Keras, with the parameters of a prelunet model."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import numpy as np

import prelunet as pn
from prelunet.recipes import inputs
from prelunet.recipes.inputs import Array

if TYPE_CHECKING:
    import keras
    import torch

    Gradient = Callable[..., keras.KerasTensor]


class Net(Protocol):
    """The common interface of the trained networks; `Sequential` has it too."""

    def train_on_batch(self, X: Array, y: Array) -> dict[str, float]:
        """Make one SGD update; return the ``"loss"`` before it."""

    def predict(self, X: Array) -> Array:
        """Return the logits."""


class TorchNet:
    """PyTorch in eager mode; hooks clip the gradient of each z.

    `model` has Dense layers, each with an activation, and the initial parameters. `activations` are
    names in ``torch``. `clip_delta` limits each row's deltas, before the division by the batch.
    """

    title = "PyTorch"

    def __init__(
        self,
        model: pn.Sequential,
        activations: Sequence[str],
        learning_rate: float,
        clip_delta: float | None,
    ) -> None:
        self.torch = importlib.import_module("torch")
        self.torch.set_num_threads(pn.get_num_threads())
        copies = [self.torch.tensor(np.array(values)) for values in model.parameters().values()]
        self.parameters = [copy.requires_grad_() for copy in copies]
        self.activations = [getattr(self.torch, name) for name in activations]
        self.clip_delta = clip_delta
        self.optimizer = self.torch.optim.SGD(self.parameters, lr=learning_rate)

    def train_on_batch(self, X: Array, y: Array) -> dict[str, float]:
        """Make an update."""
        self.optimizer.zero_grad()
        labels = self.torch.from_numpy(y).long()
        loss = self.torch.nn.functional.cross_entropy(self._forward(X), labels)
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.item()}

    def predict(self, X: Array) -> Array:
        """Return the logits."""
        logits: Array = self._forward(X).detach().numpy()
        return logits

    def _forward(self, X: Array) -> torch.Tensor:
        weights, biases = self.parameters[::2], self.parameters[1::2]
        a = self.torch.from_numpy(X).to(weights[0].dtype)
        for weight, bias, activation in zip(
            weights, biases, [*self.activations, None], strict=True
        ):
            z = a @ weight.T + bias
            if self.clip_delta is not None:
                limit = self.clip_delta / len(X)  # the loss is a mean, which divides each delta
                z.register_hook(partial(self.torch.clamp, min=-limit, max=limit))
            a = z if activation is None else activation(z)
        return a


class KerasNet:
    """Keras on its backend; extra layers after each z clip the deltas.

    The arguments are those of `TorchNet`, with names in ``keras.activations``.
    """

    title = "Keras"

    def __init__(
        self,
        model: pn.Sequential,
        activations: Sequence[str],
        learning_rate: float,
        clip_delta: float | None,
    ) -> None:
        keras = importlib.import_module("keras")
        parameters = list(model.parameters().values())
        layers = [keras.Input(model.input_shape, dtype=model.dtype)]
        for bias, activation in zip(parameters[1::2], [*activations, None], strict=True):
            layers.append(keras.layers.Dense(len(bias), dtype=model.dtype))
            if clip_delta is not None:
                layers.append(
                    keras.layers.Lambda(_limiter(keras.ops, clip_delta), dtype=model.dtype)
                )
            layers.append(keras.layers.Activation(activation, dtype=model.dtype))
        self.model = keras.Sequential(layers)
        self.model.set_weights([values.T for values in parameters])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=model.dtype)
        self.model.compile(keras.optimizers.SGD(learning_rate), loss)

    def train_on_batch(self, X: Array, y: Array) -> dict[str, float]:
        """Make an update."""
        return {"loss": float(self.model.train_on_batch(X, y))}

    def predict(self, X: Array) -> Array:
        """Return the logits."""
        return np.asarray(self.model.predict(X, batch_size=1000, verbose=0))


def _limiter(ops: ModuleType, clip_delta: float) -> Gradient:
    """Return the identity function with a clipped gradient."""

    def forward(z: keras.KerasTensor) -> tuple[keras.KerasTensor, Gradient]:
        def backward(
            *args: keras.KerasTensor, upstream: keras.KerasTensor | None = None
        ) -> keras.KerasTensor:
            delta = args[0] if upstream is None else upstream  # depends on the backend
            limit = clip_delta / ops.cast(ops.shape(delta)[0], delta.dtype)
            return ops.clip(delta, -limit, limit)

        return z, backward

    limited: Gradient = ops.custom_gradient(forward)
    return limited


NETS: dict[str, type[TorchNet] | type[KerasNet]] = {"torch": TorchNet, "keras": KerasNet}
"""The networks by the name of the required module."""


def choose(wanted: Sequence[str] | None) -> list[type[TorchNet] | type[KerasNet]]:
    """Return the selected networks: none for ``("none",)``, all importable ones for None."""
    # TensorFlow, under Keras, reads these when imported: number of threads, and log level.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(pn.get_num_threads()))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if wanted is None:
        return [net for name, net in NETS.items() if is_installed(name)]
    found = inputs.choose("backprop_vs_keras", "against", {**NETS, "none": None}, wanted)
    missing = [name for name in NETS if NETS[name] in found and not is_installed(name)]
    if missing:
        raise ValueError(f"backprop_vs_keras: against names {missing[0]}, which is not installed")
    return [net for net in found if net is not None]


def is_installed(name: str) -> bool:
    """Return whether a module can be imported, including its dependencies."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
