"""`Lambda`, a layer defined by two Python functions."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._description import checked
from .._validation import function, size
from .base import Layer, Shape

Array = npt.NDArray[Any]
Memory = tuple[tuple[int, ...], memoryview]  # shape and elements of an array of the engine


def _shape(owner: str, name: str, value: Sequence[int] | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    expected = f"{owner}: {name} must be None or a tuple of integers, got {value!r}"
    if not isinstance(value, (tuple, list)):
        raise TypeError(expected)
    if not value:
        raise ValueError(expected)
    return tuple(size(owner, f"an entry of {name}", entry) for entry in value)


def call_function(
    reference: weakref.ReferenceType[Lambda],
    owner: str,
    function: str,
    dtype: npt.DTypeLike,
    out: Memory,
    *arguments: Memory,
) -> None:
    """Call a function of a Lambda on copies of the engine's arrays; write its result to `out`.

    The reference is weak because the functions may refer to the model, whose engine keeps them. The
    arguments are copies because a function may keep them.
    """
    layer = reference()
    if layer is None:
        raise RuntimeError(f"{owner}: its model is gone")
    copies = [np.ndarray(shape, dtype, memory).copy() for shape, memory in arguments]
    result = np.asarray(getattr(layer, function)(*copies))
    if result.dtype.kind not in "fiub":
        raise TypeError(f"{owner}: {function} must return real numbers, got dtype {result.dtype}")
    shape, memory = out
    if result.shape != shape:
        raise ValueError(f"{owner}: {function} must return shape {shape}, got {result.shape}")
    np.ndarray(shape, dtype, memory)[...] = result


class Lambda(Layer):
    """A custom layer written in Python, for experiments and inspection.

    A Lambda is slow: it calls Python for every block of rows, and its model runs on one thread. It
    cannot be saved to a file. `pickle` and `copy` work if they work for its functions.

    Parameters
    ----------
    forward : callable
        ``forward(x) -> y``, where x of shape ``(rows, *input_shape)`` and y of shape
        ``(rows, *output_shape)`` have the model's dtype. Each row of y must depend only on the same
        row of x, since batches are split into blocks.
    backward : callable
        ``backward(grad_y, x, y) -> grad_x``, which computes the gradient of the loss with respect
        to x from that with respect to y.
    output_shape : tuple of int, optional
        Shape of one sample of y; by default that of x.
    name, trainable
        As for `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or, when called, if a function returns an array of another shape
        or without real numbers. `fit` and `predict` propagate exceptions of the functions; a failed
        step leaves the parameters unchanged.

    See Also
    --------
    prelunet.check_gradients : compares `backward` with finite differences of `forward`.

    Examples
    --------
    >>> import numpy as np
    >>> softplus = pn.Lambda(
    ...     lambda x: np.logaddexp(0, x), lambda grad_y, x, y: grad_y / (1 + np.exp(-x))
    ... )
    """

    forward: Callable[[Array], npt.ArrayLike] = checked(function)
    backward: Callable[[Array, Array, Array], npt.ArrayLike] = checked(function)
    output_shape: Sequence[int] | None = checked(_shape, default=None)

    @property
    def holds_function(self) -> bool:
        """True."""
        return True

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine, including the functions."""
        functions = {
            "call": call_function,
            "layer": weakref.ref(self),
            "output_shape": self.output_shape or (),
        }
        return [{"type": "lambda", "functions": functions}]

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return no parameters, and the shape of the output."""
        return {}, tuple(self.output_shape or sample)
