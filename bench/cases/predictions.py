"""Predictions: one row, dominated by Python overhead, and many rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .networks import MIXED, Array, Network, dense


@dataclass(frozen=True)
class PredictCase:
    """A network and the number of rows per call."""

    name: str
    title: str
    network: Network
    rows: int
    target: float | None = None  # prelunet's target, as a fraction of the FMA ceiling

    @property
    def flops(self) -> float:
        """Operations of the matrix products."""
        return self.network.forward_flops(self.rows)

    def data(self) -> Array:
        """Generate the rows."""
        return self.network.inputs(self.rows)

    def for_check(self) -> PredictCase:
        """Return the case with few rows, for comparing answers."""
        return replace(self, rows=min(self.rows, 500))

    def in_float64(self) -> PredictCase:
        """Return the case as a float64 network with the same numbers."""
        return replace(self, network=replace(self.network, dtype="float64"))


P10K = PredictCase(
    "P10k",
    "10,000 rows through 784-6x400-10, channel PReLU",
    Network((784,), dense(*[400] * 6, 10, activation="prelu_channel")),
    rows=10_000,
    target=0.85,
)
PREDICTIONS: Mapping[str, PredictCase] = {
    case.name: case
    for case in (
        PredictCase(
            "P1",
            "one row through 784-128-10, ReLU",
            Network((784,), dense(128, 10, activation="relu")),
            rows=1,
        ),
        P10K,
        replace(
            P10K,
            name="P10k-bf16",
            title="P10k with products in bfloat16",
            network=replace(P10K.network, dtype=MIXED),
            target=None,
        ),
    )
}
"""The cases by name."""
