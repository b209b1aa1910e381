"""`Callback`, the base class of callbacks, and the protocols of the objects passed to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..engine import Engine
from ..history import History
from ..layers import Layer

Logs = Mapping[str, float]


class TrainedModel(Protocol):
    """The interface of the model for callbacks.

    Attributes
    ----------
    stop_training : bool
        Set to True to end training: immediately if set between steps (in `on_train_batch_end`,
        `on_steps` or `on_epoch_progress`), otherwise after the epoch. An epoch that ends early
        counts as an epoch and is validated.
    learning_rate : float
        The rate of the next update; setting it applies to all later updates.
    steps_trained : int
        Number of updates since the model was compiled, over all calls of `fit`.
    layers, input_shape, dtype
        As in `Sequential`. `input_shape` is not None during training.
    """

    stop_training: bool

    @property
    def learning_rate(self) -> float: ...  # noqa: D102
    @learning_rate.setter
    def learning_rate(self, value: float) -> None: ...
    @property
    def steps_trained(self) -> int: ...  # noqa: D102
    @property
    def layers(self) -> Sequence[Layer]: ...  # noqa: D102
    @property
    def input_shape(self) -> tuple[int, ...] | None: ...  # noqa: D102
    @property
    def dtype(self) -> str: ...  # noqa: D102

    def parameters(self) -> Mapping[str, npt.NDArray[Any]]:
        """Return read-only views of the parameters by name."""

    def set_parameters(self, parameters: Mapping[str, npt.NDArray[Any]]) -> None:
        """Set parameters by name."""

    def evaluate(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Mapping[str, float]:
        """Return the loss and the metrics of all rows."""

    def trace(self, X: npt.NDArray[Any]) -> Mapping[str, npt.NDArray[Any]]:
        """Return the intermediate values of each layer, by name."""


class Run(Protocol):
    """One call of `fit`, for callbacks that save or restore it.

    Attributes
    ----------
    engine : Engine
        The engine in training.
    history : History
        The epochs so far; training continues with the next one.
    callbacks : sequence of Callback
        All callbacks of the run.
    """

    engine: Engine
    history: History
    callbacks: Sequence[Callback]

    def settings(self) -> dict[str, Any] | None:
        """Return, as JSON values, the arguments of `fit` that affect its steps or history.

        None if the run cannot be restored.
        """

    def get_state(self) -> dict[str, Any]:
        """Return the state of the run, except engine and callbacks, as JSON values and arrays."""

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state of `get_state`; after an error the run is unchanged."""


class Callback:
    """Base class of callbacks, whose methods `fit` calls during training; they do nothing.

    Subclasses override methods, which have the names and arguments of those in Keras. Epochs and
    batches count from 0. `logs` contains the losses and metrics available at the time. Methods that
    are not overridden are not called. Without overridden batch methods and `on_epoch_progress`, an
    epoch is a single call into C++, which only `on_steps` interrupts.

    Attributes
    ----------
    model : Sequential
        The model in training.
    params : mapping
        Settings of the run: ``"epochs"``, their total number; ``"steps"``, the number of updates
        per epoch; and ``"validation_freq"``, the number of epochs per validation.
    steps_between : int or None
        Number of updates between calls of `on_steps`, set before training; None disables the calls.
        The updates between calls run in C++ without interruption.
    """

    model: TrainedModel
    params: Mapping[str, Any] = MappingProxyType({})
    steps_between: int | None = None

    def set_model(self, model: TrainedModel) -> None:
        """Set the model; called once, before all other methods."""
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Set `params`; called once, before training begins."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Run when training begins."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Run when training ends, early or not."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Run when an epoch begins."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Run after an epoch and its validation; `logs` is added to the history."""

    def on_epoch_progress(self, done: int, total: int, logs: Logs | None = None) -> None:
        """Run after `done` of an epoch's `total` updates, about ten times a second."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before an update."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after an update; `logs` has the loss and metrics of the epoch so far."""

    def on_steps(self, steps: int, logs: Logs | None = None) -> None:
        """Run after `steps` updates, a multiple of `steps_between`.

        Updates are counted over successive calls of `fit`. `logs` has the loss and metrics of the
        updates since the last call of this method in the same `fit`.
        """

    def close(self) -> None:
        """Release resources, such as a progress bar; called last, even if training fails."""

    def get_state(self) -> dict[str, Any]:
        """Return the state that a checkpoint stores, as JSON values and arrays."""
        return {}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state of `get_state`; called after every callback's `on_train_begin`.

        A callback that had ended training must set `stop_training` again. An error ends `fit` and
        restores the model and all callbacks to their state before the checkpoint was read.
        """

    def restore_run(self, run: Run) -> None:
        """Restore a saved run; called after every callback's `on_train_begin`."""

    def keep_run(self, run: Run) -> None:
        """Save a run after an epoch; called after every callback's `on_epoch_end`."""


def overrides(callback: Callback, hook: str) -> bool:
    """Return whether `callback` overrides the method `hook`.

    Parameters
    ----------
    callback : Callback
    hook : str
        Name of a method of `Callback`, such as ``"on_train_batch_end"``.
    """
    return getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)


def entry(owner: str, state: Mapping[str, Any], name: str, *kinds: type) -> Any:
    """Return a value of a callback's state, which must have one of the given types.

    Raises
    ------
    KeyError, TypeError
        If the value is missing or has another type.
    """
    value = state[name]
    if type(value) not in kinds:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{owner}: state[{name!r}] must be of type {names}, got {value!r}")
    return value


def copy_parameters(model: TrainedModel) -> dict[str, npt.NDArray[Any]]:
    """Return copies of the model's parameters, by name."""
    return {name: np.array(values) for name, values in model.parameters().items()}
