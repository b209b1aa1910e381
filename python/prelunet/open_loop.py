"""`OpenLoop`: methods of `Sequential` for custom training loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core, tracing
from ._arrays import as_rows, is_sparse
from ._validation import boolean, real
from .dtypes import compute_dtype
from .engine import Engine
from .row_sources import as_source, is_source
from .training import prepare
from .training.data import checked_batch_size, checked_order, train_on_batch

Array = npt.NDArray[Any]


class OpenLoop:
    """Methods of `Sequential` for custom training loops: outputs, gradients, single updates.

    Attributes
    ----------
    engine : Engine
    """

    engine: Engine

    @property
    def dtype(self) -> str:
        """The dtype of the model, as given to its constructor."""
        return self.engine.dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype of matrix products: "bfloat16" if `dtype` is "mixed_bfloat16"."""
        return compute_dtype(self.dtype)

    @property
    def variable_dtype(self) -> str:
        """The dtype of parameters, optimizer state and outputs."""
        return self.engine.variable_dtype

    def predict(self, X: npt.ArrayLike, *, out: Array | None = None) -> Array:
        """Return the outputs of the last layer: logits if the loss is a cross-entropy.

        Parameters
        ----------
        X : array_like, sparse matrix or rows in a file, of shape ``(n, *input_shape)``
            As in `fit`.
        out : ndarray of shape (n, outputs), optional
            Output array, also returned, of dtype `variable_dtype`. C-contiguous; must not share
            memory with X. With it, a call allocates no array.

        Returns
        -------
        ndarray of shape (n, outputs)
            The bits of a row do not depend on the other rows.

        Raises
        ------
        TypeError, ValueError
            If X or `out` is invalid; `out` is unchanged then.
        RuntimeError
            If another thread trains or changes the model.
        """
        engine = self.engine
        if is_source(X):
            from .training import block_data  # rarely needed; starts a thread

            return block_data.predict(engine, "predict", as_source("predict", "X", X), out)
        if engine.is_built and not is_sparse(X):  # saves a microsecond, a third of a small call
            return engine.core.predict_array("predict", as_rows("predict", "X", X), out)
        with engine.building():
            rows = engine.rows("predict", X)  # may build the engine
            return engine.core.predict(rows, out)

    def vjp(
        self, X: npt.ArrayLike, *, training: bool = False
    ) -> tuple[Array, Callable[[npt.ArrayLike], tuple[Array, dict[str, Array]]]]:
        """Return the outputs and a function that backpropagates a gradient from them.

        The function computes vector-Jacobian products, for custom losses and training loops.

        Parameters
        ----------
        X : array_like or sparse matrix of shape ``(n, *input_shape)``
            At least one row. Sparse rows are made dense.
        training : bool, default False
            Whether dropout is active, with the mask of the next update.

        Returns
        -------
        outputs : ndarray of shape (n, outputs)
        backward : callable
            ``backward(grad_outputs, *, parameters=True) -> (grad_x, gradients)``. `grad_outputs` is
            the gradient of a scalar with respect to the outputs. `grad_x` is its gradient with
            respect to X, of the shape of X, and `gradients` has those of the trainable parameters
            by name. With ``parameters=False``, `gradients` is empty, and their products are not
            computed. May be called repeatedly until the parameters change. Requires exclusive use
            of the model, as training does.

        Raises
        ------
        TypeError, ValueError
            If an argument or `grad_outputs` is invalid.
        RuntimeError
            From `backward`, if the parameters have changed; from both, if another thread trains.

        Examples
        --------
        >>> outputs, backward = model.vjp(X)  # doctest: +SKIP
        >>> _, gradients = backward(outputs - y)  # doctest: +SKIP
        >>> model.apply_gradients(gradients)  # doctest: +SKIP
        """
        boolean("vjp", "training", training)
        engine = self.engine
        with engine.building():
            tape = engine.tape("vjp", engine.rows("vjp", X), training=training)
            outputs = tape.outputs()

        def backward(
            grad_outputs: npt.ArrayLike, *, parameters: bool = True
        ) -> tuple[Array, dict[str, Array]]:
            boolean("backward", "parameters", parameters)
            rows = as_rows("backward", "grad_outputs", grad_outputs)
            grad_x, gradients = tape.backward(rows, parameters)
            return grad_x, engine.gradients_by_name(gradients) if parameters else {}

        return outputs, backward

    def loss_and_gradients(
        self, X: npt.ArrayLike, y: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[float, dict[str, Array]]:
        """Return the loss of all rows as one batch and its gradients, without an update.

        Penalties are excluded. Dropout is active, with the mask of the next update.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        loss : float
        gradients : dict of str to ndarray
            Keyed as in `parameters`; frozen layers have no entries.
        """
        with self.engine.undoing_build():
            data = prepare(self.engine, "loss_and_gradients", X, y, sample_weight)
            loss, gradients = data.loss_and_gradients()
        return loss, self.engine.gradients_by_name(gradients)

    def train_epoch(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        order: npt.ArrayLike | None = None,
        batch_size: int | None = 32,
        sample_weight: npt.ArrayLike | None = None,
    ) -> dict[str, float]:
        """Train for one epoch over the rows in `order`; by default over all rows, unshuffled.

        Parameters
        ----------
        X, y, batch_size, sample_weight
            As in `fit`.
        order : array_like of int of shape (n_visits,), optional
            Row indices in the order of training; rows may be missing or repeated.

        Returns
        -------
        dict of str to float
            ``"loss"`` and, if compiled, ``"accuracy"``, as in the history of `fit`.
        """
        with self.engine.undoing_build():
            data = prepare(self.engine, "train_epoch", X, y, sample_weight)
            numbers = None if order is None else checked_order("train_epoch", order, data.count)
            count = data.count if numbers is None else len(numbers)
            size = checked_batch_size("train_epoch", batch_size, count)
            totals = _core.Totals()
            data.train(numbers, size, [totals], steps=math.ceil(count / size))
        logs = data.logs(totals)
        if not math.isfinite(logs["loss"]):
            data.warn_not_finite("train_epoch", logs["loss"])
        return logs

    def apply_gradients(
        self, gradients: Mapping[str, npt.ArrayLike], *, finite: bool = False
    ) -> float:
        """Make one update with the compiled optimizer from the given gradients.

        Parameters
        ----------
        gradients : mapping of str to array_like
            One gradient for each trainable parameter, keyed as in `parameters`, for example from
            `vjp` or `loss_and_gradients`. Converted to the model's dtype.
        finite : bool, default False
            Whether gradients that are not finite are an error.

        Returns
        -------
        float
            The Euclidean norm of all gradients together, before any clipping.

        Raises
        ------
        TypeError, ValueError
            If a name is missing or unknown, a shape differs, values are not real numbers, or
            `finite` is True and their norm is not finite; the model is unchanged then.
        RuntimeError
            If the model is not compiled.
        """
        boolean("apply_gradients", "finite", finite)
        self.engine.record("apply_gradients")
        return self.engine.apply_gradients(gradients, finite=finite)

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
            ``"loss"`` and, if compiled, ``"accuracy"``, both before the update.
        """
        engine, compiled = self.engine, self.engine.record("train_on_batch")
        if engine.is_built and compiled.function is None and not is_sparse(X):
            return train_on_batch(engine, compiled, X, y, sample_weight)
        with engine.undoing_build():
            data, totals = prepare(engine, "train_on_batch", X, y, sample_weight), _core.Totals()
            data.train(None, data.count, [totals], steps=1)
        return data.logs(totals)

    def copy_from(self, other: OpenLoop, tau: float = 1.0) -> None:
        """Move the parameters towards another model's: ``p += tau * (p_other - p)``.

        With ``tau=1`` they become equal. Repeated calls with a small `tau` make this model a slowly
        updated target network [1]_.

        Parameters
        ----------
        other : Sequential
            A model with the same parameter names and shapes; its dtype may differ.
        tau : float, default 1.0
            From 0 to 1.

        Raises
        ------
        TypeError, ValueError
            If an argument is invalid.
        RuntimeError
            If another thread uses this model or trains the other one.

        References
        ----------
        .. [1] T. P. Lillicrap et al., "Continuous control with deep reinforcement learning",
           ICLR 2016, arXiv:1509.02971.
        """
        if not isinstance(other, OpenLoop):
            raise TypeError(f"copy_from: other must be a Sequential, got {other!r}")
        tau = real("copy_from", "tau", tau, minimum=0.0, maximum=1.0)
        engine, source = self.engine, other.engine
        if engine.core is source.core:
            return
        if engine.moves_towards(source, tau):
            return
        with engine.core.holding("copy_from"):  # no step may come between reading and writing
            own, theirs = engine.copies("copy_from"), source.copies("copy_from")
            shapes, others = ({n: v.shape for n, v in p.items()} for p in (own, theirs))
            for name in [*shapes, *others]:
                if shapes.get(name) != others.get(name):
                    raise ValueError(
                        "copy_from: other must have parameters of the same names and shapes; here "
                        f"{name!r} is {shapes.get(name, 'missing')}, there "
                        f"{others.get(name, 'missing')}"
                    )
            if tau == 0.0:
                return
            if tau < 1.0:
                wide = {name: values.astype(np.float64) for name, values in own.items()}
                theirs = {n: p + tau * (theirs[n].astype(float) - p) for n, p in wide.items()}
            engine.set_parameters(theirs)

    def trace(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> dict[str, Array]:
        """Return all intermediate values from input to loss, by name, for teaching and debugging.

        The values have the same bits as in training with all rows as one batch; deltas are not
        clipped. A copy of the engine computes them, and memory grows with the number of rows.

        Parameters
        ----------
        X, sample_weight
            As in `fit`. Sparse rows are made dense.
        y : array_like, optional
            As in `fit`. If None, deltas are omitted and dropout is off.

        Returns
        -------
        dict of str to ndarray
            For each layer except Flatten, keyed by its name: ``"1.z"``, its output before its own
            activation; ``"1.a"``, its output, equal to z if it has no activation; and
            ``"1.delta"``, the gradient of the loss with respect to z. Each has shape
            ``(n, *output_shape)``. Layers inside a Residual follow it.

        Raises
        ------
        TypeError, ValueError, RuntimeError
            If the data are invalid, or y is given and the model is not compiled.
        """
        with self.engine.undoing_build():
            return tracing.trace(self.engine, X, y, sample_weight)
