"""`ParameterHistory`, a callback that records parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import numpy.typing as npt

from .._validation import integer
from .base import Callback, Logs, entry

Array = npt.NDArray[Any]
_OWNER = "ParameterHistory"


class ParameterHistory(Callback):
    """Records parameters before training, and then after each epoch or every few updates.

    A later `fit` with the same object appends to the record. Checkpoints keep it.

    Parameters
    ----------
    patterns : str or list of str, default "*"
        Shell-style patterns of parameter names, such as ``"*.alpha"``; case matters.
    every : int or None, default None
        Number of updates between records; None records after each epoch.

    Attributes
    ----------
    steps : list of int
        The number of updates before each record.
    values : dict of str to list of ndarray
        The values of each parameter at these steps.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid. `fit` raises a ValueError if no parameter matches.

    See Also
    --------
    prelunet.plots.AlphaDisplay.from_parameter_history : Draws the recorded alphas.
    """

    def __init__(self, patterns: str | Sequence[str] = "*", *, every: int | None = None) -> None:
        listed = [patterns] if isinstance(patterns, str) else list(patterns)
        for pattern in listed:
            if not isinstance(pattern, str):
                raise TypeError(f"{_OWNER}: patterns must be strings, got {pattern!r}")
        self.patterns = listed
        self.steps_between = None if every is None else integer(_OWNER, "every", every, minimum=1)
        self.steps: list[int] = []
        self.values: dict[str, list[Array]] = {}

    def __getitem__(self, name: str) -> Array:
        """Return the record of a parameter as one array, of shape (records, *parameter)."""
        return np.stack(self.values[name])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Record the parameters before the first update."""
        names = list(self.model.parameters())
        matching = [n for n in names if any(fnmatchcase(n, pattern) for pattern in self.patterns)]
        if not matching:
            raise ValueError(
                f"{_OWNER}: patterns must match a parameter of {', '.join(names)}, got "
                f"{', '.join(map(repr, self.patterns))}"
            )
        if list(self.values) != matching:
            self.steps, self.values = [], {name: [] for name in matching}
        self._record()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Record, unless records are made by updates."""
        if self.steps_between is None:
            self._record()

    def on_steps(self, steps: int, logs: Logs | None = None) -> None:
        """Record."""
        self._record()

    def _record(self) -> None:
        step = self.model.steps_trained
        if self.steps and self.steps[-1] == step:
            return
        parameters = self.model.parameters()
        self.steps.append(step)
        for name, recorded in self.values.items():
            recorded.append(np.array(parameters[name]))

    def get_state(self) -> dict[str, Any]:
        """Return the record, for a checkpoint."""
        return {"steps": list(self.steps), "values": {name: self[name] for name in self.values}}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore a record of `get_state`."""
        steps = [int(step) for step in entry(_OWNER, state, "steps", list)]
        values = entry(_OWNER, state, "values", dict)
        if set(values) != set(self.values) or any(len(values[n]) != len(steps) for n in values):
            raise ValueError(f"{_OWNER}: state must record the parameters {list(self.values)}")
        self.steps = steps
        self.values = {name: list(values[name]) for name in self.values}
