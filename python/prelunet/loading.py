"""`load`, which reads saved models and estimators."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import serialization
from ._files import naming
from .model import Sequential

if TYPE_CHECKING:
    from .estimators import TabularClassifier, TabularRegressor


def load(path: str | os.PathLike[str]) -> Sequential | TabularClassifier | TabularRegressor:
    """Load a model written by `Sequential.save`, or an estimator written by its `save`.

    A `Sequential` is compiled with the saved settings. Files do not contain metrics that are
    functions; compile again to restore them.

    Parameters
    ----------
    path : path-like
        Must end in ``.npz`` or ``.safetensors``.

    Returns
    -------
    Sequential, TabularClassifier or TabularRegressor

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file is not a prelunet model, has another format version, or is damaged.
    ImportError
        If the safetensors package, or scikit-learn for an estimator, is needed but not installed.
    """
    source, state = serialization.read(path)
    with naming("load", source, "is damaged or incomplete"):
        if "estimator" in state["description"]:
            from .estimators.tabular import of_state

            return of_state(state)
        model = Sequential.__new__(Sequential)
        model.__setstate__(state)
        return model


def load_sequential(path: str | os.PathLike[str]) -> Sequential:
    """Return the `Sequential` of a file.

    Raises
    ------
    ValueError
        As `load` does; and if the file contains an estimator.
    """
    found = load(path)
    if not isinstance(found, Sequential):
        raise ValueError(
            f"load: {os.fspath(path)} must contain a Sequential, got a {type(found).__name__}"
        )
    return found
