"""Models as files and copies: arrays by name with the architecture as JSON, never a pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _core, losses, optimizers, schedules
from ._validation import integer
from .formats import format_of, replacing
from .layers import Lambda, Layer
from .layers.stacking import all_layers
from .losses import FunctionLoss

if TYPE_CHECKING:
    from .model import Sequential

FORMAT = 1  # of the file: goes up when an older prelunet could not read it

# What the values in a file raise where they are read, if they are missing or of another kind.
UNFIT = (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError)

_LARGEST_COUNT = 2**62  # of epochs and steps: the engine counts on from it in 64 bits


def get_state(model: Sequential, operation: str) -> dict[str, Any]:
    """Return a model as JSON values under "description" and arrays under their names.

    Metrics that are functions are kept under "functions", for copies in memory.

    Raises
    ------
    RuntimeError
        If another thread trains or changes the model: all belongs to one moment.
    """
    while True:
        network, turns = model._network, _turns(model)
        found, arrays = progress(model, operation)
        description = {"format": FORMAT, "version": _core.__version__, "metadata": model.metadata}
        description |= describe(model) | found
        functions = [f for f in model._metrics.values() if f is not None]
        if model._network is network and _turns(model) == turns:
            return {"description": description, "arrays": arrays, "functions": functions}


def _turns(model: Sequential) -> int:
    """Return a number that is another one after settings or epochs of a built model changed."""
    return 0 if model._network is None else int(model._network.turns)


def describe(model: Sequential) -> dict[str, Any]:
    """Return what a model is and how it is compiled, whatever it has learned: JSON values."""
    description: dict[str, Any] = {
        "layers": [layer.config() for layer in model.layers],
        "input_shape": model.input_shape,
        "dtype": model.dtype,
        "seed": model.seed,
    }
    if model._optimizer is not None and model._loss is not None:
        description["optimizer"] = model._optimizer.config()
        description["loss"] = model._loss.config()
        description["clip_delta"] = model._clip_delta
        description["metrics"] = [name for name, f in model._metrics.items() if f is None]
    return description


def progress(
    model: Sequential, operation: str
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return how far a model is trained: JSON values, and copies of arrays by name.

    These are ``parameter/<name>`` and, of the optimizer, ``slot/<number>/<name>``; none before the
    model is built.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}
    network, steps = model._network, 0
    if network is not None:
        values, slots, steps = network.state(operation)
        groups = {"parameter": values} | {f"slot/{n}": slot for n, slot in enumerate(slots)}
        for group, copies in groups.items():
            named = zip(model._names, copies, strict=True)
            arrays |= {f"{group}/{name}": copy for name, copy in named}
    found: dict[str, Any] = {"epochs_trained": model.epochs_trained}
    if model._schedule is not None:
        found |= {"schedule": model._schedule.config(), "steps": steps}
    return found, arrays


def set_state(model: Sequential, state: dict[str, Any]) -> None:
    """Make `model` anew from what `get_state` returned.

    Raises
    ------
    ValueError
        If a tensor is missing, too many, or of another shape.
    """
    from .model import Sequential

    description = state["description"]
    layers = [Layer.from_config(config) for config in description["layers"]]
    Sequential.__init__(  # a subclass may have a constructor of its own
        model,
        layers,
        input_shape=description["input_shape"],
        dtype=description["dtype"],
        seed=description["seed"],
    )
    model.metadata = dict(description["metadata"])
    if "optimizer" in description:
        model.compile(
            optimizers.Optimizer.from_config(description["optimizer"]),
            losses.Loss.from_config(description["loss"]),
            [*description["metrics"], *state.get("functions", [])],
            clip_delta=description.get("clip_delta"),
        )
    Progress(model, description, state["arrays"]).restore("load")


class Progress:
    """How far a model was trained, as `progress` gave it, checked for `model`.

    Parameters
    ----------
    model : Sequential
        Compiled as it was; nothing of it changes before `restore`.
    found : mapping
        JSON values.
    arrays : mapping of str to ndarray

    Raises
    ------
    KeyError, TypeError, ValueError
        If a value or a tensor is missing or not what it must be, or there are too many tensors.
    """

    def __init__(
        self, model: Sequential, found: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        self._model = model
        self._epochs = _count("epochs_trained", found["epochs_trained"])
        self._schedule: schedules.Schedule | None = None
        self._steps = 0
        if model._optimizer is not None:
            self._schedule = schedules.Schedule.from_config(_mapping("schedule", found["schedule"]))
            self._steps = _count("steps", found["steps"])
        network = model._network
        infos = [] if network is None else network.parameters()
        shapes = {n: info["shape"] for n, info in zip(model._names, infos, strict=True)}
        slots = 0 if network is None else network.slot_count
        groups = ["parameter", *(f"slot/{number}" for number in range(slots))]
        _check_tensors(
            arrays, {f"{group}/{n}": s for group in groups for n, s in shapes.items()}, model.dtype
        )
        self._parameters, *self._slots = (
            model._by_place({name: arrays[f"{group}/{name}"] for name in shapes})
            for group in groups
        )

    def restore(self, operation: str) -> None:
        """Put it back into the model.

        Raises
        ------
        RuntimeError
            If another thread uses the model; nothing has changed then.
        """
        network = self._model._network
        with nullcontext() if network is None else network.holding(operation):
            if network is not None:
                network.restore(operation, self._parameters, self._slots, self._steps)
            self._model._schedule = self._schedule
            self._model.epochs_trained = self._epochs


def _count(name: str, value: object) -> int:
    return integer("the file", name, value, minimum=0, maximum=_LARGEST_COUNT)


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping, got {value!r}")
    return value


def _check_tensors(
    arrays: Mapping[str, npt.NDArray[Any]], shapes: Mapping[str, tuple[int, ...]], dtype: str
) -> None:
    for key, shape in shapes.items():
        if key not in arrays:
            raise ValueError(f"tensor {key!r} is missing")
        if arrays[key].shape != shape or arrays[key].dtype != np.dtype(dtype):
            raise ValueError(
                f"tensor {key!r} must have shape {shape} and dtype {dtype}, "
                f"got {arrays[key].shape} and {arrays[key].dtype}"
            )
    for key in arrays:
        if key not in shapes:
            raise ValueError(f"tensor {key!r} is not one of this model's")


def save(model: Sequential, path: str | os.PathLike[str], metadata: Mapping[str, Any]) -> None:
    """Write `model` to a file; see `Sequential.save`."""
    target, file_format = format_of("save", path)
    if not isinstance(metadata, Mapping):
        raise TypeError(f"save: metadata must be a mapping, got {metadata!r}")
    for name, layer in all_layers(model.layers):
        if isinstance(layer, Lambda):
            raise TypeError(f"save: layer {name} is a Lambda, whose functions no file can hold")
    state = get_state(model, "save")
    if isinstance(model._loss, FunctionLoss):
        _leave_out_training(state)
    try:
        text = json.dumps({**state["description"], "metadata": dict(metadata)}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"save: metadata must hold JSON values only: {error}") from error
    with replacing(target) as stream:
        file_format.write(stream, text, state["arrays"])


def _leave_out_training(state: dict[str, Any]) -> None:
    """Take out what belongs to a loss that no file can hold."""
    for key in ("optimizer", "loss", "schedule", "clip_delta", "metrics", "steps"):
        state["description"].pop(key, None)
    kept = {key: v for key, v in state["arrays"].items() if not key.startswith("slot/")}
    state["arrays"] = kept


def load(path: str | os.PathLike[str]) -> Sequential:
    """Read a model that `Sequential.save` wrote, compiled as it was.

    Metrics that were functions are not in the file; compile again to have them.

    Parameters
    ----------
    path : path-like
        Ends in ``.npz`` or ``.safetensors``.

    Returns
    -------
    Sequential

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not a model of prelunet, of a later format, damaged or incomplete.
    ImportError
        If the file is a safetensors and that package is not installed.
    """
    from .model import Sequential

    source, file_format = format_of("load", path)
    with open(source, "rb") as stream:
        try:
            text, arrays = file_format.read(stream)
            description = json.loads(text)
            version = description["format"]
        except Exception as error:  # the readers of formats and JSON have many ways to say it
            raise ValueError(
                f"load: {source} is not a model of prelunet, or is damaged: {error}"
            ) from error
    if version != FORMAT:
        raise ValueError(
            f"load: {source} has format {version} (prelunet {description.get('version')}); "
            f"this is prelunet {_core.__version__}, which reads format {FORMAT}"
        )
    model = Sequential.__new__(Sequential)
    try:
        set_state(model, {"description": description, "arrays": arrays})
    except UNFIT as error:
        raise ValueError(f"load: {source} is damaged or incomplete: {error}") from error
    return model
