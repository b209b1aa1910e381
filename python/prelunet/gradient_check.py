"""Gradients against central differences of the loss, in float64: `check_gradients`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ._arrays import as_rows
from ._validation import integer, real
from .engine import Engine
from .model import Sequential
from .training import prepare

Array = npt.NDArray[Any]
_EPS = float(np.finfo(np.float64).eps)
_STEP = _EPS ** (1 / 3)  # where a central difference's own error is smallest
# Others are tried where that fails: larger ones where the rounding of the loss hides the gradient,
# smaller ones where a kink lies within the step.
_STEPS = (1.0, 10.0, 100.0, 0.1, 0.01)
_LOSS_ROUNDINGS = 8.0  # of the loss, in eps: row losses of some eps each, and their mean
_BLIND = 1e-3  # allowances above this share of the largest gradient tell nothing
ROWS = "X"  # what the gradient of the rows is called


@dataclass(frozen=True)
class GradientError:
    """How one parameter's gradient compares.

    Attributes
    ----------
    largest : float
        The largest absolute entry of the gradient.
    error : float
        The difference between an entry and its central difference that is the worst of those tried,
        compared with what it may be.
    allowed : float
        What that difference may be.
    tried : int
        Entries that were tried.
    """

    largest: float
    error: float
    allowed: float
    tried: int

    @property
    def passed(self) -> bool:
        """Whether the error is allowed, and so little is that a wrong gradient would have more."""
        return self.error <= self.allowed and not self.unclear

    @property
    def unclear(self) -> bool:
        """Whether the rounding of the loss hides whether the gradient is right."""
        return self.error != 0.0 and self.allowed > _BLIND * self.largest

    def __str__(self) -> str:
        """Return the verdict."""
        return "ok" if self.passed else "UNCLEAR" if self.unclear else "WRONG"


class GradientErrors(Mapping[str, GradientError]):
    """A `GradientError` for each parameter, and for the rows as "X"; prints as a table."""

    def __init__(self, errors: Mapping[str, GradientError]) -> None:
        self._errors = dict(errors)

    @property
    def passed(self) -> bool:
        """Whether every gradient agrees."""
        return all(error.passed for error in self.values())

    def __getitem__(self, name: str) -> GradientError:
        """Return how one parameter's gradient compares."""
        return self._errors[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the parameters' names, in the order of the layers."""
        return iter(self._errors)

    def __len__(self) -> int:
        """Return how many gradients there are."""
        return len(self._errors)

    def __repr__(self) -> str:
        """Return a line for each parameter."""
        width = max([9, *map(len, self)])
        lines = [f"{'parameter':<{width}}  {'largest':>10}  {'error':>8}  {'allowed':>8}  tried"]
        lines += [
            f"{name:<{width}}  {e.largest:>10.3g}  {e.error:>8.1e}  {e.allowed:>8.1e}"
            f"  {e.tried:>5}  {e}"
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

    ``(loss(p + h) - loss(p - h)) / 2 h`` for some entries p of every parameter, and of the rows, on
    a copy of the model in float64. Dropout drops the same units throughout. Where the loss has a
    kink within h (ReLU at 0), smaller steps are tried; where its rounding is larger than what h
    changes, larger ones, and "UNCLEAR" is the verdict if none shows the gradient.

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
        A mapping from the parameters' names, and "X", to `GradientError`; a table when printed.
        ``.passed`` sums it up.

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
    twin = model.engine.copy(owner, dtype="float64")
    rows = np.array(as_rows(owner, "X", X), np.float64)

    def loss_and_gradients(values: Array) -> tuple[float, Sequence[Array]]:
        return prepare(twin, owner, values, y, sample_weight).loss_and_gradients()

    gradients = twin.gradients_by_name(loss_and_gradients(rows)[1])
    starts = {name: values.copy() for name, values in twin.parameters().items()}
    gradients[ROWS], starts[ROWS] = _gradient_of_rows(twin, rows, y, sample_weight), rows

    def moved_loss(name: str, values: Array) -> float:
        if name == ROWS:
            return loss_and_gradients(values)[0]
        twin.set_parameters({name: values})
        return loss_and_gradients(rows)[0]

    errors = {}
    for name, gradient in gradients.items():
        start = starts[name]
        places = [np.unravel_index(p, start.shape) for p in rng.permutation(start.size)[:entries]]
        largest = float(np.abs(gradient).max())
        found = [
            _compare(
                partial(moved_loss, name), start, place, float(gradient[place]), largest, tolerance
            )
            for place in places
        ]
        moved_loss(name, start)
        error, allowed = max(found, key=_excess)
        errors[name] = GradientError(largest, error, allowed, len(places))
    return GradientErrors(errors)


def _gradient_of_rows(
    engine: Engine, X: Array, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None
) -> Array:
    data = prepare(engine, "check_gradients", X, y, sample_weight)
    return data.backward(engine.tape("check_gradients", data.rows, data.targets, training=True))


def _compare(
    loss_of: Callable[[Array], float],
    start: Array,
    place: tuple[Any, ...],
    gradient: float,
    largest: float,
    tolerance: float,
) -> tuple[float, float]:
    """Return how far one entry's gradient is from the central difference, and may be."""
    tries = []
    for factor in _STEPS:
        step = factor * _STEP * max(1.0, abs(float(start[place])))
        up, down = start.copy(), start.copy()
        up[place] += step
        down[place] -= step
        above, below = loss_of(up), loss_of(down)
        error = float(abs((above - below) / (up[place] - down[place]) - gradient))
        rounding = _LOSS_ROUNDINGS * _EPS * max(abs(above), abs(below)) / step
        allowed = tolerance * largest + rounding
        tries.append((error, allowed))
        if error == 0.0 or error <= allowed <= _BLIND * largest:
            return error, allowed
    seeing = [(error, allowed) for error, allowed in tries if allowed <= _BLIND * largest]
    return min(seeing or tries, key=_excess)


def _excess(comparison: tuple[float, float]) -> float:
    """Return by what factor an error is more than allowed."""
    error, allowed = comparison
    if error == 0.0:
        return 0.0
    return math.inf if math.isnan(error) or allowed == 0.0 else error / allowed
