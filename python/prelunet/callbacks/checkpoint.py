"""`Checkpoint`, which saves a training run to a file and resumes it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._core import __version__
from .._files import naming, reading, remove_leftovers, replacing
from .._validation import boolean, integer, path_text
from ..dtypes import bfloat16_order
from ..state import Progress, describe, progress
from ._packing import pack, unpack
from ._undoing import all_or_nothing
from .base import Callback, Run

FORMAT = 1  # of the file; incremented when older versions of prelunet cannot read it

_OWNER = "Checkpoint"
_SHOWN = 4  # differences listed in a message
_DAMAGED = "is damaged or incomplete"
# Raised by set_state of callbacks for an invalid state. A ValueError has its own message.
_NOT_A_STATE = (AttributeError, LookupError, OverflowError, RecursionError, TypeError)


class Checkpoint(Callback):
    """Save training to a file after epochs, and resume from the file.

    The file contains the parameters, the optimizer's state and step count, the learning rate if it
    was set during training, the history and the state of the other callbacks. A run that was
    killed at any time and is restarted by the same program ends with the same bits as an
    uninterrupted run. The history that `fit` returns contains all epochs, and the argument `epochs`
    of `fit` is their total. A run that was complete, or stopped by `EarlyStopping`, returns
    immediately.

    If a write fails or is interrupted, the existing file is unchanged.

    Parameters
    ----------
    path : path-like
        The file, an NPZ with a SHA-256 checksum, in an existing folder. Only one run at a time may
        use it.
    every : int, default 1
        Number of epochs between writes. The last epoch, and an epoch after which training stops,
        are always saved.
    resume : bool, default True
        Whether to resume from an existing file. If False, training starts from the beginning and
        the first write replaces the file.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid. When training begins: if the file is damaged, has another format
        version, or belongs to a run with a different model (including its seed, so set the seed of
        `Sequential`), optimizer, loss, batch size or data; the message lists the differences. Then,
        and if a callback fails to restore its state, the file, the model, its optimizer and the
        other callbacks are unchanged.
    OSError
        When training begins, if the file cannot be read; later, if it cannot be written.

    Notes
    -----
    The states of other callbacks are assigned by class, in order. A callback without a saved state
    starts fresh.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, every: int = 1, resume: bool = True
    ) -> None:
        self.path = path_text(_OWNER, "path", path)
        if not self.path:
            raise ValueError(f"{_OWNER}: path must name a file, got ''")
        self.every = integer(_OWNER, "every", every, minimum=1)
        self.resume = boolean(_OWNER, "resume", resume)
        self._identity: dict[str, Any] = {}

    def restore_run(self, run: Run) -> None:
        """Resume from the file, if it exists and `resume` is True."""
        if sum(isinstance(callback, Checkpoint) for callback in run.callbacks) > 1:
            raise ValueError(f"{_OWNER}: callbacks must hold one of them at most")
        folder = os.path.dirname(self.path) or "."
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"{_OWNER}: the folder of path must exist, got {self.path!r}")
        self._identity = _identity(run)
        remove_leftovers(self.path)
        kept = self._read() if self.resume else None
        if kept is not None:
            self._restore(run, *kept)

    def keep_run(self, run: Run) -> None:
        """Write the file, if the epoch requires it."""
        done = len(run.history.epochs)
        last = done == self.params["epochs"] or self.model.stop_training
        if last or done % self.every == 0:
            self._write(run)

    # ---- writing -------------------------------------------------------------------------------

    def _write(self, run: Run) -> None:
        import json  # slow to import, as are hashlib and zipfile

        from ..formats import sealed_npz

        trained, arrays = progress(run.engine, _OWNER)
        if run.engine.record(_OWNER).schedule.holds_function:
            trained["schedule"] = None
        content = {
            "checkpoint": FORMAT,
            "version": __version__,
            "identity": self._identity,
            "trained": trained,
            "run": pack(f"{_OWNER}: the run", run.get_state(), arrays),
            "callbacks": [
                [type(callback).__name__, pack(_state_of(callback), callback.get_state(), arrays)]
                for callback in run.callbacks
            ],
        }
        try:
            with replacing(self.path) as stream:
                sealed_npz.write(stream, json.dumps(content), arrays)
        except OSError as error:
            message = (
                f"{_OWNER}: {len(run.history.epochs)} epochs could not be saved "
                f"(an existing file is unchanged): {error.strerror}"
            )
            raise OSError(error.errno, message, self.path) from error

    # ---- reading -------------------------------------------------------------------------------

    def _read(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the content of the file and its arrays; None if the file does not exist."""
        import json  # slow to import, as are hashlib and zipfile

        from ..formats import sealed_npz

        complaint = "is not a checkpoint of prelunet, or is damaged"
        try:
            with reading(_OWNER, self.path, complaint) as stream:
                text, arrays = sealed_npz.read(stream)
                content = json.loads(text)
                version = content["checkpoint"]
        except FileNotFoundError:
            return None
        if version != FORMAT:
            raise ValueError(
                f"{_OWNER}: {self.path} has format {version} (prelunet {content.get('version')}); "
                f"this is prelunet {__version__}, which reads format {FORMAT}"
            )
        return content, arrays

    def _restore(self, run: Run, content: dict[str, Any], arrays: dict[str, Any]) -> None:
        """Restore the run, or leave everything unchanged after an error."""
        with naming(_OWNER, self.path, _DAMAGED):
            identity, trained = (
                _checked_mapping(name, content) for name in ("identity", "trained")
            )
            run_state = unpack(content["run"], arrays)
            states = [(name, unpack(state, arrays)) for name, state in content["callbacks"]]
        self._refuse_another_run(identity)
        kept = {n: a for n, a in arrays.items() if n.startswith(("parameter/", "slot/"))}
        with naming(_OWNER, self.path, _DAMAGED):
            before = Progress(run.engine, trained, kept)
        with all_or_nothing(self.model, run):
            with naming(_OWNER, self.path, _DAMAGED):
                run.set_state(run_state)
            before.restore(_OWNER)
            for callback, state in _takers(run.callbacks, states):
                try:
                    callback.set_state(state)
                except _NOT_A_STATE as error:
                    raise ValueError(f"{_OWNER}: {self.path} {_DAMAGED}: {error!r}") from error

    def _refuse_another_run(self, identity: dict[str, Any]) -> None:
        was, now = dict(_leaves(identity)), dict(_leaves(self._identity))
        names = [name for name in was | now if was.get(name) != now.get(name)]
        if not names:
            return
        told = [
            f"{name} was {was.get(name, 'absent')}, is {now.get(name, 'absent')}"
            for name in names[:_SHOWN]
        ]
        if len(names) > _SHOWN:
            told.append(f"{len(names) - _SHOWN} more")
        seed = was.get("seed") if "seed" in names else None
        same = "" if seed is None else f" (with Sequential(..., seed={seed}))"
        if "bfloat16_order" in was and "bfloat16_order" in names:
            order = was["bfloat16_order"].strip("'")
            same += f" (with the environment variable PRELUNET_BF16={order})"
        raise ValueError(
            f"{_OWNER}: {self.path} is of another run: {'; '.join(told)}. Start the same "
            f"run{same}, use another path, or pass resume=False to start again"
        )


def _checked_mapping(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    value = content[name]
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a mapping, got {value!r}")
    return value


def _takers(
    callbacks: Sequence[Callback], states: Sequence[tuple[str, Any]]
) -> Iterator[tuple[Callback, Any]]:
    """Yield the callback of each state, matched by class in order, and the state."""
    waiting = list(callbacks)
    for name, state in states:
        taker = next((c for c in waiting if type(c).__name__ == name), None)
        if taker is not None:
            waiting.remove(taker)
            yield taker, state


def _state_of(callback: Callback) -> str:
    return f"{_OWNER}: what get_state of {type(callback).__name__} returns"


def _identity(run: Run) -> dict[str, Any]:
    """Return the model, its training settings and `fit`'s arguments, after a JSON round trip."""
    import json  # slow to import

    settings = run.settings()
    if settings is None:
        raise ValueError(f"{_OWNER}: only Sequential.fit can be resumed")
    described = describe(run.engine)
    order = bfloat16_order(run.engine.dtype)
    if order is not None:
        described["bfloat16_order"] = order
    described |= {"metrics": list(run.engine.record("fit").metrics), "fit": settings}
    identity: dict[str, Any] = json.loads(json.dumps(described, default=_name_of_function))
    return identity


def _name_of_function(value: object) -> str:
    """Return the name of a function of a Lambda or a loss, which JSON cannot represent."""
    return str(getattr(value, "__name__", type(value).__name__))


def _leaves(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted path and the repr of each leaf of JSON values."""
    if isinstance(value, Mapping):
        pairs = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        pairs = [(str(place), item) for place, item in enumerate(value)]
    else:
        yield name, repr(value)
        return
    for key, item in pairs:
        yield from _leaves(item, f"{name}.{key}" if name else key)
