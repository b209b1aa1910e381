"""`Columns`: a list of layers for each of several groups of columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .._description import checked
from .._validation import choice, integer
from .base import Layer, Shape, checked_name, frozen
from .stacking import checked_inside, specifications

_NO_END = 2**62  # of a slice without stop; more columns than any sample has

Positions = int | Sequence[int] | slice
Group = tuple[str, Sequence[Layer], Positions]


_OWNER = "Columns"  # of messages, also those about branches


def _checked_columns(_: str, name: str, value: Positions) -> tuple[int, ...] | slice:
    """Return columns as a tuple of positions, or as a slice."""
    owner = _OWNER
    if isinstance(value, slice):
        start = 0 if value.start is None else value.start
        step = 1 if value.step is None else value.step
        integer(owner, f"{name}.start", start, minimum=0, maximum=_NO_END)
        integer(owner, f"{name}.step", step, minimum=1, maximum=_NO_END)
        if value.stop is not None:
            integer(owner, f"{name}.stop", value.stop, minimum=0, maximum=_NO_END)
        return slice(int(start), None if value.stop is None else int(value.stop), int(step))
    if isinstance(value, Iterable) and not isinstance(value, (Sequence, np.ndarray)):
        raise TypeError(
            f"{owner}: {name} must be a position, a list of positions or a slice, got {value!r}"
        )
    given = list(value) if isinstance(value, Iterable) else [value]
    positions = tuple(integer(owner, name, one, minimum=0, maximum=_NO_END) for one in given)
    if not positions or len(set(positions)) < len(positions):
        raise ValueError(f"{owner}: {name} must be different positions, got {value!r}")
    return positions


def _checked_branch_layers(_: str, __: str, value: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the layers of a branch; without layers, the columns pass as they are."""
    if isinstance(value, (list, tuple)) and not value:
        return ()
    return checked_inside(_OWNER, value)


class Branch(Layer):
    """A list of layers that reads some columns: a part of `Columns`, which makes it.

    Parameters
    ----------
    layers : sequence of Layer
        May be empty.
    columns : int, sequence of int or slice
    name, trainable
        As for `Layer`.
    """

    layers: Sequence[Layer] = checked(_checked_branch_layers)
    columns: Positions = checked(_checked_columns)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine, including the layers inside."""
        columns = self.columns
        slices = isinstance(columns, slice)
        if isinstance(columns, slice):
            end = _NO_END if columns.stop is None else columns.stop
            columns = (columns.start, end, columns.step)
        inner = specifications(self.layers)
        return [{"type": "branch", "slices": slices, "columns": columns, "layers": inner}]

    def positions(self, count: int) -> Sequence[int]:
        """Return the positions of the columns among `count`; of a slice, without listing them."""
        if isinstance(self.columns, slice):
            return range(*self.columns.indices(count))
        assert isinstance(self.columns, tuple)
        return self.columns

    def inner_layers(self) -> Sequence[Layer]:
        """Return the layers of the branch."""
        return self.layers

    def inner_sample(self, sample: Shape) -> Shape:
        """Return the shape of one sample of the columns."""
        return (len(self.positions(sample[0])),)

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return no parameters, and the shape of the output of the last layer."""
        output = self.inner_sample(sample)
        for layer in self.layers:
            _, output = layer.shapes(output)
        return {}, output


def _checked_groups(owner: str, name: str, value: Sequence[Group]) -> tuple[Group, ...]:
    """Return the groups as tuples, whose entries `Branch` checks."""
    expected = f"{owner}: {name} must be a list of (name, layers, columns)"
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{expected}, got {value!r}")
    if not value or any(not isinstance(g, (list, tuple)) or len(g) != 3 for g in value):
        raise ValueError(f"{expected}, got {value!r}")
    keys = [key for key, _, _ in value]
    for key in keys:
        if not isinstance(key, str):
            raise TypeError(f"{owner}: a name in {name} must be a string, got {key!r}")
        checked_name(owner, f"a name in {name}", key)
    if len(set(keys)) < len(keys):
        raise ValueError(f"{owner}: {name} must differ in name, got {keys!r}")
    return tuple((key, layers, columns) for key, layers, columns in value)


class Columns(Layer):
    """Gives groups of columns to lists of layers and joins their outputs along the last axis.

    As scikit-learn's `ColumnTransformer`, for layers: an embedding for one column, nothing for
    others, a wide and a deep part, or several inputs side by side. Groups may overlap. The outputs
    come in the order of the branches, then the columns that pass through. Parameters have names
    such as ``"0.name.1.weight"``.

    Parameters
    ----------
    branches : list of (name, layers, columns)
        A name without dots; a list of layers, which is empty if the columns are to pass as they
        are, and whose output has one axis; and the columns, counted from 0: a position, several
        positions, or a slice.
    remainder : {"drop", "passthrough"}, default "drop"
        What happens to the columns that no branch reads.
    name
        As for `Layer`.
    trainable : bool, default True
        Whether training updates the layers inside; False freezes all of them.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid or two branches have the same name. Columns are compared with
        those of the input when the model is built.

    Examples
    --------
    >>> import prelunet as pn
    >>> wide_and_deep = pn.Columns(
    ...     [("wide", [], slice(0, 3)), ("deep", [pn.Dense(16, "relu")], slice(None))]
    ... )
    >>> model = pn.Sequential([wide_and_deep, pn.Dense(1)], input_shape=(5,))
    >>> [*model.parameters()]
    ['0.deep.0.weight', '0.deep.0.bias', '1.weight', '1.bias']
    """

    parallel = True

    branches: Sequence[Group] = checked(_checked_groups)
    remainder: str = checked(choice, default="drop", options=("drop", "passthrough"))

    def __post_init__(self) -> None:
        """Check the arguments and make the branches, once."""
        super().__post_init__()
        made = tuple(Branch(layers, columns, name=key) for key, layers, columns in self.branches)
        self.__dict__["_made"] = made
        self.__dict__["branches"] = tuple((b.name, b.layers, b.columns) for b in made)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine, including the branches."""
        inner = specifications(self.inner_layers())
        layers = inner if self.trainable else frozen(inner)
        passes = self.remainder == "passthrough"
        return [{"type": "columns", "passthrough": passes, "layers": layers}]

    def inner_layers(self) -> Sequence[Branch]:
        """Return the branches."""
        made: tuple[Branch, ...] = self.__dict__["_made"]
        return made

    def rest(self, count: int) -> tuple[int, ...]:
        """Return the positions of the columns that pass through, among `count`."""
        if self.remainder == "drop":
            return ()
        read = {place for branch in self.inner_layers() for place in branch.positions(count)}
        return tuple(sorted(set(range(count)) - read))

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return no parameters, and the shape of the joined outputs."""
        outputs = [branch.shapes(sample)[1][0] for branch in self.inner_layers()]
        return {}, (sum(outputs) + self._rest_count(sample[0]),)

    def _rest_count(self, count: int) -> int:
        """Return the length of `rest`, in time and memory that do not grow with `count`.

        This holds for slices of step 1; positions of others are listed.
        """
        if self.remainder == "drop":
            return 0
        spans: list[tuple[int, int]] = []
        for branch in self.inner_layers():
            places = branch.positions(count)
            if isinstance(places, range) and places.step == 1:
                spans.append((places.start, places.stop))
            else:
                spans += [(place, place + 1) for place in places]
        read = end = 0
        for start, stop in sorted(spans):
            read += max(0, stop - max(start, end))
            end = max(end, stop)
        return count - read
