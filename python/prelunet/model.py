"""Sequential: a network as a list of layers, and what one does with it."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _core, losses, optimizers, schedules, serialization, training
from ._arrays import as_rows
from ._validation import choice, integer
from .building import NETWORKS, build_network, checked_layers, checked_shape
from .layers import Layer
from .metrics import Metric
from .metrics import get_all as get_metrics
from .summary import Summary, summarize

if TYPE_CHECKING:
    from .callbacks import Callback
    from .history import History

Array = npt.NDArray[Any]
_LARGEST_SEED = 2**63 - 1


class Sequential:
    """A network: layers one after another.

    Parameters
    ----------
    layers : sequence of Layer
    input_shape : tuple of int, optional
        The shape of one sample: (features,), or (height, width, channels) for images. May be left
        to the first data that come.
    dtype : {"float32", "float64"}, default "float32"
        Of parameters, outputs and all arithmetic. Other real data are rounded to it as their rows
        are gathered.
    seed : int, optional
        From 0 to 2**63 - 1. Draws of weights, order of rows and dropout follow from it: the same
        seed gives the same bits, for any number of threads. By default a random one, kept in
        `seed`.

    Attributes
    ----------
    layers : tuple of Layer
    dtype : str
    seed : int
    metadata : dict
        JSON values that travel with `save` and `load`.
    stop_training : bool
        Set by callbacks to end `fit` after the epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above, or two layers have the same name.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        input_shape: Sequence[int] | None = None,
        dtype: str = "float32",
        seed: int | None = None,
    ) -> None:
        self.layers = checked_layers(layers)
        self.dtype = choice("Sequential", "dtype", str(np.dtype(dtype)), NETWORKS)
        self.seed = (
            secrets.randbits(32)
            if seed is None
            else integer("Sequential", "seed", seed, minimum=0, maximum=_LARGEST_SEED)
        )
        self.metadata: dict[str, Any] = {}
        self.stop_training = False
        self.epochs_trained = 0
        self._network: Any = None
        self._names: list[str] = []
        self._input_shape: tuple[int, ...] | None = None
        self._loss: losses.Loss | None = None
        self._optimizer: optimizers.Optimizer | None = None
        self._schedule: schedules.Schedule | None = None
        self._metrics: dict[str, Metric | None] = {}
        if input_shape is not None:
            self.build(input_shape)

    # ---- what the network is -------------------------------------------------------------------

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """The shape of one sample; None until it is known."""
        return self._input_shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of one row of outputs."""
        return tuple(self._built().shapes[-1])

    def build(self, input_shape: Sequence[int]) -> None:
        """Fix the shape of a sample and draw the parameters.

        Raises
        ------
        ValueError
            If a layer does not fit its input, or the network is built already.
        """
        if self._network is not None:
            raise ValueError(f"Sequential.build: built already, for samples {self._input_shape}")
        shape = checked_shape(input_shape)
        network, self._names = build_network(self.layers, shape, dtype=self.dtype, seed=self.seed)
        self._input_shape = shape
        self._network = network
        if self._optimizer is not None and self._loss is not None:
            training.compile_network(network, self._optimizer, self._loss)

    def summary(self) -> Summary:
        """Return a table of layers, output shapes and parameters."""
        self._built()
        return summarize(self)

    def __repr__(self) -> str:
        """Return the call that makes such a model."""
        shape = f", input_shape={self._input_shape}" if self._input_shape else ""
        layers = ", ".join(map(repr, self.layers))
        return f"Sequential([{layers}]{shape}, dtype={self.dtype!r}, seed={self.seed})"

    # ---- parameters ----------------------------------------------------------------------------

    def parameters(self) -> dict[str, Array]:
        """Return all parameters by name, as read-only views that follow training."""
        return dict(zip(self._names, self._built().values(), strict=True))

    def set_parameters(self, parameters: Mapping[str, npt.ArrayLike]) -> None:
        """Write some parameters; all are checked before any is written.

        Parameters
        ----------
        parameters : mapping of str to array_like
            New values by name, rounded to the model's dtype.

        Raises
        ------
        ValueError
            If a name is unknown or a shape differs.
        TypeError
            If values are not real numbers.
        """
        current = self.parameters()
        checked = {}
        for name, given in parameters.items():
            if name not in current:
                raise ValueError(
                    f"set_parameters: parameters must be among {', '.join(current)}, got {name!r}"
                )
            values = np.asarray(given)
            if values.dtype.kind not in "fiub" or values.dtype.itemsize > 8:
                raise TypeError(
                    f"set_parameters: {name} must hold real numbers, got dtype {values.dtype}"
                )
            if values.shape != current[name].shape:
                raise ValueError(
                    f"set_parameters: {name} must have shape {current[name].shape}, "
                    f"got {values.shape}"
                )
            checked[self._names.index(name)] = values.astype(self.dtype)[np.newaxis]
        self._network.write_parameters(checked)

    # ---- training ------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: optimizers.Optimizer | str = "sgd",
        loss: losses.Loss | str = "softmax_cross_entropy",
        metrics: Sequence[str | Metric] | None = None,
    ) -> None:
        """Say how to train; the optimizer's state starts anew.

        Parameters
        ----------
        optimizer : Optimizer or str, default "sgd"
        loss : Loss or str, default "softmax_cross_entropy"
        metrics : sequence of str or callable, optional
            ``"accuracy"``, or functions ``metric(y_true, outputs) -> float``; see
            `prelunet.metrics`.
        """
        checked_optimizer, checked_loss = optimizers.get(optimizer), losses.get(loss)
        checked_metrics = get_metrics(metrics)
        if self._network is not None:
            training.compile_network(self._network, checked_optimizer, checked_loss)
        self._optimizer, self._loss, self._metrics = (
            checked_optimizer,
            checked_loss,
            checked_metrics,
        )
        self._schedule = schedules.get(checked_optimizer.learning_rate)

    @property
    def learning_rate(self) -> float:
        """The rate of the next update. Setting it holds from there on, in place of a schedule."""
        if self._schedule is None:
            raise RuntimeError("learning_rate: compile the model first")
        steps = 0 if self._network is None else self._network.steps
        return float(self._schedule(steps))

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        if self._schedule is None:
            raise RuntimeError("learning_rate: compile the model first")
        self._schedule = schedules.get(value)

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        epochs: int = 1,
        batch_size: int | None = 32,
        validation_data: Sequence[npt.ArrayLike] | None = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: Mapping[int, float] | str | None = None,
        verbose: bool | str = "auto",
        callbacks: Sequence[Callback] = (),
    ) -> History:
        """Train for a number of epochs.

        Parameters
        ----------
        X : array_like of shape (n, *input_shape)
        y : array_like
            Integer labels (n,) for softmax cross-entropy, else targets (n, outputs), or (n,) for
            one output. Checked whole before anything moves.
        epochs : int, default 1
        batch_size : int or None, default 32
            Rows of a step; the last, short batch is used too. None: all rows are one batch.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Evaluated after each epoch, under names with ``val_`` before them.
        validation_split : float, default 0.0
            The share of rows, taken from the end before shuffling, to validate with instead.
        shuffle : bool, default True
            Visit rows in an order that is a function of (seed, epochs trained before) alone.
        sample_weight : array_like of shape (n,), optional
            A batch's loss is ``sum(w l) / sum(w)``.
        class_weight : mapping of int to float, or "balanced", optional
            Multiplied into the weights, by class.
        verbose : bool or "auto", default "auto"
            Show progress on stderr; "auto" does so on a terminal and in a notebook.
        callbacks : sequence of Callback

        Returns
        -------
        History
            The loss and the metrics of each epoch. ``history["loss"]`` is the mean of the steps'
            losses at the weights each step began with, weighted by rows (for sum losses: their
            sum), penalties left out; metrics that are functions are taken after the epoch.

        Raises
        ------
        TypeError, ValueError
            If data do not fit; nothing has changed then.
        RuntimeError
            If the model is not compiled, or in use by another thread.
        """
        return training.fit(
            self,
            X,
            y,
            epochs=epochs,
            batch_size=batch_size,
            validation_data=validation_data,
            validation_split=validation_split,
            shuffle=shuffle,
            sample_weight=sample_weight,
            class_weight=class_weight,
            verbose=verbose,
            callbacks=callbacks,
        )

    def train_epoch(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        order: npt.ArrayLike | None = None,
        batch_size: int | None = 32,
        sample_weight: npt.ArrayLike | None = None,
    ) -> dict[str, float]:
        """Train once over the rows named by `order`, in that order; all rows as they lie without.

        Returns
        -------
        dict of str to float
            ``"loss"`` and, where compiled, ``"accuracy"``, as in `fit`'s history.
        """
        data = training.Data(self, "train_epoch", X, y, sample_weight)
        indices = None if order is None else as_rows("train_epoch", "order", order)
        count = data.count if indices is None else len(indices)
        size = training.checked_batch_size("train_epoch", batch_size, max(count, 1))
        totals = _core.Totals()
        data.train(indices, size, totals, steps=math.ceil(count / size))
        return data.logs(totals)

    def train_on_batch(
        self, X: npt.ArrayLike, y: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> dict[str, float]:
        """Make one update with all rows as one batch; returns the loss (and accuracy) before it."""
        data = training.Data(self, "train_on_batch", X, y, sample_weight)
        totals = _core.Totals()
        data.train(None, max(data.count, 1), totals, steps=min(data.count, 1))
        return data.logs(totals)

    def loss_and_gradients(
        self, X: npt.ArrayLike, y: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[float, dict[str, Array]]:
        """Return the loss of all rows as one batch and its gradients, without an update.

        Penalties are left out; dropout acts as in the step that would come next.

        Returns
        -------
        loss : float
        gradients : dict of str to ndarray
            By the names of `parameters`; frozen layers have none.
        """
        data = training.Data(self, "loss_and_gradients", X, y, sample_weight)
        totals = self._network.loss_and_gradients(data.rows, data.targets)
        infos = self._network.parameters()
        gradients = {
            name: values.copy()
            for name, info, values in zip(
                self._names, infos, self._network.gradients(), strict=True
            )
            if info["trainable"]
        }
        return data.logs(totals)["loss"], gradients

    # ---- use -----------------------------------------------------------------------------------

    def predict(self, X: npt.ArrayLike) -> Array:
        """Return the last layer's outputs, (n, outputs); logits where the loss is of logits."""
        return self._network_for(X).predict(self._rows("predict", X))  # type: ignore[no-any-return]

    def predict_proba(self, X: npt.ArrayLike) -> Array:
        """Return probabilities: softmax or sigmoid of the outputs, as the compiled loss has it.

        Raises
        ------
        ValueError
            If the loss is not one of logits.
        """
        from . import ops

        loss = self._compiled("predict_proba")[0]
        if loss.probabilities is None:
            raise ValueError(
                f"predict_proba: the loss must be a cross-entropy, got {loss.name!r}; "
                "predict gives the outputs"
            )
        forward = getattr(ops, f"{loss.probabilities}_forward")
        return forward(self.predict(X))  # type: ignore[no-any-return]

    def evaluate(
        self, X: npt.ArrayLike, y: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> dict[str, float]:
        """Return the loss and the metrics of all rows as one batch, without dropout."""
        return training.Data(self, "evaluate", X, y, sample_weight).evaluate()

    # ---- files, copies -------------------------------------------------------------------------

    def save(self, path: Any, *, metadata: Mapping[str, Any] | None = None) -> None:
        """Write the model to an NPZ file: layers, parameters, optimizer and its state.

        Parameters
        ----------
        path : path-like
            Ends in ``.npz``.
        metadata : mapping, optional
            JSON values that come back as `metadata`; by default what is there.
        """
        if metadata is not None:
            self.metadata = dict(metadata)
        serialization.save(self, path)

    def __getstate__(self) -> dict[str, Any]:
        """Return the model as JSON values and copies of arrays."""
        return serialization.get_state(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the model again."""
        serialization.set_state(self, state)

    # ---- inside --------------------------------------------------------------------------------

    def _built(self) -> Any:
        if self._network is None:
            raise RuntimeError(
                "Sequential: input_shape is not known yet; give it, call build or fit"
            )
        return self._network

    def _network_for(self, X: npt.ArrayLike) -> Any:
        if self._network is None:
            self.build(as_rows("Sequential", "X", X).shape[1:])
        return self._network

    def _rows(self, operation: str, X: npt.ArrayLike) -> Any:
        return self._network_for(X).rows(operation, as_rows(operation, "X", X))

    def _compiled(self, operation: str) -> tuple[losses.Loss, optimizers.Optimizer]:
        if self._loss is None or self._optimizer is None:
            raise RuntimeError(f"{operation}: compile the model first")
        return self._loss, self._optimizer
