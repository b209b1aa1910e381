"""The base of callbacks: every moment of training that one can take part in."""

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
    """What callbacks may use of the model.

    Attributes
    ----------
    stop_training : bool
        Set it to end training: at once between two steps (`on_train_batch_end`, `on_steps`,
        `on_epoch_progress`), elsewhere after the epoch. An epoch that is cut short counts as one,
        and is validated.
    learning_rate : float
        The rate of the next update; setting it holds from there on.
    steps_trained : int
        The updates made since it was compiled, over all calls of `fit`.
    layers, input_shape, dtype
        As in `Sequential`; `input_shape` is known in training.
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
        """Write parameters by name."""

    def evaluate(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Mapping[str, float]:
        """Return the loss and the metrics of rows."""

    def trace(self, X: npt.NDArray[Any]) -> Mapping[str, npt.NDArray[Any]]:
        """Return what each layer makes of rows, by name."""


class Run(Protocol):
    """One call of `fit`, for callbacks that keep or restore it.

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
        """Return, as JSON values, the arguments of `fit` that change its steps or history.

        None where a run cannot be restored.
        """

    def get_state(self) -> dict[str, Any]:
        """Return the state of the run without engine and callbacks: JSON values and arrays."""

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of `get_state`; an error leaves the run as it was."""


class Callback:
    """Something that happens at certain moments of `fit`; by itself it does nothing.

    Override the methods of the moments you want. They have the names and arguments of Keras's.
    Epochs and batches count from 0. `logs` holds the losses and metrics known at that moment. The
    methods for batches and `on_epoch_progress` are called only where they are overridden, so that
    training without them stays in C++ for an epoch; `on_steps` stops it where you say.

    Attributes
    ----------
    model : Sequential
        The model in training.
    params : mapping
        What training was asked for: ``"epochs"`` is their total, ``"steps"`` the updates of each;
        each ``"validation_freq"`` epochs there is a validation.
    steps_between : int, optional
        Set it before training to have `on_steps` called each so many updates, to evaluate the model
        there, say; the updates between are made in C++ without a stop.
    """

    model: TrainedModel
    params: Mapping[str, Any] = MappingProxyType({})
    steps_between: int | None = None

    def set_model(self, model: TrainedModel) -> None:
        """Take the model; called once, before anything else."""
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Take what training was asked for; called once, before it begins."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Act when training begins."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Act when training is over, stopped early or not."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Act when an epoch begins."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Act when an epoch is over and validated; `logs` is what the history gets."""

    def on_epoch_progress(self, done: int, total: int, logs: Logs | None = None) -> None:
        """Act when `done` of an epoch's `total` updates are made: ten times a second at most."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Act when an update begins."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Act when an update is made; `logs` holds the epoch's loss and metrics so far."""

    def on_steps(self, steps: int, logs: Logs | None = None) -> None:
        """Act when the model has made `steps` updates, a multiple of `steps_between`.

        They are counted over successive fits. `logs` holds the loss and metrics of the updates
        since the last call, in this fit.
        """

    def close(self) -> None:
        """Give back what training took, a bar say: called last, even where training failed."""

    def get_state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep to go on from here: JSON values and arrays."""
        return {}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` returned; called after every callback's `on_train_begin`.

        A callback that had ended training sets `stop_training` again. An error ends `fit`, with the
        model and all callbacks as they were before a checkpoint was read.
        """

    def restore_run(self, run: Run) -> None:
        """Put a run back to where it was kept; called after every callback's `on_train_begin`."""

    def keep_run(self, run: Run) -> None:
        """Keep a run as it is after an epoch; called after every callback's `on_epoch_end`."""


def overrides(callback: Callback, hook: str) -> bool:
    """Return whether `callback` has its own method `hook`, so that it need be called.

    Parameters
    ----------
    callback : Callback
    hook : str
        The name of a method of `Callback`, such as ``"on_train_batch_end"``.
    """
    return getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)


def entry(owner: str, state: Mapping[str, Any], name: str, *kinds: type) -> Any:
    """Return one value of a state of `owner`'s, which must be of one of the kinds given.

    Raises
    ------
    KeyError, TypeError
        If it is missing or of another kind.
    """
    value = state[name]
    if type(value) not in kinds:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{owner}: state[{name!r}] must be of type {names}, got {value!r}")
    return value


def copy_parameters(model: TrainedModel) -> dict[str, npt.NDArray[Any]]:
    """Return the model's parameters as they are now, where `parameters` returns views."""
    return {name: np.array(values) for name, values in model.parameters().items()}
