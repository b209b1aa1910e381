"""`Sequential`, a feed-forward network of layers."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import losses, ops, optimizers, schedules
from ._validation import integer
from .callbacks import Callback
from .compiled import Compiled
from .dtypes import checked_dtype
from .engine import Engine
from .history import History
from .layers import Layer
from .layers.stacking import checked_layers
from .metrics import Metric
from .open_loop import OpenLoop
from .saving import Saving
from .serialization import State
from .state import Progress, build
from .summary import Summary, summarize
from .training import loop, prepare_blocks

if TYPE_CHECKING:
    pass

Array = npt.NDArray[Any]
_LARGEST_SEED = 2**63 - 1


class Sequential(OpenLoop, Saving):
    """A feed-forward network: a list of layers applied in order.

    Parameters
    ----------
    layers : sequence of Layer
        The layers, in order.
    input_shape : tuple of int, optional
        The shape of one sample: (features,), or (height, width, channels) for images. If omitted,
        the first data passed to the model determine it.
    dtype : {"float32", "float64", "mixed_bfloat16"}, default "float32"
        Dtype of parameters, outputs and all arithmetic. "mixed_bfloat16" is float32, except that
        wide `Dense` layers multiply in bfloat16 (see the user guide). Other real data are converted
        row by row; arrays of float16, longdouble or a foreign byte order are copied first. Missing
        values of data frames become NaN.
    seed : int, optional
        From 0 to 2**63 - 1. Determines the initial weights, the row order and dropout: the same
        seed gives the same bits for any number of threads, apart from the sign and the payload of a
        NaN. By default a random seed, available as the attribute `seed`.

    Attributes
    ----------
    layers : tuple of Layer
    dtype : str
    seed : int
    metadata : dict
        JSON values that `save` and `to_onnx` store, and `load` and `from_onnx` restore. Keys that
        prelunet writes are ``"class_names"`` and ``"feature_names"`` (lists of str, in the order of
        the outputs and of the columns of X), and those of `prelunet train`.
    epochs_trained : int
        Number of epochs completed by all calls of `fit`.
    stop_training : bool
        Set to True by callbacks to end `fit`.
    engine : Engine
        Holds the parameters and computes. Internal.

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
        """The layers in order, without those inside a `Residual`."""
        return self.engine.layers

    @property
    def seed(self) -> int:
        """The seed of the initial weights, the row order and dropout."""
        return self.engine.seed

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """The shape of one sample; None until it is known."""
        return self.engine.input_shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of one row of outputs."""
        return tuple(self.engine.core.output_shape)

    @property
    def epochs_trained(self) -> int:
        """Number of epochs completed by all calls of `fit`."""
        return self.engine.epochs_trained

    @epochs_trained.setter
    def epochs_trained(self, value: int) -> None:
        self.engine.epochs_trained = value

    @property
    def steps_trained(self) -> int:
        """Number of updates since `compile`, over all calls; schedules depend on it."""
        return self.engine.steps

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update; setting it replaces the schedule."""
        return self.engine.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        compiled = self.engine.record("learning_rate")
        schedule = schedules.get(value, owner="Sequential", name="learning_rate")
        self.engine.compiled = compiled.with_schedule(schedule)

    def build(self, input_shape: Sequence[int]) -> None:
        """Set the shape of a sample and initialize the parameters.

        A model can be built only once, with one exception: if a process forks while another of its
        threads updates the model, the child's copy is incomplete and can be built again.

        Parameters
        ----------
        input_shape : tuple of int
            The shape of one sample, as in the constructor.

        Raises
        ------
        TypeError
            If `input_shape` is not a sequence of integers.
        ValueError
            If a layer does not accept its input shape, or the model is already built.
        """
        self.engine.build(input_shape)

    def summary(self) -> Summary:
        """Return a table of layers, output shapes and parameter counts."""
        return summarize(self.engine)

    def parameters(self) -> dict[str, Array]:
        """Return all parameters by name, as read-only views of the current values.

        Between training steps, and therefore in callbacks, the views show the current values. While
        another thread trains, they may mix the values of different steps. To copy parameters during
        training, use a callback.

        Returns
        -------
        dict of str to ndarray

        Raises
        ------
        RuntimeError
            If another thread trains or changes the model. Existing views remain readable.
        """
        return self.engine.parameters()

    def set_parameters(self, parameters: Mapping[str, npt.ArrayLike]) -> None:
        """Set some of the parameters; all values are checked before any is written.

        Parameters
        ----------
        parameters : mapping of str to array_like
            New values by name, converted to the model's dtype.

        Raises
        ------
        ValueError
            If a name is unknown or a shape differs.
        TypeError
            If values are not real numbers.
        RuntimeError
            If another thread uses the model.
        """
        self.engine.set_parameters(parameters)

    def parameters_vector(self, *, out: Array | None = None) -> Array:
        """Return a copy of all parameters as one vector, in the order of `parameters`.

        Parameters
        ----------
        out : ndarray of shape (parameters,), optional
            Receives the vector; its dtype must be that of the parameters.

        Returns
        -------
        ndarray of shape (parameters,)

        Raises
        ------
        ValueError, TypeError
            If the shape or the dtype of `out` differs.
        RuntimeError
            If another thread trains or changes the model.
        """
        values = [array.reshape(-1) for array in self.parameters().values()]
        dtype = self.engine.variable_dtype
        size = sum(array.size for array in values)
        if out is None:
            out = np.empty(size, dtype)
        elif out.dtype != dtype:
            raise TypeError(f"parameters_vector: out must be an array of {dtype}, got {out!r}")
        elif out.shape != (size,):
            raise ValueError(f"parameters_vector: out must have shape ({size},), got {out.shape}")
        np.concatenate([np.empty(0, dtype), *values], out=out)
        return out

    def set_parameters_vector(self, vector: npt.ArrayLike) -> None:
        """Set all parameters from one vector, in the order of `parameters`.

        Parameters
        ----------
        vector : array_like of shape (parameters,)
            As `parameters_vector` returns it; converted to the model's dtype.

        Raises
        ------
        ValueError
            If the shape differs.
        TypeError
            If the values are not real numbers.
        RuntimeError
            If another thread uses the model.
        """
        values = np.asarray(vector)
        current = self.parameters()
        ends = np.cumsum([array.size for array in current.values()], dtype=int)
        size = int(ends[-1]) if len(ends) else 0
        if values.shape != (size,):
            raise ValueError(
                f"set_parameters_vector: vector must have shape ({size},), got {values.shape}"
            )
        parts = np.split(values, ends[:-1]) if len(ends) else []
        self.set_parameters(
            {
                name: part.reshape(array.shape)
                for (name, array), part in zip(current.items(), parts, strict=True)
            }
        )

    def compile(
        self,
        optimizer: optimizers.Optimizer | str = "sgd",
        loss: losses.Loss | str | losses.Function = "softmax_cross_entropy",
        metrics: Sequence[str | Metric] | None = None,
        *,
        clip_delta: float | None = None,
    ) -> None:
        """Set the optimizer, loss and metrics; reset the optimizer's state and step count.

        Parameters
        ----------
        optimizer : Optimizer or str, default "sgd"
            A name stands for the optimizer with its default options.
        loss : Loss, str or callable, default "softmax_cross_entropy"
            A callable ``loss(outputs, targets) -> (row losses, grad_outputs)`` is called for each
            batch; see `losses.FunctionLoss`.
        metrics : sequence of str or callable, optional
            ``"accuracy"``, or functions ``metric(y_true, outputs) -> float``; see
            `prelunet.metrics`.
        clip_delta : float, optional
            A number above 0. Training clips the gradients with respect to the pre-activations of
            Dense and Conv2D layers elementwise to [-clip_delta, clip_delta]. It clips the gradient
            of each row's loss, before row weights and the mean over the batch are applied. Earlier
            layers receive the clipped gradient. To clip gradients of parameters, use the
            optimizer's `clip_value` or `clip_norm`.

        Raises
        ------
        TypeError, ValueError
            If an argument is invalid.
        RuntimeError
            If `fit` is running (a callback may set only `learning_rate`), or another thread uses
            the model.
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
        shuffle: bool | str = True,
        drop_last: bool = False,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: Mapping[int, float] | str | None = None,
        verbose: bool | int | str = "auto",
        callbacks: Sequence[Callback] | None = None,
        comm: object = None,
    ) -> History:
        """Train for a number of epochs.

        Parameters
        ----------
        X : array_like, sparse matrix or rows in a file, of shape ``(n, *input_shape)``
            Samples, one per row. Rows in a file are an HDF5 dataset of h5py, a table of pyarrow, or
            `data.ParquetRows`; y may be one too. Rows of a SciPy sparse matrix stay sparse if the
            first layer is `Dense`, or `Rescaling` without offset and then `Dense`. If all weights
            are finite, the results are bit-identical to those of dense rows, except for the sign of
            zeros.
        y : array_like
            Integer labels (n,) for softmax cross-entropy; otherwise targets (n, outputs), or (n,)
            for one output. All targets are checked before training, against the ranges given in
            `prelunet.losses`.
        epochs : int, default 1
            Number of epochs. With a `Checkpoint`, this includes the epochs of interrupted runs.
        batch_size : int or None, default 32
            Rows per step; the last batch may be smaller. None makes all rows one batch.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Evaluated after each epoch; the names of its metrics begin with ``val_``.
        validation_split : float, default 0.0
            Fraction of the rows to hold out for validation: the last ones, before shuffling.
        validation_freq : int, default 1
            Validate every `validation_freq` epochs; the history has NaN for the other epochs.
        shuffle : bool or "blocks", default True
            Shuffle the rows each epoch, in an order that depends only on the seed and on
            `epochs_trained`. A single batch of all rows is not shuffled. "blocks" visits blocks of
            adjacent rows in random order, and shuffles the rows of four blocks at a time: see the
            user guide. With "blocks" or False, rows of HDF5 datasets, Arrow tables, Parquet files
            and, with "blocks", files mapped with ``mmap_mode="r"`` are read while the network
            trains.
        drop_last : bool, default False
            Leave out the last batch of each epoch if it is smaller than `batch_size`, unless it is
            the only batch.
        sample_weight : array_like of shape (n,), optional
            The weight w of each row, at least 0. The loss of a batch is ``sum(w l) / sum(w)``, or
            ``sum(w l)`` if the reduction is "sum"; l is the loss of a row. The sum of the weights
            must be finite. Positive weights must not be subnormal.
        class_weight : mapping of int to float, or "balanced", optional
            Factors of the row weights, by class; a class without a key has factor 1. "balanced"
            gives all classes the same total weight. If the loss is a sigmoid cross-entropy of
            several outputs, `class_weight` must be None.
        verbose : bool, 0, 1, 2 or "auto", default "auto"
            Show progress on stderr; 2: one line per epoch; "auto": on a terminal and in a notebook.
        callbacks : sequence of Callback, optional
            Their methods are called in this order.
        comm : mpi4py.MPI.Intracomm, optional
            All ranks of this communicator train together, with the bits of one process: each
            computes a share of every batch's rows. All must call `fit` with the same model and
            data. Callbacks, validation and the progress bar run on rank 0 alone. See the page on
            several machines in the user guide.

        Returns
        -------
        History
            The loss and the metrics of each epoch. ``history["loss"]`` is the mean of the losses of
            the epoch's steps, weighted by the rows of each step. If the loss has the reduction
            "sum", it is their sum. The loss of a step is computed before its update and contains no
            penalties. Metrics that are functions are computed after the epoch.

        Raises
        ------
        TypeError, ValueError
            If the data or an argument are invalid; the model is unchanged then.
        RuntimeError
            If the model is not compiled, or another thread uses it.
        """
        prepare = functools.partial(
            loop.prepared,
            *(self, self.engine, X, y),
            epochs=epochs,
            batch_size=batch_size,
            validation_data=validation_data,
            validation_split=validation_split,
            validation_freq=validation_freq,
            shuffle=shuffle,
            drop_last=drop_last,
            sample_weight=sample_weight,
            class_weight=class_weight,
            verbose=verbose,
            callbacks=callbacks,
        )
        if comm is None:
            return loop.fit(self.engine, prepare)
        from .training import leading  # rarely needed

        return leading.fit(self.engine, prepare, comm)

    def predict_proba(self, X: npt.ArrayLike, *, out: Array | None = None) -> Array:
        """Return probabilities: the softmax or sigmoid of the outputs, depending on the loss.

        Parameters
        ----------
        X, out
            As in `predict`.

        Returns
        -------
        ndarray of shape (n, outputs)

        Raises
        ------
        TypeError, ValueError, RuntimeError
            As in `predict`, and if the loss is not a cross-entropy of logits.
        """
        kind = self.engine.record("predict_proba").probabilities("predict_proba")
        function = ops.softmax_forward if kind == "softmax" else ops.sigmoid_forward
        outputs = self.predict(X, out=out)
        return function(outputs, out=outputs)

    def evaluate(
        self, X: npt.ArrayLike, y: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> dict[str, float]:
        """Return the loss and the metrics of all rows as one batch, without dropout.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. Weights do not affect the metrics.

        Returns
        -------
        dict of str to float
            ``"loss"``, then the compiled metrics by name.
        """
        with self.engine.undoing_build():
            return prepare_blocks(self.engine, "evaluate", X, y, sample_weight).evaluate()

    def __repr__(self) -> str:
        """Return a constructor call with the same arguments."""
        shape = f", input_shape={self.input_shape}" if self.input_shape else ""
        layers = ", ".join(map(repr, self.layers))
        return f"Sequential([{layers}]{shape}, dtype={self.dtype!r}, seed={self.seed})"

    def __setstate__(self, state: State) -> None:
        """Restore a state of `Saving.__getstate__`."""
        description = state["description"]
        layers = [Layer.from_config(config) for config in description["layers"]]
        # A subclass may define another constructor.
        Sequential.__init__(self, layers, dtype=description["dtype"], seed=description["seed"])
        if description["input_shape"] is not None:
            build(self.engine, description["input_shape"], state["arrays"])
        self.metadata = dict(description["metadata"])
        if "optimizer" in description:
            functions = state.get("functions", [])
            self.engine.compile(Compiled.from_description(description, functions))
        Progress(self.engine, description, state["arrays"]).restore("load")
