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

    Metrics that are functions are kept under "functions", for copies in memory.
    """
    description = {"format": FORMAT, "version": _core.__version__, "metadata": model.metadata}
    description |= describe(model) | progress(model)
    functions = [f for f in model._metrics.values() if f is not None]
    return {"description": description, "arrays": tensors(model), "functions": functions}


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


def progress(model: Sequential) -> dict[str, Any]:
    """Return, as JSON values, how far a model is trained and at what rate it goes on."""
    found: dict[str, Any] = {"epochs_trained": model.epochs_trained}
    if model._schedule is not None:
        found |= {"schedule": model._schedule.config(), "steps": model.steps_trained}
    return found


def tensors(model: Sequential) -> dict[str, npt.NDArray[Any]]:
    """Return copies of ``parameter/<name>`` and, of the optimizer, ``slot/<number>/<name>``."""
    return {name: np.array(values) for name, values in _views(model).items()}


def _views(model: Sequential) -> dict[str, npt.NDArray[Any]]:
    """Return what `tensors` copies: none before the model is built, no slots before `compile`."""
    if model.input_shape is None:
        return {}
    views = {f"parameter/{name}": values for name, values in model.parameters().items()}
    if model._optimizer is not None:
        for number, slot in enumerate(model._network.slots()):
            for name, values in zip(model._names, slot, strict=True):
                views[f"slot/{number}/{name}"] = values
    return views


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
    restore(model, description, state["arrays"])


def restore(
    model: Sequential, found: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Put back how far a model was trained, as `progress` and `tensors` gave it.

    Raises
    ------
    ValueError
        If a tensor is missing, too many, or of another shape; nothing has changed then.
    """
    views = _views(model)
    _check_tensors(arrays, views)
    model.epochs_trained = int(found["epochs_trained"])
    if model._optimizer is not None:
        model._schedule = schedules.Schedule.from_config(found["schedule"])
    if model.input_shape is None:
        return
    if model._optimizer is not None:
        model._network.steps = int(found["steps"])
    model.set_parameters({name: arrays[f"parameter/{name}"] for name in model._names})
    for name, view in views.items():
        if name.startswith("slot/"):
            view[...] = arrays[name]


def _check_tensors(
    arrays: Mapping[str, npt.NDArray[Any]], expected: Mapping[str, npt.NDArray[Any]]
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
