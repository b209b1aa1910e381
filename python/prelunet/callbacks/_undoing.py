"""Rollback of engine, loop and callbacks if restoring a run fails."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..state import Progress, progress
from .base import Run, TrainedModel, overrides


@contextmanager
def all_or_nothing(model: TrainedModel, run: Run) -> Iterator[None]:
    """Restore the model, the training loop and the callbacks if the context raises.

    For callbacks, this restores their attributes, and the contents of attributes that are lists,
    dictionaries, sets or arrays.
    """
    engine, stop, run_state = run.engine, model.stop_training, run.get_state()
    compiled, shows_averages = engine.compiled, engine.shows_averages
    before = Progress(engine, *progress(engine, "fit"))
    attributes = [_Attributes(c) for c in run.callbacks if overrides(c, "set_state")]
    try:
        yield
    except BaseException:
        before.restore("fit")
        model.stop_training, engine.compiled = stop, compiled
        run.set_state(run_state)
        engine.shows_averages = shows_averages
        for kept in attributes:
            kept.put_back()
        raise


class _Attributes:
    """A snapshot of the attributes of an object."""

    def __init__(self, owner: object) -> None:
        self._owner = owner
        self._values = dict(vars(owner))
        self._contents = [
            (value, copy.copy(value)) for value in self._values.values() if _can_change(value)
        ]

    def put_back(self) -> None:
        vars(self._owner).clear()
        vars(self._owner).update(self._values)
        for value, contents in self._contents:
            if isinstance(value, np.ndarray):
                value[...] = contents
            elif isinstance(value, list):
                value[:] = contents
            else:
                value.clear()
                value.update(contents)


def _can_change(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return value.flags.writeable
    return isinstance(value, (list, dict, set))
