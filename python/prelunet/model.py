"""Sequential: a network as a list of layers, to train, use and save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import losses, ops, optimizers, schedules, serialization
from ._validation import boolean, integer
from .callbacks import Callback
from .compiled import Compiled
from .engine import Engine, checked_dtype
from .export import onnx
from .formats import checked_path
from .history import History
from .layers import Lambda, Layer
from .layers.stacking import all_layers, checked_layers
from .metrics import Metric
from .open_loop import OpenLoop
from .serialization import State, without_training
from .state import UNFIT, Progress, get_state
from .summary import Summary, summarize
from .training import loop, prepare

if TYPE_CHECKING:
    import os

Array = npt.NDArray[Any]
_LARGEST_SEED = 2**63 - 1


class Sequential(OpenLoop):
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
        The epochs that all calls of `fit` have finished.
    stop_training : bool
        Set by callbacks to end `fit`.
    engine : Engine
        Holds the parameters and computes; for prelunet's own modules.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or two layers have the same name.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        input_shape: Sequence[int] | None = None,
        dtype: str = "float32",
        seed: int | None = None,
    ) -> None:
        checked = checked_layers("Sequential", layers)
        name = checked_dtype(dtype)
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        number = integer("Sequential", "seed", seed, minimum=0, maximum=_LARGEST_SEED)
        self.engine = Engine(checked, dtype=name, seed=number)
        self.metadata: dict[str, Any] = {}
        self.stop_training = False
        if input_shape is not None:
            self.build(input_shape)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, those inside a Residual left out."""
        return self.engine.layers

    @property
    def dtype(self) -> str:
        """The dtype of parameters, outputs and all arithmetic."""
        return self.engine.dtype

    @property
    def seed(self) -> int:
        """The seed of first weights, row orders and dropout."""
        return self.engine.seed

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """The shape of one sample; None until it is known."""
        return self.engine.input_shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of one row of outputs."""
        return tuple(self.engine.core.shapes[-1])

    @property
    def epochs_trained(self) -> int:
        """The epochs that `fit` has finished, over all its calls."""
        return self.engine.epochs_trained

    @epochs_trained.setter
    def epochs_trained(self, value: int) -> None:
        self.engine.epochs_trained = value

    @property
    def steps_trained(self) -> int:
        """The updates made since `compile`, over all calls; schedules follow from it."""
        return self.engine.steps

    @property
    def learning_rate(self) -> float:
        """The rate of the next update; a rate that is set replaces the schedule from here on."""
        return self.engine.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        compiled = self.engine.record("learning_rate")
        schedule = schedules.get(value, owner="Sequential", name="learning_rate")
        self.engine.compiled = replace(compiled, schedule=schedule)

    def build(self, input_shape: Sequence[int]) -> None:
        """Fix the shape of a sample and draw the parameters.

        Parameters
        ----------
        input_shape : tuple of int
            As in the constructor.

        Raises
        ------
        ValueError
            If a layer does not fit its input, or the model is built already.
        """
        self.engine.build(input_shape)

    def summary(self) -> Summary:
        """Return a table of layers, output shapes and parameters."""
        return summarize(self.engine)

    def parameters(self) -> dict[str, Array]:
        """Return all parameters by name, as read-only views that follow training.

        Between two steps, in callbacks too, they show the parameters. While a run of steps is under
        way in another thread they do not: it moves one parameter after the other, and may hand back
        a weight only when it ends. Copy them in a callback instead.

        Raises
        ------
        RuntimeError
            If another thread trains or changes the model; views taken before stay readable.
        """
        return self.engine.parameters()

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
        RuntimeError
            If the model is in use by another thread.
        """
        self.engine.set_parameters(parameters)

    def compile(
        self,
        optimizer: optimizers.Optimizer | str = "sgd",
        loss: losses.Loss | str | losses.Function = "softmax_cross_entropy",
        metrics: Sequence[str | Metric] | None = None,
        *,
        clip_delta: float | None = None,
    ) -> None:
        """Set how to train; this resets the optimizer's state and its count of steps.

        Parameters
        ----------
        optimizer : Optimizer or str, default "sgd"
        loss : Loss, str or callable, default "softmax_cross_entropy"
            A function ``loss(outputs, targets) -> (row losses, grad_outputs)`` is called for each
            batch: see `losses.FunctionLoss`.
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
            If an argument is invalid.
        RuntimeError
            If the model is being fitted: a callback may set `learning_rate`, not more. If it is in
            use by another thread.
        """
        self.engine.compile(Compiled.checked(optimizer, loss, metrics, clip_delta))

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
            With a `Checkpoint`, the total that includes the epochs before it was resumed.
        batch_size : int or None, default 32
            Rows of a step; the last batch may be shorter. None: all rows are one batch.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Evaluated after each epoch; the names of its metrics begin with ``val_``.
        validation_split : float, default 0.0
            The share of rows to validate with instead: the last ones, before shuffling.
        validation_freq : int, default 1
            Validate each `validation_freq` epochs; the history has NaN for the others.
        shuffle : bool, default True
            Visit rows in an order that depends on the seed and on the epochs trained before only.
            A batch of all rows is not shuffled, since that changes only the rounding.
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
        return loop.fit(
            self,
            self.engine,
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

    def predict_proba(self, X: npt.ArrayLike) -> Array:
        """Return probabilities: softmax or sigmoid of the outputs, as the loss requires.

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
        kind = self.engine.record("predict_proba").probabilities("predict_proba")
        function = ops.softmax_forward if kind == "softmax" else ops.sigmoid_forward
        return function(self.predict(X))

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
        return prepare(self.engine, "evaluate", X, y, sample_weight).evaluate()

    def save(
        self, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Write the model to a file: layers, parameters, optimizer and its state.

        If the write fails, an existing file stays as it was.

        Parameters
        ----------
        path : path-like
            Ends in ``.npz``, or in ``.safetensors`` (with the package of that name).
        metadata : mapping, optional
            JSON values that `load` returns as `metadata`; by default the model's.

        Raises
        ------
        OSError
            If the file cannot be written.
        TypeError, ValueError
            If `path` or `metadata` is invalid, or a layer is a `Lambda`.
        RuntimeError
            If another thread trains or changes the model; pickle and copies are refused then, too.
            Callbacks may save.
        ImportError
            If the package safetensors is needed and not installed.
        """
        for name, layer in all_layers(self.layers):
            if isinstance(layer, Lambda):
                raise TypeError(f"save: layer {name} is a Lambda, whose functions no file can hold")
        found = self._state("save")
        compiled = self.engine.compiled
        if compiled is not None and compiled.function is not None:
            found = without_training(found)
        serialization.write(path, found, self.metadata if metadata is None else metadata)

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
            If the file cannot be written; an existing one stays as it was.
        TypeError, ValueError
            If an argument is wrong, a layer is a `Lambda`, or the loss is not one of logits.
        RuntimeError
            If another thread trains or changes the model.
        """
        target = checked_path("to_onnx", path, (".onnx",))
        final = None
        if boolean("to_onnx", "probabilities", probabilities):
            final = self.engine.record("to_onnx").probabilities("to_onnx")
        onnx.write(
            target,
            self.layers,
            self.engine.copies("to_onnx"),
            input_shape=self.input_shape or (),
            dtype=self.dtype,
            probabilities=final,
        )

    def __repr__(self) -> str:
        """Return the call that makes such a model."""
        shape = f", input_shape={self.input_shape}" if self.input_shape else ""
        layers = ", ".join(map(repr, self.layers))
        return f"Sequential([{layers}]{shape}, dtype={self.dtype!r}, seed={self.seed})"

    def __getstate__(self) -> State:
        """Return the model as JSON values and copies of arrays."""
        return self._state("pickle or copy")

    def __setstate__(self, state: State) -> None:
        """Make the model again."""
        description = state["description"]
        layers = [Layer.from_config(config) for config in description["layers"]]
        Sequential.__init__(  # a subclass may have a constructor of its own
            self,
            layers,
            input_shape=description["input_shape"],
            dtype=description["dtype"],
            seed=description["seed"],
        )
        self.metadata = dict(description["metadata"])
        if "optimizer" in description:
            functions = state.get("functions", [])
            self.engine.compile(Compiled.from_description(description, functions))
        Progress(self.engine, description, state["arrays"]).restore("load")

    def _state(self, operation: str) -> State:
        return get_state(self.engine, operation, self.metadata)


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
    source, state = serialization.read(path)
    model = Sequential.__new__(Sequential)
    try:
        model.__setstate__(state)
    except UNFIT as error:
        raise ValueError(f"load: {source} is damaged or incomplete: {error}") from error
    return model
