"""Models as files and copies: arrays by name with the architecture as JSON, never a pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _core, losses, optimizers, schedules
from .formats import format_of, replacing
from .layers import Lambda, Layer
from .layers.stacking import all_layers
from .losses import FunctionLoss

if TYPE_CHECKING:
    from .model import Sequential

FORMAT = 1  # of the file: goes up when an older prelunet could not read it


def get_state(model: Sequential) -> dict[str, Any]:
    """Return a model as JSON values under "description" and arrays under their names.

    Arrays are copies: ``parameter/<name>`` and, of the optimizer, ``slot/<number>/<name>``.
    Metrics that are functions are kept under "functions", for copies in memory.
    """
    description: dict[str, Any] = {
        "format": FORMAT,
        "version": _core.__version__,
        "layers": [layer.config() for layer in model.layers],
        "input_shape": model.input_shape,
        "dtype": model.dtype,
        "seed": model.seed,
        "epochs_trained": model.epochs_trained,
        "metadata": model.metadata,
    }
    arrays: dict[str, npt.NDArray[Any]] = {}
    if model.input_shape is not None:
        arrays = {f"parameter/{name}": np.array(v) for name, v in model.parameters().items()}
    if model._optimizer is not None and model._loss is not None and model._schedule is not None:
        description["optimizer"] = model._optimizer.config()
        description["loss"] = model._loss.config()
        description["schedule"] = model._schedule.config()
        description["clip_delta"] = model._clip_delta
        description["metrics"] = [name for name, f in model._metrics.items() if f is None]
        if model.input_shape is not None:
            description["steps"] = model._network.steps
            for number, slot in enumerate(model._network.slots()):
                for name, values in zip(model._names, slot, strict=True):
                    arrays[f"slot/{number}/{name}"] = np.array(values)
    functions = [f for f in model._metrics.values() if f is not None]
    return {"description": description, "arrays": arrays, "functions": functions}


def set_state(model: Sequential, state: dict[str, Any]) -> None:
    """Make `model` anew from what `get_state` returned.

    Raises
    ------
    ValueError
        If a tensor is missing, too many, or of another shape.
    """
    from .model import Sequential

    description, arrays = state["description"], dict(state["arrays"])
    shape = description["input_shape"]
    layers = [Layer.from_config(config) for config in description["layers"]]
    Sequential.__init__(  # a subclass may have a constructor of its own
        model, layers, input_shape=shape, dtype=description["dtype"], seed=description["seed"]
    )
    model.metadata = dict(description["metadata"])
    model.epochs_trained = int(description["epochs_trained"])
    if "optimizer" in description:
        model.compile(
            optimizers.Optimizer.from_config(description["optimizer"]),
            losses.Loss.from_config(description["loss"]),
            [*description["metrics"], *state.get("functions", [])],
            clip_delta=description.get("clip_delta"),
        )
        model._schedule = schedules.Schedule.from_config(description["schedule"])
    if shape is None:
        return
    targets: dict[str, npt.NDArray[Any]] = {}
    if "optimizer" in description:
        model._network.steps = int(description["steps"])
        for number, slot in enumerate(model._network.slots()):
            for name, view in zip(model._names, slot, strict=True):
                targets[f"slot/{number}/{name}"] = view
    expected = {f"parameter/{name}": v for name, v in model.parameters().items()} | targets
    _check_tensors(arrays, expected)
    model.set_parameters({name: arrays[f"parameter/{name}"] for name in model._names})
    for key, view in targets.items():
        view[...] = arrays[key]


def _check_tensors(
    arrays: dict[str, npt.NDArray[Any]], expected: dict[str, npt.NDArray[Any]]
) -> None:
    for key, view in expected.items():
        if key not in arrays:
            raise ValueError(f"tensor {key!r} is missing")
        if arrays[key].shape != view.shape or arrays[key].dtype != view.dtype:
            raise ValueError(
                f"tensor {key!r} must have shape {view.shape} and dtype {view.dtype}, "
                f"got {arrays[key].shape} and {arrays[key].dtype}"
            )
    for key in arrays:
        if key not in expected:
            raise ValueError(f"tensor {key!r} is not one of this model's")


def save(model: Sequential, path: str | os.PathLike[str], metadata: Mapping[str, Any]) -> None:
    """Write `model` to a file; see `Sequential.save`."""
    target, file_format = format_of("save", path)
    if not isinstance(metadata, Mapping):
        raise TypeError(f"save: metadata must be a mapping, got {metadata!r}")
    for name, layer in all_layers(model.layers):
        if isinstance(layer, Lambda):
            raise TypeError(f"save: layer {name} is a Lambda, whose functions no file can hold")
    state = get_state(model)
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
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"load: {source} is damaged or incomplete: {error}") from error
    return model
