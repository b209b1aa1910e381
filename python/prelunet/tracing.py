"""Implementation of `OpenLoop.trace`: all intermediate values from input to loss, by name."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from .engine import Engine
from .layers.stacking import all_layers
from .training import prepare

Array = npt.NDArray[Any]


def trace(
    engine: Engine,
    X: npt.ArrayLike,
    y: npt.ArrayLike | None,
    sample_weight: npt.ArrayLike | None,
) -> dict[str, Array]:
    """Run all rows through a copy of the engine in which every layer is a separate step."""
    if y is None:
        if sample_weight is not None:
            raise ValueError("trace: sample_weight must be None where y is")
        with engine.building():
            rows = engine.rows("trace", X)
        tape = engine.copy("trace", fuse=False).tape("trace", rows, training=False)
        return _by_name(engine, tape.stages(gradients=False))
    data = prepare(engine, "trace", X, y, sample_weight)
    unfused = engine.copy("trace", fuse=False)
    tape = unfused.tape("trace", data.rows, data.targets, training=True)
    data.backward(tape)
    return _by_name(engine, tape.stages(gradients=True))


def _by_name(engine: Engine, steps: list[tuple[Array, Array | None]]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    following = iter(steps)
    for name, layer in all_layers(engine.layers):
        own = [next(following) for spec in layer.specifications() if spec["type"] != "flatten"]
        if not own:
            continue
        (z, delta), (a, _) = own[0], own[-1]
        found |= {f"{name}.z": z, f"{name}.a": a}
        if delta is not None:
            found[f"{name}.delta"] = delta
    return found
