"""Lambda: a layer whose arithmetic is two functions of Python's."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt

from .._validation import size
from .base import Layer

Array = npt.NDArray[Any]


class Lambda(Layer):
    """A layer written in Python, to try an idea or to see what a layer does.

    It is slow: every block of rows goes to Python and comes back, and a model that holds such a
    layer works on one thread. It cannot be saved to a file; `pickle` and `copy` take it where they
    take its functions.

    Parameters
    ----------
    forward : callable
        ``forward(x) -> y``, on rows of the model's dtype: (rows, *input shape) to (rows, *output
        shape). It must treat every row alike, since batches come in blocks.
    backward : callable
        ``backward(grad_y, x, y) -> grad_x``: the gradient of the loss by x from that by y.
    output_shape : tuple of int, optional
        The shape of one sample of y; by default that of x.
    name, trainable
        As for every `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above, or in use, if a function returns another shape or
        no real numbers. What a function raises comes out of `fit` or `predict`; a step that fails
        leaves the parameters as they were.

    See Also
    --------
    prelunet.check_gradients : whether `backward` fits `forward`.

    Examples
    --------
    >>> import numpy as np
    >>> softplus = pn.Lambda(
    ...     lambda x: np.logaddexp(0, x), lambda grad_y, x, y: grad_y / (1 + np.exp(-x))
    ... )
    """

    def __init__(
        self,
        forward: Callable[[Array], npt.ArrayLike],
        backward: Callable[[Array, Array, Array], npt.ArrayLike],
        output_shape: Sequence[int] | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.forward = _function("forward", forward)
        self.backward = _function("backward", backward)
        self.output_shape = None if output_shape is None else _shape(output_shape)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the engine's description, with the functions."""
        functions = {"layer": weakref.ref(self), "output_shape": self.output_shape or ()}
        return [{"type": "lambda", "functions": functions}]


def _function(argument: str, value: Any) -> Any:
    if not callable(value):
        raise TypeError(f"Lambda: {argument} must be callable, got {value!r}")
    return value


def _shape(output_shape: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(output_shape, (tuple, list)) or not output_shape:
        raise ValueError(
            f"Lambda: output_shape must be None or a tuple of integers, got {output_shape!r}"
        )
    return tuple(size("Lambda", "an entry of output_shape", entry) for entry in output_shape)
