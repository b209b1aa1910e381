"""A network before anything is trained: layers, the engine that computes them, its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from ._arrays import as_rows
from ._validation import boolean, integer, real
from .building import (
    build_network,
    checked_dtype,
    checked_parameters,
    checked_shape,
    new_tape,
)
from .layers import Layer
from .layers.stacking import checked_layers

Array = npt.NDArray[Any]
_LARGEST_SEED = 2**63 - 1
_NOTHING_TO_TAKE_BACK = nullcontext()


class Network:
    """What `Sequential` is, without what it learns from; arguments as there."""

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        input_shape: Sequence[int] | None,
        dtype: str,
        seed: int | None,
    ) -> None:
        self.layers = checked_layers("Sequential", layers)
        self.dtype = checked_dtype(dtype)
        self.seed = (
            int(np.random.SeedSequence().generate_state(1)[0])
            if seed is None
            else integer("Sequential", "seed", seed, minimum=0, maximum=_LARGEST_SEED)
        )
        self._network: Any = None
        self._names: list[str] = []
        self._input_shape: tuple[int, ...] | None = None
        if input_shape is not None:
            self.build(input_shape)

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

        Parameters
        ----------
        input_shape : tuple of int
            As in the constructor.

        Raises
        ------
        ValueError
            If a layer does not fit its input, or the model is built already.
        """
        if self._network is not None:
            raise ValueError(f"Sequential.build: built already, for samples {self._input_shape}")
        shape = checked_shape(input_shape)
        network, names = self._made(shape)
        self._names, self._input_shape = names, shape
        self._network = network  # last and ready for use: other threads see it from here on

    def __repr__(self) -> str:
        """Return the call that makes such a model."""
        shape = f", input_shape={self._input_shape}" if self._input_shape else ""
        layers = ", ".join(map(repr, self.layers))
        return f"Sequential([{layers}]{shape}, dtype={self.dtype!r}, seed={self.seed})"

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
        RuntimeError
            If the model is in use by another thread.
        """
        checked = checked_parameters("set_parameters", "parameters", parameters, self.parameters())
        self._network.write_parameters(self._by_place(checked))

    def predict(self, X: npt.ArrayLike) -> Array:
        """Return the last layer's outputs; logits where the loss is of logits.

        Parameters
        ----------
        X : array_like of shape (n, *input_shape)

        Returns
        -------
        ndarray of shape (n, outputs)
            Each row has the bits that it would have alone.
        """
        with self._unbuilt_again_on_error():
            rows = self._rows("predict", X)
        outputs: Array = self._network.predict(rows)
        return outputs

    def vjp(
        self, X: npt.ArrayLike, *, training: bool = False
    ) -> tuple[Array, Callable[[npt.ArrayLike], tuple[Array, dict[str, Array]]]]:
        """Return outputs, and a function from their gradient to those of inputs and parameters.

        The product of a vector with the network's Jacobian: for losses and loops of one's own.

        Parameters
        ----------
        X : array_like of shape (n, *input_shape)
            At least one row.
        training : bool, default False
            Whether dropout acts, as in the update that would come next.

        Returns
        -------
        outputs : ndarray of shape (n, outputs)
        backward : callable
            ``backward(grad_outputs) -> (grad_x, gradients)``: from the gradient of any number by
            the outputs to its gradients by X, of its shape, and by the trainable parameters, by
            name. It may be called again, as long as the parameters are those of `outputs`. It needs
            the model for itself, as training does.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what is said above, `grad_outputs` too.
        RuntimeError
            From `backward`, if parameters have changed since; from both, if another thread trains.

        Examples
        --------
        >>> outputs, backward = model.vjp(X)  # doctest: +SKIP
        >>> _, gradients = backward(outputs - y)  # doctest: +SKIP
        >>> model.apply_gradients(gradients)  # doctest: +SKIP
        """
        boolean("vjp", "training", training)
        with self._unbuilt_again_on_error():
            rows = self._rows("vjp", X)
            tape = new_tape(self._network, "vjp", rows, training=training)

        def backward(grad_outputs: npt.ArrayLike) -> tuple[Array, dict[str, Array]]:
            grad_x, gradients = tape.backward(as_rows("backward", "grad_outputs", grad_outputs))
            return grad_x, self._by_name(gradients)

        return tape.outputs(), backward

    def copy_from(self, other: Network, tau: float = 1.0) -> None:
        """Move the parameters towards another model's: ``p = (1 - tau) * p + tau * other's``.

        With 1 they become equal; with a small `tau`, time after time, they follow slowly, as a
        target network does [1]_.

        Parameters
        ----------
        other : Sequential
            With parameters of the same names and shapes; its dtype may differ.
        tau : float, default 1.0
            From 0 to 1.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what is said above.
        RuntimeError
            If this model is in use by another thread, or another thread trains the other.

        References
        ----------
        .. [1] T. P. Lillicrap et al., "Continuous control with deep reinforcement learning",
           ICLR 2016, arXiv:1509.02971.
        """
        if not isinstance(other, Network):
            raise TypeError(f"copy_from: other must be a Sequential, got {other!r}")
        tau = real("copy_from", "tau", tau, minimum=0.0, maximum=1.0)
        with self._built().holding("copy_from"):  # or a step between reading and writing is lost
            self._move_towards(other, tau)

    # ---- inside --------------------------------------------------------------------------------

    def _built(self) -> Any:
        if self._network is None:
            raise RuntimeError(
                "Sequential: input_shape is not known yet; give it, call build or fit"
            )
        return self._network

    def _move_towards(self, other: Network, tau: float) -> None:
        own, theirs = self._copies("copy_from"), other._copies("copy_from")
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
            theirs = {n: (1.0 - tau) * p + tau * theirs[n].astype(float) for n, p in wide.items()}
        self.set_parameters(theirs)

    def _made(self, shape: tuple[int, ...]) -> tuple[Any, list[str]]:
        """Return the engine for samples of this shape, and its parameters' names."""
        return build_network(self.layers, shape, dtype=self.dtype, seed=self.seed)

    def _by_place(self, arrays: Mapping[str, Array]) -> dict[int, Array]:
        """Return arrays by their parameters' places in the engine, as rows of one sample."""
        places = {name: place for place, name in enumerate(self._names)}
        return {places[name]: values[None] for name, values in arrays.items()}

    def _by_name(self, gradients: list[Array]) -> dict[str, Array]:
        """Return gradients of what is trained, in the engine's order, by the parameters' names."""
        infos = zip(self._names, self._network.parameters(), strict=True)
        trained = (name for name, info in infos if info["trainable"])
        return dict(zip(trained, gradients, strict=True))

    def _state(self, operation: str) -> tuple[list[Array], int]:
        """Return copies of the parameters and the steps taken, of one moment."""
        values, _, taken = self._built().state(operation, slots=False)
        return values, taken

    def _copies(self, operation: str) -> dict[str, Array]:
        """Return copies of the parameters, refused while another thread trains."""
        return dict(zip(self._names, self._state(operation)[0], strict=True))

    def _rows(self, operation: str, X: npt.ArrayLike) -> Any:
        """Return the rows as the engine reads them; the first ones fix the shape of a sample."""
        rows = as_rows(operation, "X", X)
        if self._network is None:
            if rows.ndim == 1:
                raise ValueError(
                    f"{operation}: X must have shape (n, features) or more axes, got {rows.shape}"
                )
            self.build(rows.shape[1:])
        return self._network.rows(operation, rows)

    def _unbuilt_again_on_error(self) -> AbstractContextManager[None]:
        """Take back a building that began with data which are then refused."""
        return self._building() if self._network is None else _NOTHING_TO_TAKE_BACK

    @contextmanager
    def _building(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._network, self._input_shape, self._names = None, None, []
            raise
