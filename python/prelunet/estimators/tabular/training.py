"""Training of one network on encoded rows, with the parameters of the best epoch."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...callbacks import Callback
from ...callbacks.base import Logs, copy_parameters
from ...losses import Loss
from ...model import Sequential
from ...tables import TableEncoder
from .initial import fit_initial_parameters
from .recipe import Recipe

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Encoded held-out rows, and the score of their outputs."""

    X: Array
    score: Callable[[Array], float]


@dataclass(frozen=True, eq=False)
class Training:
    """The arguments of a training that all members of an estimator share.

    Attributes
    ----------
    owner : str
        The estimator's name, for messages.
    recipe : Recipe
    loss : Loss
    outputs : int
        The number of outputs of the network.
    dtype : str
    calibrates : bool
        Whether a temperature is fitted to the held-out rows.
    verbose : bool or int
        As in `Sequential.fit`.
    callbacks : sequence of Callback
    """

    owner: str
    recipe: Recipe
    loss: Loss
    outputs: int
    dtype: str
    calibrates: bool
    verbose: bool | int
    callbacks: Sequence[Callback]

    def run(
        self,
        encoder: TableEncoder,
        X: Array,
        targets: Array,
        weights: Array | None,
        held: HeldOut | None,
        *,
        seed: int,
        deadline: float,
        epochs: int | None = None,
        start: Sequential | None = None,
    ) -> Trained:
        """Return a trained network.

        Without held-out rows, it has the parameters of the last epoch; with them, those of the last
        one of the epochs with the best score.

        Parameters
        ----------
        encoder : TableEncoder
            That which encoded the rows.
        X, targets, weights
            The training rows.
        held : HeldOut or None
        seed : int
        deadline : float
            Training ends after the epoch in which `time.monotonic` exceeds it.
        epochs : int or None
            The number of epochs to train, at most that of the recipe; by default all of them. The
            learning rate is always that of a training with all of them.
        start : Sequential or None
            The network of an earlier training, whose parameters training begins with.

        Raises
        ------
        Interrupted
            From any exception after the first epoch, with what is trained so far.
        """
        recipe = self.recipe
        size = recipe.rows_per_batch(len(X))
        steps = recipe.epochs * max(1, len(X) // size)
        network = self._network(encoder, X, steps, seed, start)
        best = _BestEpoch(held, deadline)
        try:
            network.fit(
                X,
                targets,
                epochs=recipe.epochs if epochs is None else epochs,
                batch_size=size,
                drop_last=True,
                shuffle=recipe.shuffle,
                sample_weight=weights,
                verbose=self.verbose,
                callbacks=[best, *self.callbacks],
            )
        except BaseException as error:
            if best.epoch < 0:
                raise
            best.on_train_end()
            kept = Trained(network, best.losses, best.scores, best.epoch)
            raise Interrupted(kept, error) from error
        return Trained(network, best.losses, best.scores, best.epoch)

    def run_part(
        self,
        encoder: TableEncoder,
        X: Array,
        targets: Array,
        weights: Array | None,
        *,
        seed: int,
        start: Sequential | None,
        continues: bool,
    ) -> tuple[Sequential, float]:
        """Return a network trained for one epoch, and the loss of the epoch.

        `start` is the network of an earlier training, which stays unchanged. Its optimizer's state
        is kept if it `continues` the training of this recipe.
        """
        size = self.recipe.rows_per_batch(len(X))
        if start is not None and continues:
            network = copy.deepcopy(start)
        else:
            network = self._network(encoder, X, 1, seed, start)
        history = network.fit(
            X,
            targets,
            batch_size=size,
            shuffle=self.recipe.shuffle,
            sample_weight=weights,
            verbose=self.verbose,
            callbacks=self.callbacks,
        )
        return network, history["loss"][0]

    def _network(
        self, encoder: TableEncoder, X: Array, steps: int, seed: int, start: Sequential | None
    ) -> Sequential:
        """Return a compiled network with initial parameters, or those of `start`."""
        recipe, owner = self.recipe, self.owner
        layers = recipe.layers(owner, encoder, self.outputs, steps)
        network = Sequential(layers, input_shape=(encoder.width,), dtype=self.dtype, seed=seed)
        if start is not None:
            try:
                network.copy_from(start)
            except ValueError as error:
                raise ValueError(
                    f"{owner}: the network must have the layers and outputs of the earlier fit: "
                    f"{error}"
                ) from error
        elif recipe.initialization == "data":
            fit_initial_parameters(network, X, seed)
        network.compile(recipe.optimizer(owner, encoder, steps), loss=self.loss)
        return network


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and the records of its training.

    Attributes
    ----------
    network : Sequential
    losses : list of float
        The loss of each epoch.
    scores : list of float
        The score of the held-out rows after each epoch; empty without them.
    best_epoch : int
        The epoch of the parameters, from 0.
    """

    network: Sequential
    losses: list[float]
    scores: list[float]
    best_epoch: int


class Interrupted(BaseException):
    """Carries what is trained when another exception ends a training.

    Parameters
    ----------
    kept : Trained or Member
    error : BaseException
        The other exception.
    """

    def __init__(self, kept: Any, error: BaseException) -> None:
        super().__init__(kept, error)
        self.kept, self.error = kept, error


class _BestEpoch(Callback):
    """Scores the held-out rows after each epoch; restores the best epoch; keeps the time limit."""

    def __init__(self, held: HeldOut | None, deadline: float) -> None:
        self._held, self._deadline = held, deadline
        self.epoch = -1
        self.losses: list[float] = []
        self.scores: list[float] = []
        self._best = -math.inf
        self._parameters: dict[str, Array] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Score the epoch, for later callbacks too; stop training if the time is over."""
        assert isinstance(logs, dict)  # one dict for all callbacks
        self.losses.append(float(logs["loss"]))
        if self._held is None:
            self.epoch = epoch
        else:
            assert isinstance(self.model, Sequential)
            outputs = self.model.predict(self._held.X)
            score = self._held.score(outputs.astype(np.float64))
            self.scores.append(score)
            logs["val_score"] = score
            # Also the first epoch of a training whose scores are all NaN
            if score >= self._best or self._parameters is None:
                self._best = score if score >= self._best else -math.inf
                self.epoch = epoch
                self._parameters = copy_parameters(self.model)
        if time.monotonic() > self._deadline:
            self.model.stop_training = True

    def get_state(self) -> dict[str, Any]:
        """Return losses and scores, and the best epoch and its parameters, for a Checkpoint."""
        return {
            "epoch": self.epoch,
            "losses": self.losses,
            "scores": self.scores,
            "best": self._best,
            "parameters": self._parameters,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `get_state` returned."""
        self.epoch = int(state["epoch"])
        self.losses, self.scores = list(state["losses"]), list(state["scores"])
        self._best, self._parameters = float(state["best"]), state["parameters"]

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Restore the parameters of the best epoch."""
        if self._parameters is not None:
            self.model.set_parameters(self._parameters)
