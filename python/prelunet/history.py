"""`History`, the losses and metrics of each epoch of training."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_SHOWN = 10  # rows in the table of a long history, half from each end


class History(Mapping[str, list[float]]):
    """The losses and metrics of every epoch, as a read-only mapping from names to lists.

    ``history["loss"][i]`` is the loss of epoch ``history.epochs[i]``. All lists have the same
    length: values that an epoch did not report are NaN.

    Parameters
    ----------
    logs : mapping of str to sequence of float, optional
        Values by name, as returned by `to_dict`.
    epochs : sequence of int, optional
        Epoch numbers of the values; by default 0, 1, 2, ...

    Attributes
    ----------
    epochs : list of int
        Epoch numbers, counted from 0.

    Raises
    ------
    TypeError
        If a value is not a number.
    ValueError
        If the sequences have different lengths.
    """

    def __init__(
        self,
        logs: Mapping[str, Sequence[float]] | None = None,
        *,
        epochs: Sequence[int] | None = None,
    ) -> None:
        logs = _checked("History", {} if logs is None else logs)
        self._values = {
            name: [_number("History", name, v) for v in values] for name, values in logs.items()
        }
        lengths = {len(values) for values in self._values.values()}
        if epochs is None:
            epochs = range(max(lengths, default=0))
        self.epochs = [int(epoch) for epoch in epochs]
        if lengths - {len(self.epochs)}:
            raise ValueError(
                f"History: logs must have {len(self.epochs)} values each, one an epoch, "
                f"got lengths {sorted(lengths)}"
            )

    def append(self, logs: Mapping[str, float], *, epoch: int | None = None) -> None:
        """Add the values of one epoch.

        Parameters
        ----------
        logs : mapping of str to float
            The epoch's losses and metrics.
        epoch : int, optional
            The epoch number; by default the last one plus 1.

        Raises
        ------
        TypeError
            If a value is not a number; the history is unchanged then.
        """
        logs = _checked("History.append", logs)
        checked = {name: _number("History.append", name, value) for name, value in logs.items()}
        if epoch is None:
            epoch = self.epochs[-1] + 1 if self.epochs else 0
        number = int(epoch)
        for name in checked:
            self._values.setdefault(name, [math.nan] * len(self.epochs))
        for name, values in self._values.items():
            values.append(checked.get(name, math.nan))
        self.epochs.append(number)

    def extend(self, logs: Mapping[str, Sequence[float]]) -> None:
        """Add the values of several epochs.

        Parameters
        ----------
        logs : mapping of str to sequence of float
            Floats by name, all of the same length.

        Raises
        ------
        ValueError
            If the sequences have different lengths; the history is unchanged then.
        """
        lengths = {len(values) for values in _checked("History.extend", logs).values()}
        if len(lengths) > 1:
            raise ValueError(f"History.extend: logs must have one length, got {sorted(lengths)}")
        more = max(lengths, default=0)
        for name in logs:
            self._values.setdefault(name, [math.nan] * len(self.epochs))
        for name, values in self._values.items():
            values.extend(logs.get(name, [math.nan] * more))
        first = self.epochs[-1] + 1 if self.epochs else 0
        self.epochs.extend(range(first, first + more))

    @property
    def history(self) -> dict[str, list[float]]:
        """The result of `to_dict`, under the name of Keras's attribute."""
        return self.to_dict()

    def to_dict(self) -> dict[str, list[float]]:
        """Return a copy as a dictionary of lists, for example for JSON or a data frame."""
        return {name: list(values) for name, values in self._values.items()}

    def __getitem__(self, name: str) -> list[float]:
        """Return the values of `name`, one per epoch."""
        if name not in self._values:
            there = ", ".join(repr(key) for key in self._values) or "nothing"
            raise KeyError(f"History: there is no {name!r}; there is {there}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in order of first occurrence."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of names (``len(history.epochs)`` is the number of epochs)."""
        return len(self._values)

    def __repr__(self) -> str:
        """Return a table with one row per epoch."""
        if not self.epochs:
            return "History: no epochs"
        table = [
            [str(epoch), *(f"{values[i]:.4g}" for values in self._values.values())]
            for i, epoch in enumerate(self.epochs)
        ]
        if len(table) > _SHOWN:
            gap = ["..."] * (1 + len(self))
            table[_SHOWN // 2 : -_SHOWN // 2] = [gap]
        rows = [["epoch", *self], *table]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        )


def _checked(owner: str, logs: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(logs, Mapping):
        raise TypeError(f"{owner}: logs must be a mapping by name, got {logs!r}")
    return logs


def _number(owner: str, name: str, value: object) -> float:
    """Return a value of the logs as a float, which may be NaN or infinite."""
    if not isinstance(value, (float, numbers.Real)):  # float first, for speed
        raise TypeError(f"{owner}: logs[{name!r}] must be a number, got {value!r}")
    try:
        return float(value)
    except OverflowError:  # an int above the largest float
        raise ValueError(f"{owner}: logs[{name!r}] must be within float64, got {value!r}") from None
