"""Sequential: a network as a list of layers, and what one does with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _core, losses, ops, optimizers, schedules, serialization, steps, tracing, training
from ._validation import boolean, real
from .building import checked_parameters
from .export import onnx
from .formats import checked_path
from .function_data import hold
from .layers import Layer
from .metrics import Metric
from .metrics import get_all as get_metrics
from .network import Network
from .summary import Summary, summarize

if TYPE_CHECKING:
    import os

    from .callbacks import Callback
    from .history import History

Array = npt.NDArray[Any]


class Sequential(Network):
    """A network: layers one after another.

    Parameters
    ----------
    layers : sequence of Layer
    input_shape : tuple of int, optional
        The shape of one sample: (features,), or (height, width, channels) for images. May be left
        to the first data that come.
    dtype : {"float32", "float64"}, default "float32"
        Of parameters, outputs and all arithmetic; other real data are rounded to it row by row.
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
    epochs_trained : int
        How many epochs `fit` has finished, over all its calls.
    stop_training : bool
        Set by callbacks to end `fit`.

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
        self.metadata: dict[str, Any] = {}
        self.stop_training = False
        self.epochs_trained = 0
        self._loss: losses.Loss | None = None
        self._optimizer: optimizers.Optimizer | None = None
        self._schedule: schedules.Schedule | None = None
        self._metrics: dict[str, Metric | None] = {}
        self._clip_delta: float | None = None
        super().__init__(layers, input_shape=input_shape, dtype=dtype, seed=seed)

    def summary(self) -> Summary:
        """Return a table of layers, output shapes and parameters."""
        return summarize(self)

    def compile(
        self,
        optimizer: optimizers.Optimizer | str = "sgd",
        loss: losses.Loss | str | losses.Function = "softmax_cross_entropy",
        metrics: Sequence[str | Metric] | None = None,
        *,
        clip_delta: float | None = None,
    ) -> None:
        """Say how to train; the optimizer's state and its count of steps start anew.

        Parameters
        ----------
        optimizer : Optimizer or str, default "sgd"
        loss : Loss, str or callable, default "softmax_cross_entropy"
            A function ``loss(outputs, targets) -> (row losses, grad_outputs)`` of one's own is
            called for every batch: see `losses.FunctionLoss`.
        metrics : sequence of str or callable, optional
            ``"accuracy"``, or functions ``metric(y_true, outputs) -> float``; see
            `prelunet.metrics`.
        clip_delta : float, optional
            Above 0. In training, the gradient of each row's loss by what a Dense or a Conv2D layer
            gives before its activation is kept within this, element by element, before it is
            weighted and averaged over the batch; the clipped one goes on to the layers below. The
            optimizer's `clip_value` and `clip_norm` act on the gradients of parameters instead.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what is said above.
        RuntimeError
            If the model is being fitted: a callback may set `learning_rate`, not more. If it is in
            use by another thread.
        """
        checked_optimizer = optimizers.get(optimizer, owner="compile", name="optimizer")
        checked_loss = losses.get(loss, owner="compile", name="loss")
        checked_metrics = get_metrics(metrics)
        if clip_delta is not None:
            clip_delta = real("compile", "clip_delta", clip_delta, exclusive_minimum=0.0)
        schedule = schedules.get(checked_optimizer.learning_rate)
        network = self._network
        with nullcontext() if network is None else network.holding("compile"):
            if network is not None:
                steps.compile_network(
                    network, checked_optimizer, checked_loss, clip_delta=clip_delta
                )
            self._optimizer, self._loss = checked_optimizer, checked_loss
            self._metrics, self._clip_delta = checked_metrics, clip_delta
            self._schedule = schedule

    @property
    def steps_trained(self) -> int:
        """The updates made since `compile`, over all calls: where schedules are."""
        return 0 if self._network is None else int(self._network.steps)

    @property
    def learning_rate(self) -> float:
        """The rate of the next update. Setting it holds from there on, in place of a schedule."""
        self._compiled("learning_rate")
        schedule = self._schedule
        assert schedule is not None
        if isinstance(schedule, schedules.Constant):  # a call and a look-up less in every step
            return schedule.learning_rate
        return float(schedule(self.steps_trained))

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._compiled("learning_rate")
        self._schedule = schedules.get(value, owner="Sequential", name="learning_rate")

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        epochs: int = 1,
        batch_size: int | None = 32,
        validation_data: Sequence[npt.ArrayLike] | None = None,
        validation_split: float = 0.0,
        validation_freq: int = 1,
        shuffle: bool = True,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: Mapping[int, float] | str | None = None,
        verbose: bool | str = "auto",
        callbacks: Sequence[Callback] | None = None,
    ) -> History:
        """Train for a number of epochs.

        Parameters
        ----------
        X : array_like of shape (n, *input_shape)
        y : array_like
            Integer labels (n,) for softmax cross-entropy, else targets (n, outputs), or (n,) for
            one output. Checked whole before anything moves, against the range that `losses` says.
        epochs : int, default 1
            With a `Checkpoint` their total, those before it was resumed too.
        batch_size : int or None, default 32
            Rows of a step; the last, short batch is used too. None: all rows are one batch.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Evaluated after each epoch, under names with ``val_`` before them.
        validation_split : float, default 0.0
            The share of rows, taken from the end before shuffling, to validate with instead.
        validation_freq : int, default 1
            Validate after each so many epochs; the history has NaN for the others.
        shuffle : bool, default True
            Visit rows in an order that is a function of (seed, epochs trained before) alone. A
            batch of all rows is taken as it lies: order changes nothing there but the rounding.
        sample_weight : array_like of shape (n,), optional
            A batch's loss is ``sum(w l) / sum(w)``, whose sums must be finite and normal.
        class_weight : mapping of int to float, or "balanced", optional
            Multiplied into the weights, by class; others have 1. None for several yes/no outputs.
        verbose : bool or "auto", default "auto"
            Show progress on stderr; "auto" does so on a terminal and in a notebook.
        callbacks : sequence of Callback, optional

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
            validation_freq=validation_freq,
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

        Parameters
        ----------
        X, y, batch_size, sample_weight
            As in `fit`.
        order : array_like of int of shape (steps' rows,), optional
            The numbers of rows; some may be left out, or come more than once.

        Returns
        -------
        dict of str to float
            ``"loss"`` and, where compiled, ``"accuracy"``, as in `fit`'s history.
        """
        data = hold(self, "train_epoch", X, y, sample_weight)
        numbers = None if order is None else steps.checked_order("train_epoch", order, data.count)
        count = data.count if numbers is None else len(numbers)
        size = steps.checked_batch_size("train_epoch", batch_size, count)
        totals = _core.Totals()
        data.train(numbers, size, totals, steps=math.ceil(count / size))
        return data.logs(totals)

    def train_on_batch(
        self, X: npt.ArrayLike, y: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> dict[str, float]:
        """Make one update with all rows as one batch.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        dict of str to float
            ``"loss"`` and, where compiled, ``"accuracy"`` before the update.
        """
        loss = self._compiled("train_on_batch")
        if self._network is not None and not isinstance(loss, losses.FunctionLoss):
            return steps.train_on_batch(self, loss, X, y, sample_weight)
        data, totals = hold(self, "train_on_batch", X, y, sample_weight), _core.Totals()
        data.train(None, data.count, totals, steps=1)
        return data.logs(totals)

    def loss_and_gradients(
        self, X: npt.ArrayLike, y: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[float, dict[str, Array]]:
        """Return the loss of all rows as one batch and its gradients, without an update.

        Penalties are left out; dropout acts as in the step that would come next.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        loss : float
        gradients : dict of str to ndarray
            By the names of `parameters`; frozen layers have none.
        """
        data = hold(self, "loss_and_gradients", X, y, sample_weight)
        loss, gradients = data.loss_and_gradients()
        return loss, self._by_name(gradients)

    def trace(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> dict[str, Array]:
        """Return every number between rows and their loss, by name: to teach, and to find faults.

        The same bits as in training, one batch, no update; deltas are not clipped. A second engine,
        made for the call, computes it; memory grows with the rows.

        Parameters
        ----------
        X, sample_weight
            As in `fit`.
        y : array_like, optional
            As in `fit`. Without it there are no deltas, and dropout is off.

        Returns
        -------
        dict of str to ndarray
            For each layer but Flatten, by its name: ``"1.z"``, what it gives before an activation
            named inside it; ``"1.a"``, what it gives, which is z for a layer without one; and
            ``"1.delta"``, the gradient of the loss, mean or sum over rows as it is, by z. Each has
            shape (n, *output shape). Layers inside a Residual come after it.

        Raises
        ------
        TypeError, ValueError, RuntimeError
            If data do not fit; if y is given and the model is not compiled.
        """
        return tracing.trace(self, X, y, sample_weight)

    def apply_gradients(self, gradients: Mapping[str, npt.ArrayLike]) -> None:
        """Make one update with the compiled optimizer from gradients of one's own.

        Parameters
        ----------
        gradients : mapping of str to array_like
            One for each trainable parameter, by the names of `parameters`, as `vjp`'s function and
            `loss_and_gradients` give them; rounded to the model's dtype.

        Raises
        ------
        TypeError, ValueError
            If a name is missing or unknown, a shape differs or values are not real numbers; nothing
            has changed then.
        RuntimeError
            If the model is not compiled.
        """
        self._compiled("apply_gradients")
        infos = zip(self.parameters().items(), self._network.parameters(), strict=True)
        trained = {name: values for (name, values), info in infos if info["trainable"]}
        checked = checked_parameters("apply_gradients", "gradients", gradients, trained)
        for name in trained:
            if name not in checked:
                raise ValueError(f"apply_gradients: gradients must hold {name!r}, which is missing")
        self._network.apply_gradients(self._by_place(checked), self.learning_rate)

    def predict_proba(self, X: npt.ArrayLike) -> Array:
        """Return probabilities: softmax or sigmoid of the outputs, as the compiled loss has it.

        Parameters
        ----------
        X : array_like of shape (n, *input_shape)

        Returns
        -------
        ndarray of shape (n, outputs)

        Raises
        ------
        ValueError
            If the loss is not one of logits.
        """
        function = getattr(ops, f"{self._probabilities('predict_proba')}_forward")
        return np.asarray(function(self.predict(X)))

    def evaluate(
        self, X: npt.ArrayLike, y: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> dict[str, float]:
        """Return the loss and the metrics of all rows as one batch, without dropout.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`; weights do not count in the metrics.

        Returns
        -------
        dict of str to float
            The loss, then the compiled metrics by name.
        """
        return hold(self, "evaluate", X, y, sample_weight).evaluate()

    def save(
        self, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Write the model to a file: layers, parameters, optimizer and its state.

        A write that fails leaves the file that was there.

        Parameters
        ----------
        path : path-like
            Ends in ``.npz``, or in ``.safetensors`` (with the package of that name).
        metadata : mapping, optional
            JSON values that `load` gives back as `metadata`; by default the model's.

        Raises
        ------
        OSError
            If the file cannot be written.
        TypeError, ValueError
            If `path` or `metadata` is not what is said above, or a layer is a `Lambda`.
        RuntimeError
            If another thread trains or changes the model; pickle and copies are refused then, too.
            Callbacks may save.
        ImportError
            If the package safetensors is needed and not installed.
        """
        serialization.save(self, path, self.metadata if metadata is None else metadata)

    def to_onnx(self, path: str | os.PathLike[str], *, probabilities: bool = False) -> None:
        """Write what `predict` computes to an ONNX file (opset 17), for other programs to run.

        The graph takes ``"x"``, rows of the model's dtype, images as (height, width, channels), and
        gives ``"outputs"``. onnxruntime lacks double precision for `Conv2D`, `ELU` and `GELU`.

        Parameters
        ----------
        path : path-like
            Ends in ``.onnx``.
        probabilities : bool, default False
            Give ``"probabilities"`` instead, as `predict_proba` does.

        Raises
        ------
        OSError
            If the file cannot be written; one that was there is left as it was.
        TypeError, ValueError
            If an argument is wrong, a layer is a `Lambda`, or the loss is not one of logits.
        RuntimeError
            If another thread trains or changes the model.
        """
        target = checked_path("to_onnx", path, (".onnx",))
        boolean("to_onnx", "probabilities", probabilities)
        onnx.write(
            target,
            self.layers,
            self._copies("to_onnx"),
            input_shape=self.input_shape or (),
            dtype=self.dtype,
            probabilities=self._probabilities("to_onnx") if probabilities else None,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return the model as JSON values and copies of arrays."""
        return serialization.get_state(self, "pickle or copy")

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the model again."""
        serialization.set_state(self, state)

    def _made(self, shape: tuple[int, ...]) -> tuple[Any, list[str]]:
        network, names = super()._made(shape)
        if self._optimizer is not None and self._loss is not None:
            steps.compile_network(network, self._optimizer, self._loss, clip_delta=self._clip_delta)
        return network, names

    def _compiled(self, operation: str) -> losses.Loss:
        if self._loss is None:
            raise RuntimeError(f"{operation}: compile the model first")
        return self._loss

    def _probabilities(self, operation: str) -> str:
        """Return what makes probabilities of the outputs: "softmax" or "sigmoid"."""
        loss = self._compiled(operation)
        if loss.probabilities is None:
            raise ValueError(
                f"{operation}: the loss must be a cross-entropy, got {loss.name!r}; "
                "predict gives the outputs"
            )
        return loss.probabilities
