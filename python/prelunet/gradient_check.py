"""`check_gradients`, which compares gradients with central differences of the loss."""

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
from .layers import Columns, Embedding, Flatten, Layer
from .model import Sequential
from .training import prepare

Array = npt.NDArray[Any]
_EPS = float(np.finfo(np.float64).eps)
_STEP = _EPS ** (1 / 3)  # minimizes the error of a central difference
# Factors of _STEP, tried in order. Larger steps help if rounding of the loss hides the gradient,
# smaller steps if the loss has a kink within the step.
_STEPS = (1.0, 10.0, 100.0, 0.1, 0.01)
_LOSS_ROUNDINGS = 8.0  # rounding error of the loss in eps: of the row losses and of their mean
_BLIND = 1e-3  # allowed errors above this fraction of the largest entry are inconclusive
ROWS = "X"  # name of the gradient with respect to the rows


@dataclass(frozen=True)
class GradientError:
    """The comparison of one parameter's gradient with central differences.

    Attributes
    ----------
    largest : float
        The largest absolute entry of the gradient.
    error : float
        Difference between gradient and central difference, for the entry with the largest ratio of
        error to allowed error.
    allowed : float
        Allowed error of that entry.
    tried : int
        Number of entries compared.
    """

    largest: float
    error: float
    allowed: float
    tried: int

    @property
    def passed(self) -> bool:
        """Whether the error is allowed and the comparison is conclusive."""
        return self.error <= self.allowed and not self.unclear

    @property
    def unclear(self) -> bool:
        """Whether rounding of the loss makes the comparison inconclusive."""
        return self.error != 0.0 and self.allowed > _BLIND * self.largest

    def __str__(self) -> str:
        """Return "ok", "UNCLEAR" or "WRONG"."""
        return "ok" if self.passed else "UNCLEAR" if self.unclear else "WRONG"


class GradientErrors(Mapping[str, GradientError]):
    """A `GradientError` for each parameter, and for the rows as "X"; printed as a table."""

    def __init__(self, errors: Mapping[str, GradientError]) -> None:
        self._errors = dict(errors)

    @property
    def passed(self) -> bool:
        """Whether all gradients passed."""
        return all(error.passed for error in self.values())

    def __getitem__(self, name: str) -> GradientError:
        """Return the comparison of one parameter's gradient."""
        return self._errors[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the parameter names, in the order of the layers."""
        return iter(self._errors)

    def __len__(self) -> int:
        """Return the number of gradients."""
        return len(self._errors)

    def __repr__(self) -> str:
        """Return a table with one row per parameter."""
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
    """Compare the gradients of a compiled model with central differences of the loss.

    The central differences ``(loss(p + h) - loss(p - h)) / 2 h`` are computed for random entries p
    of every parameter and of X, in float64 on a copy of the model. Columns of X that an `Embedding`
    reads have no gradient and are left out. Dropout uses the same mask
    throughout. Smaller steps h are tried if the loss has a kink within h (such as ReLU at 0), and
    larger ones if its rounding exceeds the change over h. If no step is conclusive, the result is
    "UNCLEAR".

    Parameters
    ----------
    model : Sequential
        A compiled model; its parameters are not changed.
    X, y, sample_weight
        As in `Sequential.fit`; a few dozen rows suffice.
    tolerance : float, default 1e-6
        Allowed error of an entry, relative to the largest entry of its gradient. The rounding error
        of the loss is added.
    entries : int, default 20
        Number of random entries to compare per parameter; smaller parameters are compared in full.
    seed : int, default 0
        Seed of the choice of entries.

    Returns
    -------
    GradientErrors
        A mapping from the parameter names, and "X" unless all its columns hold codes, to
        `GradientError`; printed as a table. Its attribute `passed` tells whether all gradients are
        correct.

    Raises
    ------
    TypeError, ValueError
        If the data or an argument are invalid.
    RuntimeError
        If the model is not compiled.
    """
    owner = "check_gradients"
    if not isinstance(model, Sequential):
        raise TypeError(f"{owner}: model must be a Sequential, got {model!r}")
    tolerance = real(owner, "tolerance", tolerance, exclusive_minimum=0.0)
    entries = integer(owner, "entries", entries, minimum=1)
    rng = np.random.default_rng(integer(owner, "seed", seed, minimum=0))
    X = as_rows(owner, "X", X)  # not sparse
    with model.engine.undoing_build():
        model.loss_and_gradients(X, y, sample_weight=sample_weight)  # builds it, checks the data
        return _compare_all(model, X, y, sample_weight, tolerance, entries, rng)


def _compare_all(
    model: Sequential,
    X: Array,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
    tolerance: float,
    entries: int,
    rng: np.random.Generator,
) -> GradientErrors:
    owner = "check_gradients"
    twin = model.engine.copy(owner, dtype="float64")
    rows = np.array(X, np.float64)

    def loss_and_gradients(values: Array) -> tuple[float, Sequence[Array]]:
        return prepare(twin, owner, values, y, sample_weight).loss_and_gradients()

    gradients = twin.gradients_by_name(loss_and_gradients(rows)[1])
    starts = {name: values.copy() for name, values in twin.parameters().items()}
    gradients[ROWS], starts[ROWS] = _gradient_of_rows(twin, rows, y, sample_weight), rows
    codes = _code_columns(twin.layers, rows[0].size)
    movable = {name: np.arange(start.size) for name, start in starts.items()}
    movable[ROWS] = movable[ROWS][~np.isin(movable[ROWS] % rows[0].size, codes)]

    def moved_loss(name: str, values: Array) -> float:
        if name == ROWS:
            return loss_and_gradients(values)[0]
        twin.set_parameters({name: values})
        return loss_and_gradients(rows)[0]

    errors = {}
    for name, gradient in gradients.items():
        if not movable[name].size:
            continue
        start = starts[name]
        chosen = rng.permutation(movable[name])[:entries]
        places = [np.unravel_index(p, start.shape) for p in chosen]
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


def _code_columns(layers: Sequence[Layer], count: int) -> list[int]:
    """Return which of `count` columns hold the codes of an Embedding."""
    if not layers:
        return []
    first = layers[0]
    if isinstance(first, Embedding):
        return list(range(count))
    if isinstance(first, Flatten):
        return _code_columns(layers[1:], count)
    if isinstance(first, Columns):
        return [
            places[code]
            for branch in first.inner_layers()
            for places in (branch.positions(count),)
            for code in _code_columns(branch.layers, len(places))
        ]
    return _code_columns(first.inner_layers(), count)


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
    """Return the error of one entry's gradient, and the allowed error."""
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
    """Return the ratio of error to allowed error."""
    error, allowed = comparison
    if error == 0.0:
        return 0.0
    return math.inf if math.isnan(error) or allowed == 0.0 else error / allowed
