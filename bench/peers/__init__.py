"""Implementations of the cases, one module per library, imported only in that peer's process."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Protocol

from ..cases.kernels import KernelCase
from ..cases.networks import MIXED, Array, Network
from ..cases.predictions import PredictCase
from ..cases.steps import StepCase

Kernel = Callable[[], tuple[Array, ...]]


class UnsupportedError(Exception):
    """The library does not support the case; the message gives the reason."""


def refuse_bfloat16(network: Network) -> None:
    """Raise if the network needs products of bfloat16 operands, which the library lacks on CPUs."""
    if network.dtype == MIXED:
        raise UnsupportedError("no products of bfloat16 operands")


class Training(Protocol):
    """A network during training."""

    def train(self, passes: int) -> None:
        """Train for a number of passes over the data, synchronously."""

    def parameters(self) -> list[Array]:
        """Return the parameters in the order and shapes of `Network.parameters`."""


class Peer(ABC):
    """The operations of a library. Methods raise `UnsupportedError` if it lacks an operation."""

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return the versions that affect speed."""

    @abstractmethod
    def training(self, case: StepCase) -> Training:
        """Create the network of the case with its initial parameters and its data."""

    @abstractmethod
    def prediction(self, case: PredictCase) -> Callable[[], Array]:
        """Return a function that predicts the rows of the case."""

    def kernel(self, case: KernelCase) -> Kernel:
        """Return a function that runs one kernel and returns its output."""
        raise UnsupportedError("single kernels are measured against NumPy alone")

    def stand_in(self, case: StepCase | PredictCase) -> str | None:
        """Return a description of the substitute, if the answer cannot be compared; else None."""
        return None


@dataclass(frozen=True)
class PeerSpec:
    """The location and requirements of a peer."""

    name: str
    title: str
    module: str  # in this package
    factory: str  # the module's class or function that creates the peer
    needs: tuple[str, ...] = ()  # required distributions

    def installed(self) -> bool:
        """Return whether all required distributions are installed."""
        return all(version_of(name) is not None for name in self.needs)

    def make(self) -> Peer:
        """Import the module and create the peer."""
        module = importlib.import_module(f".{self.module}", __package__)
        made: Peer = getattr(module, self.factory)()
        return made


OURS = "prelunet"
PRODUCTS = "products"

PEERS: Mapping[str, PeerSpec] = {
    spec.name: spec
    for spec in (
        PeerSpec(OURS, "prelunet", "ours", "Prelunet"),
        PeerSpec("numpy", "NumPy", "numpy_peer", "NumPy"),
        PeerSpec(PRODUCTS, "products", "products", "Products"),
        PeerSpec("jax-loop", "JAX loop", "jax_peer", "JaxLoop", ("jax",)),
        PeerSpec("jax", "JAX", "jax_peer", "JaxSteps", ("jax",)),
        PeerSpec("torch", "PyTorch", "torch_peer", "Eager", ("torch",)),
        PeerSpec("torch-compile", "torch.compile", "torch_peer", "Compiled", ("torch",)),
        PeerSpec("keras", "Keras", "keras_peer", "Keras", ("keras", "tensorflow-cpu|tensorflow")),
        PeerSpec("sklearn", "sklearn", "sklearn_peer", "ScikitLearn", ("scikit-learn",)),
    )
}
"""The peers by name, prelunet first."""


def version_of(names: str) -> str | None:
    """Return the version of a distribution; for "this|that", of the first installed one."""
    for name in names.split("|"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
