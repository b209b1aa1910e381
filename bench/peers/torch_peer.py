"""PyTorch, eager and compiled."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ..cases.networks import MIXED, POOL, Array, ConvSpec, LayerSpec, Network, Shape
from ..cases.predictions import PredictCase
from ..cases.steps import StepCase
from . import Peer, Training, UnsupportedError


class Eager(Peer):
    """Modules, autograd and a fused optimizer; batches are views of one tensor."""

    compiled = False

    def __init__(self) -> None:
        self.torch: Any = importlib.import_module("torch")
        self.torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

    def versions(self) -> dict[str, str]:
        """Return the version of torch."""
        return {"torch": str(self.torch.__version__)}

    def training(self, case: StepCase) -> Training:
        """Build the module and its optimizer."""
        return TorchTraining(self.torch, case, compiled=self.compiled)

    def prediction(self, case: PredictCase) -> Callable[[], Array]:
        """Return a forward pass without autograd that takes rows as a NumPy array."""
        torch, X = self.torch, case.data()
        module = build(torch, case.network)
        run = torch.compile(module, dynamic=False) if self.compiled else module
        mixed = case.network.dtype == MIXED

        def predict() -> Array:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                outputs: Array = run(torch.from_numpy(X)).float().numpy()
            return outputs

        return predict


class Compiled(Eager):
    """The same, with forward, loss and backward compiled by ``torch.compile``."""

    compiled = True


class TorchTraining:
    """A module with its optimizer and data."""

    def __init__(self, torch: Any, case: StepCase, *, compiled: bool) -> None:
        if case.input_dtype is not None or case.shuffle:
            raise UnsupportedError("measured only without shuffling and in the network's dtype")
        self.case = case
        X, y = map(torch.from_numpy, case.data())
        X = channels_second(X)
        self.batches = list(zip(X.split(case.batch), y.split(case.batch), strict=True))
        self.module = build(torch, case.network)
        # One fused kernel for all parameters: the fastest of torch's three implementations.
        kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[case.optimizer]
        self.optimizer = kind(self.module.parameters(), lr=case.learning_rate, fused=True)
        loss = loss_function(torch, case)

        # The backward pass uses the dtypes of the forward pass, so it needs no autocast.
        def forward(x: Any, y: Any) -> Any:
            with torch.autocast("cpu", torch.bfloat16, enabled=case.network.dtype == MIXED):
                return loss(self.module(x), y)

        self.forward = torch.compile(forward, dynamic=False) if compiled else forward

    def train(self, passes: int) -> None:
        """Use the batches in the order of the data."""
        for _ in range(passes):
            for x, y in self.batches:
                self.optimizer.zero_grad(set_to_none=True)
                self.forward(x, y).backward()
                self.optimizer.step()

    def parameters(self) -> list[Array]:
        """Return copies, channels last."""
        found = (p.detach().numpy() for p in self.module.parameters())
        return [(np.moveaxis(p, 1, -1) if p.ndim == 4 else p).copy("C") for p in found]


def channels_second(images: Any) -> Any:
    """Return a view of images or filters in torch's axis order; other arrays unchanged."""
    return images.permute(0, 3, 1, 2) if images.ndim == 4 else images


def loss_function(torch: Any, case: StepCase) -> Callable[[Any, Any], Any]:
    """Return the loss as a function of (outputs, y)."""
    functional = torch.nn.functional
    if case.loss == "softmax_cross_entropy":
        return lambda outputs, y: functional.cross_entropy(outputs, y)
    factor = 0.5 if case.loss == "half_squared_error" else 1 / case.batch
    return lambda outputs, y: functional.mse_loss(outputs, y, reduction="sum") * factor


def build(torch: Any, network: Network) -> Any:
    """Return the module with the initial parameters."""
    nn = torch.nn

    class Residual(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any, step: float) -> None:
            super().__init__()
            self.inner = inner
            self.step = step

        def forward(self, x: Any) -> Any:
            return torch.add(x, self.inner(x), alpha=self.step)

    class Flatten(nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return x.permute(0, 2, 3, 1).flatten(1)  # channels last, as stored

    def layer(spec: LayerSpec, shape: Shape) -> Any:
        if isinstance(spec, ConvSpec):
            parts = [nn.Conv2d(shape[-1], spec.units, spec.kernel, padding="same")]
        else:
            parts = [Flatten()] if len(shape) > 1 else []
            parts.append(nn.Linear(math.prod(shape), spec.units))
        if spec.activation in ("prelu_channel", "prelu_shared"):
            parts.append(nn.PReLU(spec.units if spec.activation == "prelu_channel" else 1))
        elif spec.activation is not None:
            parts.append(
                {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}[spec.activation]()
            )
        if isinstance(spec, ConvSpec):
            parts.append(nn.MaxPool2d(POOL))
        if spec.dropout:
            parts.append(nn.Dropout(spec.dropout))
        made = nn.Sequential(*parts)
        return Residual(made, spec.residual) if spec.residual else made

    layers = map(layer, network.layers, network.shapes)
    # Both layouts are equally fast in W6; channels last needs no copy to flatten.
    dtype, layout = getattr(torch, network.variable_dtype), torch.channels_last
    module = nn.Sequential(*layers).to(dtype=dtype, memory_format=layout)
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), network.parameters(), strict=True):
            parameter.copy_(channels_second(torch.from_numpy(value)))
    return module
