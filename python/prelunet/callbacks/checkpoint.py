"""Checkpoint."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .._core import __version__
from .._validation import boolean, integer
from ..formats import remove_leftovers, replacing
from ..state import UNFIT, Progress, describe, progress
from ._packing import pack, unpack
from ._undoing import all_or_nothing
from .base import Callback, Run

FORMAT = 1  # of the file: goes up when an older prelunet could not read it

_OWNER = "Checkpoint"
_SHOWN = 4  # differences that a message tells
# Raised by a callback's set_state for a state of another kind. A ValueError has its own message.
_NOT_A_STATE = tuple(error for error in UNFIT if error is not ValueError)


class Checkpoint(Callback):
    """Keep training in a file, and go on from there.

    The file holds parameters, the optimizer's state and its count of updates, a learning rate that
    was set on the way, the history and what the other callbacks know. A run that was killed, at any
    moment, and is started again by the same program ends with the bits of one that was not. The
    history that `fit` returns has all epochs, and its `epochs` are their total: a run that was
    finished, or that `EarlyStopping` had stopped, returns at once.

    A write that fails, or is cut off, leaves the file as it was.

    Parameters
    ----------
    path : path-like
        The file, an NPZ with a SHA-256 of itself, in a folder that exists. One run at a time.
    every : int, default 1
        Epochs from one write to the next. The last epoch, and one after which training stops, are
        always kept.
    resume : bool, default True
        Go on from the file if it is there. With False training starts anew; the first write
        replaces the file.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above. When training begins: if the file is damaged or
        of another format, or of a run with another model (its seed, which `Sequential` must be
        given, too), optimizer, loss, batch size or data; the message says what differs. The file,
        the model, its optimizer and the other callbacks are as before then, and after any error
        that a callback raises when it gets its state back.
    OSError
        When training begins, if the file cannot be read; later, if it cannot be written.

    Notes
    -----
    Other callbacks get back what they knew by their class, in their order; one that had not been
    there begins anew.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, every: int = 1, resume: bool = True
    ) -> None:
        self.path = _checked_path(path)
        self.every = integer(_OWNER, "every", every, minimum=1)
        self.resume = boolean(_OWNER, "resume", resume)
        self._identity: dict[str, Any] = {}

    def restore_run(self, run: Run) -> None:
        """Go on from the file, if there is one and that is wanted."""
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
        """Write the file, if it is time."""
        done = len(run.history.epochs)
        last = done == self.params["epochs"] or self.model.stop_training
        if last or done % self.every == 0:
            self._write(run)

    # ---- writing -------------------------------------------------------------------------------

    def _write(self, run: Run) -> None:
        from ..formats import sealed_npz  # hashlib and zipfile take long to import

        trained, arrays = progress(run.engine, _OWNER)
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
                f"{_OWNER}: {len(run.history.epochs)} epochs could not be kept "
                f"(a file of earlier ones is as it was): {error.strerror}"
            )
            raise OSError(error.errno, message, self.path) from error

    # ---- reading -------------------------------------------------------------------------------

    def _read(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the content of the file and its arrays; None where there is no file."""
        from ..formats import sealed_npz  # hashlib and zipfile take long to import

        try:
            with open(self.path, "rb") as stream:
                data = stream.read()
        except FileNotFoundError:
            return None
        try:
            text, arrays = sealed_npz.read(io.BytesIO(data))
            content = json.loads(text)
            version = content["checkpoint"]
        except Exception as error:  # the readers of formats and JSON raise many types
            raise ValueError(
                f"{_OWNER}: {self.path} is not a checkpoint of prelunet, or is damaged: {error}"
            ) from error
        if version != FORMAT:
            raise ValueError(
                f"{_OWNER}: {self.path} has format {version} (prelunet {content.get('version')}); "
                f"this is prelunet {__version__}, which reads format {FORMAT}"
            )
        return content, arrays

    def _restore(self, run: Run, content: dict[str, Any], arrays: dict[str, Any]) -> None:
        """Put everything back, or nothing."""
        with self._naming_the_file(UNFIT):
            identity, trained = (
                _checked_mapping(name, content) for name in ("identity", "trained")
            )
            run_state = unpack(content["run"], arrays)
            states = [(name, unpack(state, arrays)) for name, state in content["callbacks"]]
        self._refuse_another_run(identity)
        kept = {n: a for n, a in arrays.items() if n.startswith(("parameter/", "slot/"))}
        with self._naming_the_file(UNFIT):
            before = Progress(run.engine, trained, kept)
        with all_or_nothing(self.model, run):
            with self._naming_the_file(UNFIT):
                run.set_state(run_state)
            before.restore(_OWNER)
            for callback, state in _takers(run.callbacks, states):
                with self._naming_the_file(_NOT_A_STATE):
                    callback.set_state(state)

    @contextmanager
    def _naming_the_file(self, errors: tuple[type[Exception], ...]) -> Iterator[None]:
        """Turn errors of values that are missing, or of another kind, into one of the file."""
        try:
            yield
        except errors as error:
            raise ValueError(
                f"{_OWNER}: {self.path} is damaged or incomplete: {error!r}"
            ) from error

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
        raise ValueError(
            f"{_OWNER}: {self.path} is of another run: {'; '.join(told)}. Start the same "
            f"run{same}, take another path, or give resume=False to start anew"
        )


def _checked_mapping(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    value = content[name]
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a mapping, got {value!r}")
    return value


def _takers(
    callbacks: Sequence[Callback], states: Sequence[tuple[str, Any]]
) -> Iterator[tuple[Callback, Any]]:
    """Give each state with the callback that it is for: by class, in their order."""
    waiting = list(callbacks)
    for name, state in states:
        taker = next((c for c in waiting if type(c).__name__ == name), None)
        if taker is not None:
            waiting.remove(taker)
            yield taker, state


def _state_of(callback: Callback) -> str:
    return f"{_OWNER}: what get_state of {type(callback).__name__} returns"


def _identity(run: Run) -> dict[str, Any]:
    """Return the model, how it is compiled and `fit`'s arguments, as JSON gives them back."""
    settings = run.settings()
    if settings is None:
        raise ValueError(f"{_OWNER}: only Sequential.fit can be resumed")
    described = describe(run.engine)
    described |= {"metrics": list(run.engine.record("fit").metrics), "fit": settings}
    identity: dict[str, Any] = json.loads(json.dumps(described, default=_name_of_function))
    return identity


def _name_of_function(value: object) -> str:
    """Return the name of a function, which JSON cannot hold: of a Lambda or a loss."""
    return str(getattr(value, "__name__", type(value).__name__))


def _leaves(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the leaves of JSON values as they print, with their paths in dots."""
    if isinstance(value, Mapping):
        pairs = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        pairs = [(str(place), item) for place, item in enumerate(value)]
    else:
        yield name, repr(value)
        return
    for key, item in pairs:
        yield from _leaves(item, f"{name}.{key}" if name else key)


def _checked_path(path: object) -> str:
    checked = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(checked, str):
        raise TypeError(f"{_OWNER}: path must be a str or a PathLike of one, got {path!r}")
    if not checked:
        raise ValueError(f"{_OWNER}: path must name a file, got ''")
    return checked
