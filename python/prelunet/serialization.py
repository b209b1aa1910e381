"""Model files, which contain a description as JSON and arrays by name, never a pickle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import numpy.typing as npt

from ._core import __version__
from ._files import reading, replacing
from .formats import format_of

FORMAT = 1  # of the file; incremented when older versions of prelunet cannot read it

_OF_TRAINING = ("optimizer", "loss", "schedule", "clip_delta", "metrics", "steps")


class State(TypedDict):
    """The state of a model: JSON values and arrays by name.

    `functions` are the metric functions, which copies in memory contain and files do not.
    `engine_steps` occurs in estimators pickled by earlier versions.
    """

    description: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]
    functions: NotRequired[list[Any]]
    engine_steps: NotRequired[int]


def without_training(state: State) -> State:
    """Return a state without optimizer and loss, since files cannot store a loss function."""
    description = {k: v for k, v in state["description"].items() if k not in _OF_TRAINING}
    arrays = {k: v for k, v in state["arrays"].items() if not k.startswith("slot/")}
    return {"description": description, "arrays": arrays}


def write(path: str | os.PathLike[str], state: State, metadata: Mapping[str, Any]) -> None:
    """Write a state to a file, with `metadata` replacing its own; see `Sequential.save`."""
    if not isinstance(metadata, Mapping):
        raise TypeError(f"save: metadata must be a mapping, got {metadata!r}")
    _write(path, {**state["description"], "metadata": dict(metadata)}, state["arrays"], "metadata")


def write_estimator(
    path: str | os.PathLike[str],
    description: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> None:
    """Write a fitted estimator, which `read` returns as ``state["description"]["estimator"]``."""
    whole = {"format": FORMAT, "version": __version__, "estimator": description}
    _write(path, whole, arrays, "the estimator")


def _write(
    path: str | os.PathLike[str],
    description: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
    part: str,
) -> None:
    """Write a file; `part` names the values that may be invalid, for messages."""
    import json  # imported here: takes a twentieth of the import time of this package

    target, file_format = format_of("save", path)
    try:
        text = json.dumps(description, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"save: {part} must hold JSON values only: {error}") from error
    with replacing(target) as stream:
        file_format.write(stream, text, arrays)


def read(path: str | os.PathLike[str]) -> tuple[str, State]:
    """Read a file of `write`; return its path as a string, and the state.

    Raises what `prelunet.load` raises.
    """
    import json  # imported here: takes a twentieth of the import time of this package

    source, file_format = format_of("load", path)
    with reading("load", source, "is not a model of prelunet, or is damaged") as stream:
        text, arrays = file_format.read(stream)
        description = json.loads(text)
        version = description["format"]
    if version != FORMAT:
        raise ValueError(
            f"load: {source} has format {version} (prelunet {description.get('version')}); "
            f"this is prelunet {__version__}, which reads format {FORMAT}"
        )
    return source, {"description": description, "arrays": arrays}
