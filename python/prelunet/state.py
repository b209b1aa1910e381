"""Conversion of an engine's training state to JSON values and arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ._core import __version__
from ._validation import choice, integer
from .dtypes import ORDERS
from .engine import Engine, checked_shape
from .layers.stacking import parameter_shapes, specifications
from .schedules import Schedule
from .serialization import FORMAT, State

Array = npt.NDArray[Any]

_LARGEST_COUNT = 2**62  # of epochs and steps, which the core stores as 64-bit integers


def get_state(engine: Engine, operation: str, metadata: Mapping[str, Any]) -> State:
    """Return the state of an engine and its model's metadata.

    Raises a RuntimeError while another thread trains or changes the model, as the state would be
    inconsistent.
    """
    with engine.building():  # waits for another thread's build
        while True:
            moment = engine.moment()
            found, arrays = progress(engine, operation)
            if engine.shows_averages:
                _end_averages(engine, arrays)
            description = {"format": FORMAT, "version": __version__, "metadata": metadata}
            description |= describe(engine) | found
            functions = [] if engine.compiled is None else engine.compiled.metric_functions.values()
            if engine.moment() == moment:
                return {"description": description, "arrays": arrays, "functions": [*functions]}


def describe(engine: Engine) -> dict[str, Any]:
    """Return the layers, the seed and the training settings, which training does not change."""
    description: dict[str, Any] = {
        "layers": [layer.config() for layer in engine.layers],
        "input_shape": engine.input_shape,
        "dtype": engine.dtype,
        "seed": engine.seed,
    }
    return description | ({} if engine.compiled is None else engine.compiled.describe())


def progress(engine: Engine, operation: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what training changes: counts and schedule as JSON values, copies of arrays by name.

    The arrays are ``parameter/<name>`` and, for the optimizer, ``slot/<number>/<name>``. There are
    no arrays before the engine is built, and no slots before `compile`.
    """
    arrays: dict[str, Array] = {}
    steps = 0
    if engine.is_built:
        values, slots, steps = engine.core.state(operation)
        groups = {"parameter": values} | {f"slot/{n}": slot for n, slot in enumerate(slots)}
        for group, copies in groups.items():
            named = zip(engine.names, copies, strict=True)
            arrays |= {f"{group}/{name}": copy for name, copy in named}
    found: dict[str, Any] = {"epochs_trained": engine.epochs_trained}
    if engine.compiled is not None:
        found |= {"schedule": engine.compiled.schedule.config(), "steps": steps}
    if engine.bfloat16_order is not None:
        found["bfloat16_order"] = engine.bfloat16_order
    return found, arrays


def _end_averages(engine: Engine, arrays: dict[str, Array]) -> None:
    """Set the averages to the parameters, which are the averages, as at the end of `fit`."""
    last = engine.core.slot_count - 1  # the slot of the averages
    for name, info in engine.infos().items():
        if info["trainable"]:
            arrays[f"slot/{last}/{name}"] = arrays[f"parameter/{name}"].copy()


class Progress:
    """A result of `progress`, checked against an engine that only `restore` changes.

    The engine must be built and compiled with the same settings. Raises a KeyError, TypeError or
    ValueError if a value or a tensor is missing or invalid, or a tensor is unknown.
    """

    def __init__(
        self, engine: Engine, found: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> None:
        self._engine = engine
        self._epochs = _count("epochs_trained", found["epochs_trained"])
        self._compiled, self._steps = engine.compiled, 0
        if engine.compiled is not None:
            if found["schedule"] is not None:  # None: a function, which no file holds
                schedule = Schedule.from_config(found["schedule"])
                self._compiled = replace(engine.compiled, schedule=schedule)
            self._steps = _count("steps", found["steps"])
        order = found.get("bfloat16_order")
        self._order = None if order is None else choice("the file", "bfloat16_order", order, ORDERS)
        infos = engine.infos() if engine.is_built else {}
        slots = engine.core.slot_count if engine.is_built else 0
        groups = ["parameter", *(f"slot/{number}" for number in range(slots))]
        shapes = {f"{group}/{n}": infos[n]["shape"] for group in groups for n in infos}
        _check_tensors(arrays, shapes, engine.variable_dtype)
        for key in arrays:
            if key not in shapes:
                raise ValueError(f"tensor {key!r} is not one of this model's")
        self._parameters, *self._slots = (
            engine.by_place({name: arrays[f"{group}/{name}"] for name in infos}) for group in groups
        )

    def restore(self, operation: str) -> None:
        """Restore the engine to this state."""
        engine = self._engine
        with engine.holding(operation):
            if engine.is_built:
                engine.core.restore(operation, self._parameters, self._slots, self._steps)
            engine.compiled = self._compiled
            engine.epochs_trained = self._epochs
            engine.restored_order = (self._steps, self._order)


def build(engine: Engine, input_shape: Sequence[int], arrays: Mapping[str, Array]) -> None:
    """Build an engine whose parameters are among `arrays`, which `Progress` restores.

    Raises
    ------
    TypeError, ValueError
        If a parameter is missing or has another shape. Then no memory is allocated: a file cannot
        demand more than it holds.
    """
    sample = checked_shape(input_shape)
    for name, _, shape in parameter_shapes(engine.layers, sample):
        _check_tensors(arrays, {f"parameter/{name}": shape}, engine.variable_dtype)
    engine.build(sample, draw=False)


def fingerprint(engine: Engine) -> str:
    """Return a hash of an engine's layers, dtype and parameters; see `Saving.fingerprint`."""
    import hashlib  # imported here: they take a tenth of the import time of this package
    import json

    found = hashlib.sha256()
    values = engine.copies("fingerprint")
    head = [engine.input_shape, engine.dtype, specifications(engine.layers)]
    if engine.bfloat16_order is not None:
        head.append(engine.bfloat16_order)
    found.update(json.dumps(head, sort_keys=True, default=np.ndarray.tolist).encode())
    for name, array in values.items():
        array[np.isnan(array)] = np.nan
        found.update(f"{name}{array.shape}".encode())
        found.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return found.hexdigest()[:16]


def _count(name: str, value: object) -> int:
    return integer("the file", name, value, minimum=0, maximum=_LARGEST_COUNT)


def _check_tensors(
    arrays: Mapping[str, Array], shapes: Mapping[str, Sequence[int]], dtype: str
) -> None:
    for key, shape in shapes.items():
        if key not in arrays:
            raise ValueError(f"tensor {key!r} is missing")
        if arrays[key].shape != shape or arrays[key].dtype != np.dtype(dtype):
            raise ValueError(
                f"tensor {key!r} must have shape {shape} and dtype {dtype}, "
                f"got {arrays[key].shape} and {arrays[key].dtype}"
            )
