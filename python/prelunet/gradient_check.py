"""Gradients against central differences of the loss, in float64: `check_gradients`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ._validation import integer, real
from .model import Sequential

Array = npt.NDArray[Any]
_EPS = float(np.finfo(np.float64).eps)
_STEP = _EPS ** (1 / 3)  # where a central difference's own error is smallest
_STEPS = 3  # tried, each a tenth of the last: a kink within one may lie beyond the next
_LOSS_ROUNDINGS = 8.0  # of the loss, in eps: row losses of some eps each, and their mean


@dataclass(frozen=True)
class GradientError:
    """How one parameter's gradient compares.

    Attributes
    ----------
    largest : float
        The largest absolute entry of the gradient.
    error : float
        The largest difference between an entry that was tried and its central difference.
    allowed : float
        What that may be.
    tried : int
        Entries that were tried.
    """

    largest: float
    error: float
    allowed: float
    tried: int

    @property
    def passed(self) -> bool:
        """Whether the error is allowed; NaN never is."""
        return self.error <= self.allowed


class GradientErrors(Mapping[str, GradientError]):
    """A `GradientError` for each parameter, by name; prints as a table."""

    def __init__(self, errors: Mapping[str, GradientError]) -> None:
        self._errors = dict(errors)

    @property
    def passed(self) -> bool:
        """Whether every gradient agrees."""
        return all(error.passed for error in self.values())

    def __getitem__(self, name: str) -> GradientError:
        """Return the errors of one parameter."""
        return self._errors[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the parameters' names, in the order of the layers."""
        return iter(self._errors)

    def __len__(self) -> int:
        """Return how many parameters there are."""
        return len(self._errors)

    def __repr__(self) -> str:
        """Return a line for each parameter."""
        width = max([9, *map(len, self)])
        lines = [f"{'parameter':<{width}}  {'largest':>10}  {'error':>8}  {'allowed':>8}  tried"]
        lines += [
            f"{name:<{width}}  {e.largest:>10.3g}  {e.error:>8.1e}  {e.allowed:>8.1e}"
            f"  {e.tried:>5}  {'ok' if e.passed else 'WRONG'}"
            for name, e in self.items()
        ]
        return "\n".join(lines)


def check_gradients(
    model: Sequential,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    sample_weight: npt.ArrayLike | None = None,
    tolerance: float = 1e-6,
    entries: int = 20,
    seed: int = 0,
) -> GradientErrors:
    """Compare the gradients of a compiled model with central differences, layer by layer.

    ``(loss(p + h) - loss(p - h)) / 2 h`` for some entries p of every parameter, on a copy of the
    model in float64. Dropout drops the same units throughout. Where the loss has a kink within h
    (ReLU at 0), smaller steps are tried.

    Parameters
    ----------
    model : Sequential
        Compiled; it is not changed.
    X, y, sample_weight
        As in `Sequential.fit`; some tens of rows are enough.
    tolerance : float, default 1e-6
        What an entry may be off, relative to the largest of its gradient; the rounding of the loss
        is allowed on top.
    entries : int, default 20
        Entries tried of each parameter, drawn at random; all where there are fewer.
    seed : int, default 0
        Of the draw.

    Returns
    -------
    GradientErrors
        A mapping from the parameters' names, a table when printed; ``.passed`` sums it up.

    Raises
    ------
    TypeError, ValueError
        If data do not fit or an argument is not what is said above.
    RuntimeError
        If the model is not compiled.
    """
    owner = "check_gradients"
    if not isinstance(model, Sequential):
        raise TypeError(f"{owner}: model must be a Sequential, got {model!r}")
    tolerance = real(owner, "tolerance", tolerance, exclusive_minimum=0.0)
    entries = integer(owner, "entries", entries, minimum=1)
    rng = np.random.default_rng(integer(owner, "seed", seed, minimum=0))
    model.loss_and_gradients(X, y, sample_weight=sample_weight)  # builds it, and checks the data
    twin = _in_float64(model)
    _, gradients = twin.loss_and_gradients(X, y, sample_weight=sample_weight)

    def moved_loss(name: str, values: Array) -> float:
        twin.set_parameters({name: values})
        return twin.loss_and_gradients(X, y, sample_weight=sample_weight)[0]

    errors = {}
    for name, gradient in gradients.items():
        start = twin.parameters()[name].copy()
        places = [np.unravel_index(p, start.shape) for p in rng.permutation(start.size)[:entries]]
        largest = float(np.abs(gradient).max())
        found = [
            _compare(
                partial(moved_loss, name), start, place, float(gradient[place]), tolerance * largest
            )
            for place in places
        ]
        twin.set_parameters({name: start})
        error, allowed = max(found, key=_excess)
        errors[name] = GradientError(largest, error, allowed, len(places))
    return GradientErrors(errors)


def _in_float64(model: Sequential) -> Sequential:
    """Return a copy whose arithmetic is in float64."""
    assert model._optimizer is not None
    assert model._loss is not None
    twin = Sequential(model.layers, input_shape=model.input_shape, dtype="float64", seed=model.seed)
    twin.compile(model._optimizer, model._loss)
    twin.set_parameters(model.parameters())
    twin._network.steps = model.steps_trained  # dropout's
    return twin


def _compare(
    loss_of: Callable[[Array], float],
    start: Array,
    place: tuple[Any, ...],
    gradient: float,
    slack: float,
) -> tuple[float, float]:
    """Return how far one entry's gradient is from the central difference, and may be."""
    tries = []
    step = _STEP * max(1.0, abs(float(start[place])))
    for _ in range(_STEPS):
        up, down = start.copy(), start.copy()
        up[place] += step
        down[place] -= step
        above, below = loss_of(up), loss_of(down)
        error = abs((above - below) / (up[place] - down[place]) - gradient)
        rounding = _LOSS_ROUNDINGS * _EPS * max(abs(above), abs(below)) / step
        tries.append((float(error), float(slack + rounding)))
        if error <= slack + rounding:
            break
        step /= 10
    return min(tries, key=_excess)


def _excess(comparison: tuple[float, float]) -> float:
    error, allowed = comparison
    return math.inf if math.isnan(error) or allowed == 0.0 < error else error - allowed
