"""One network; one of its sizes varies at a time."""

from __future__ import annotations

from collections.abc import Mapping

from .networks import Network, dense
from .steps import StepCase

BATCH, WIDTH, DEPTH = 128, 256, 2
BATCHES = (1, 4, 16, 64, 256, 1024)
WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
DEPTHS = (1, 2, 4, 8, 16)
ROWS = (500, 2_000, 8_000, 32_000)


def _case(
    axis: str, value: int, *, batch: int = BATCH, width: int = WIDTH, depth: int = DEPTH
) -> StepCase:
    """Return the case; on the axis of rows, a full batch."""
    steps = 1 if axis == "rows" else max(4, min(64, 8192 // batch))
    return StepCase(
        f"{axis} {value}",
        f"784-{depth}x{width}-10, channel PReLU, batch {batch}, SGD",
        Network((784,), dense(*[width] * depth, 10, activation="prelu_channel")),
        *("softmax_cross_entropy", "sgd", 1e-3, steps * batch, batch),
    )


SCALING: Mapping[str, Mapping[int, StepCase]] = {
    "batch": {n: _case("batch", n, batch=n) for n in BATCHES},
    "width": {n: _case("width", n, width=n) for n in WIDTHS},
    "depth": {n: _case("depth", n, depth=n) for n in DEPTHS},
    "rows": {n: _case("rows", n, batch=n) for n in ROWS},
}
"""Cases by axis and value."""

THREADS_CASE = SCALING["batch"][256]
"""Cases measured with one thread, two, and so on."""

SCALING_CASES: Mapping[str, StepCase] = {
    case.name: case for cases in SCALING.values() for case in cases.values()
}
"""Scaling cases by name."""
