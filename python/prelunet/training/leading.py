"""`fit` on the ranks of a communicator: rank 0 runs the loop, and the others follow it."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import as_samples
from ..engine import Engine
from ..history import History
from ..state import describe
from .loop import FitLoop
from .ranks import Ranks
from .shared_data import SharedData

_SAMPLED_ROWS = 256  # of each array, to compare the data of ranks
_SHOWN = 100  # characters of a value in a message


class Prepare(Protocol):
    """A function that checks the arguments of `Sequential.fit` and returns its loop."""

    def __call__(self, *, ranks: Ranks) -> FitLoop: ...  # noqa: D102


def fit(engine: Engine, prepare: Prepare, comm: object) -> History:
    """Train on all ranks of a communicator; see `Sequential.fit`."""
    with engine.undoing_build(), Ranks(comm) as ranks:
        loop = ranks.together(lambda: prepare(ranks=ranks))
        ranks.check_same(_settings(loop))
        data = loop.data
        assert isinstance(data, SharedData)
        return _lead(loop, data) if ranks.rank == 0 else _follow(loop, data)


def _lead(loop: FitLoop, data: SharedData) -> History:
    engine = loop.engine
    before = engine.compiled
    try:
        history = loop.run()
    except BaseException as error:
        if not data.ended:
            data.fail(error)
        raise
    schedule = None if engine.compiled is before else engine.record("fit").schedule
    stopped = loop.model.stop_training
    data.finish({"history": history.to_dict(), "stopped": stopped, "schedule": schedule})
    return history


def _follow(loop: FitLoop, data: SharedData) -> History:
    engine = loop.engine
    with engine.core.fitting("fit"):
        try:
            report = data.follow()
        finally:
            engine.span = None
    loop.model.stop_training = report["stopped"]
    if report["schedule"] is not None:
        engine.compiled = engine.record("fit").with_schedule(report["schedule"])
    return History(report["history"])


def _settings(loop: FitLoop) -> dict[str, str]:
    """Return what must be the same on all ranks, by its name in messages."""
    engine = loop.engine
    assert isinstance(loop.data, SharedData)
    given = loop.data.given
    values, slots, steps = engine.core.state("fit")
    state = hashlib.sha256(str((steps, engine.epochs_trained)).encode())
    for array in (*values, *(a for slot in slots for a in slot)):
        state.update(np.ascontiguousarray(array).data)
    fused = "without FMA (the baseline)" if _core.isa() == "baseline" else "with FMA"
    described = {
        name: json.dumps(value, sort_keys=True, default=_text)
        for name, value in describe(engine).items()
    }
    settings = {
        "the version of prelunet": _core.__version__,
        "the instruction set": fused,
        **described,
        "the state of the model": state.hexdigest()[:16],
        "epochs": loop.epochs,
        "batch_size": loop.batch_size,
        "shuffle": loop.shuffle,
        "drop_last": loop.drop_last,
        **{name: _sampled(value) for name, value in given.items()},
    }
    return {name: _short(str(value)) for name, value in settings.items()}


def _text(value: object) -> str:
    """Return a text for an array or a function, which JSON cannot represent."""
    if isinstance(value, np.ndarray):
        return _sampled(value)
    return str(getattr(value, "__qualname__", type(value).__name__))


def _short(text: str) -> str:
    """Return a text, or the start of a long one with a checksum of the whole."""
    if len(text) <= _SHOWN:
        return text
    return f"{text[:_SHOWN]}... (CRC-32 {zlib.crc32(text.encode()):08x})"


def _sampled(value: npt.ArrayLike | Mapping[int, float] | None) -> str:
    """Return dtype, shape and a checksum of some rows of an array; the repr of other values."""
    if value is None or isinstance(value, (str, Mapping)):
        return repr(value)
    array = as_samples("fit", "an argument", value)
    rows = np.linspace(0, len(array) - 1, min(len(array), _SAMPLED_ROWS)).astype(int)
    checksum = zlib.crc32(np.ascontiguousarray(array[rows]).data)
    return f"{array.dtype} {array.shape} with checksum {checksum:08x}"
