"""How each library does a case. One file a library; each is imported in its own process alone."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Protocol

from ..cases.kernels import KernelCase
from ..cases.networks import Array
from ..cases.predictions import PredictCase
from ..cases.steps import StepCase

Kernel = Callable[[], tuple[Array, ...]]


class UnsupportedError(Exception):
    """The library cannot do the case; the message says why."""


class Training(Protocol):
    """A network in training."""

    def train(self, passes: int) -> None:
        """Train over the data; return when it is done."""

    def parameters(self) -> list[Array]:
        """Return the parameters in the order and the shapes of `Network.parameters`."""


class Peer(ABC):
    """What a library can do. Each method raises `UnsupportedError` where the library cannot."""

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return the versions that its speed depends on."""

    @abstractmethod
    def training(self, case: StepCase) -> Training:
        """Make the network of the case, with its first parameters and its data."""

    @abstractmethod
    def prediction(self, case: PredictCase) -> Callable[[], Array]:
        """Make a function that predicts the rows of the case."""

    def kernel(self, case: KernelCase) -> Kernel:
        """Make a function that runs one kernel and returns what it wrote."""
        raise UnsupportedError("single kernels are measured against NumPy alone")

    def stand_in(self, case: StepCase | PredictCase) -> str | None:
        """Return what is done in place of the case, if its answer cannot be compared for that."""
        return None


@dataclass(frozen=True)
class PeerSpec:
    """Where a peer is found.

    Parameters
    ----------
    name, title : str
    module, factory : str
        The file of this package, and the class or function in it that makes the peer.
    needs : tuple of str
        Distributions that must be installed.
    """

    name: str
    title: str
    module: str
    factory: str
    needs: tuple[str, ...] = ()

    def installed(self) -> bool:
        """Return whether all it needs is there."""
        return all(version_of(name) is not None for name in self.needs)

    def make(self) -> Peer:
        """Import the library."""
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
    """Return the version of a distribution, or of the first installed among "this|that"."""
    for name in names.split("|"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
