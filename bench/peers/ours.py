"""prelunet, through its public API."""

from __future__ import annotations

from collections.abc import Callable

import prelunet as pn
from prelunet.optimizers import Optimizer

from ..cases.kernels import KernelCase
from ..cases.networks import POOL, Array, ConvSpec, LayerSpec, Network, Shape
from ..cases.predictions import PredictCase
from ..cases.steps import StepCase
from . import Kernel, Peer, Training
from .kernels_ours import kernel


class Prelunet(Peer):
    """Sequential models, trained with ``fit``."""

    def versions(self) -> dict[str, str]:
        """Return prelunet's version, instruction set and compiler."""
        config = pn.show_config(mode="dicts")
        return {key: str(config[key]) for key in ("version", "isa", "compiler")}

    def training(self, case: StepCase) -> Training:
        """Build, set the initial parameters, compile."""
        return PrelunetTraining(case)

    def prediction(self, case: PredictCase) -> Callable[[], Array]:
        """Return a function that calls ``model.predict``."""
        model, X = build(case.network), case.data()
        return lambda: model.predict(X)

    def kernel(self, case: KernelCase) -> Kernel:
        """Return the case's op on its arrays."""
        return kernel(case)


class PrelunetTraining:
    """A compiled model with its data."""

    def __init__(self, case: StepCase) -> None:
        self.case = case
        self.X, self.y = case.data()
        self.model = build(case.network, scaled=case.input_dtype is not None)
        optimizer = Optimizer.named()[case.optimizer]
        self.model.compile(optimizer(case.learning_rate), case.loss)

    def train(self, passes: int) -> None:
        """Call ``fit``."""
        self.model.fit(
            self.X,
            self.y,
            epochs=passes,
            batch_size=self.case.batch,
            shuffle=self.case.shuffle,
            verbose=False,
        )

    def parameters(self) -> list[Array]:
        """Return copies of the model's parameters."""
        return [value.copy() for value in self.model.parameters().values()]


def build(network: Network, *, scaled: bool = False) -> pn.Sequential:
    """Return the network with its initial parameters."""
    layers: list[pn.Layer] = [pn.Rescaling(1 / 255)] if scaled else []
    for spec, shape in zip(network.layers, network.shapes[:-1], strict=True):
        layers += _layers(spec, shape)
    model = pn.Sequential(layers, input_shape=network.input_shape, dtype=network.dtype, seed=0)
    names = list(model.parameters())
    model.set_parameters(dict(zip(names, network.parameters(), strict=True)))
    return model


def _layers(spec: LayerSpec, shape: Shape) -> list[pn.Layer]:
    found: list[pn.Layer]
    if isinstance(spec, ConvSpec):
        found = [pn.Conv2D(spec.units, spec.kernel, padding="same")]
    else:
        found = [*([pn.Flatten()] if len(shape) > 1 else []), pn.Dense(spec.units)]
    if spec.activation in ("prelu_channel", "prelu_shared"):
        found.append(pn.PReLU(spec.activation.removeprefix("prelu_")))
    elif spec.activation is not None:
        found.append(pn.Layer.named()[spec.activation]())
    if isinstance(spec, ConvSpec):
        found.append(pn.MaxPool2D(POOL))
    if spec.dropout:
        found.append(pn.Dropout(spec.dropout))
    if not spec.residual:
        return found
    return [pn.Residual(found, step=spec.residual)]
