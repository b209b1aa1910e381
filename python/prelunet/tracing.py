"""Every number between a model's input and its loss, by name: `Sequential.trace`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .building import NETWORKS, new_tape
from .function_data import hold
from .layers.stacking import all_layers, specifications
from .optimizers import SGD
from .steps import compile_network

if TYPE_CHECKING:
    from .model import Sequential

Array = npt.NDArray[Any]


def trace(
    model: Sequential,
    X: npt.ArrayLike,
    y: npt.ArrayLike | None,
    sample_weight: npt.ArrayLike | None,
) -> dict[str, Array]:
    """Return what `Sequential.trace` says: the engine's steps, one for each layer, on all rows."""
    data, targets = None, None
    if y is None:
        if sample_weight is not None:
            raise ValueError("trace: sample_weight must be None where y is")
        with model._unbuilt_again_on_error():
            rows = model._rows("trace", X)
    else:
        data = hold(model, "trace", X, y, sample_weight)
        rows = data.rows
        targets = data.targets
    training = data is not None
    tape = new_tape(_unfused(model), "trace", rows, targets, training=training)
    if data is not None:
        data.backward(tape)
    return _by_name(model, tape.steps(gradients=y is not None))


def _unfused(model: Sequential) -> Any:
    """Return a copy of the engine in which each layer is a step of its own: the same bits."""
    assert model.input_shape is not None
    network = NETWORKS[model.dtype](
        model.input_shape, specifications(model.layers), model.seed, fuse=False
    )
    values, taken = model._state("trace")
    network.write_parameters({i: v[np.newaxis] for i, v in enumerate(values)})
    if model._loss is not None:
        compile_network(network, SGD(), model._loss, clip_delta=None)
    network.steps = taken  # dropout's
    return network


def _by_name(model: Sequential, steps: list[tuple[Array, Array | None]]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    following = iter(steps)
    for name, layer in all_layers(model.layers):
        own = [next(following) for spec in layer.specifications() if spec["type"] != "flatten"]
        if not own:
            continue
        (z, delta), (a, _) = own[0], own[-1]
        found |= {f"{name}.z": z, f"{name}.a": a}
        if delta is not None:
            found[f"{name}.delta"] = delta
    return found
