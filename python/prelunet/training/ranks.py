"""`Ranks`: the processes of an MPI communicator that train one model together."""

from __future__ import annotations

import math
import os
import pickle
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from .._extras import require

Array = npt.NDArray[Any]
Result = TypeVar("Result")

TIMEOUT = "PRELUNET_MPI_TIMEOUT"  # environment variable; seconds
_DEFAULT_TIMEOUT = 600.0
_SPIN_SECONDS = 0.002  # after that, waits sleep between two tests
_SLEEP_SECONDS = 5e-5


class RankError(RuntimeError):
    """Another rank has raised an exception, or ranks differ; raised by all ranks."""


class Ranks:
    """The ranks of a communicator, with messages that do not block.

    Messages go over a duplicate of the user's communicator. A wait tests its requests until they
    are complete. After the time that the environment variable `PRELUNET_MPI_TIMEOUT` gives, it
    aborts the job. Use it as a context manager.

    Attributes
    ----------
    rank, size : int
        The number of this rank, and the number of ranks.
    """

    def __init__(self, comm: object) -> None:
        self._mpi = require("mpi4py.MPI", extra="mpi", purpose="fit(comm=...)")
        if not isinstance(comm, self._mpi.Intracomm) or comm == self._mpi.COMM_NULL:
            raise TypeError(
                "fit: comm must be an intracommunicator of mpi4py, such as MPI.COMM_WORLD, got "
                f"{comm!r}"
            )
        self._seconds = _timeout()
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self._comm = comm
        made, request = comm.Idup()
        self.wait([request], "all ranks, which must call fit")
        self._comm = made

    def __enter__(self) -> Ranks:
        return self

    def __exit__(self, *_: object) -> None:
        self._comm.Free()

    # ---- messages ------------------------------------------------------------------------------

    def wait(self, requests: Sequence[Any], whom: str) -> None:
        """Wait until all requests are complete; `whom` names the ranks that complete them."""
        began = time.monotonic()
        while not self._mpi.Request.Testall(list(requests)):
            waited = time.monotonic() - began
            if waited > self._seconds:
                self._abort(whom)
            time.sleep(0.0 if waited < _SPIN_SECONDS else _SLEEP_SECONDS)

    def progress(self, requests: Sequence[Any]) -> None:
        """Let MPI work on requests, without a wait."""
        self._mpi.Request.Testall(list(requests))

    def _abort(self, whom: str) -> NoReturn:
        sys.stderr.write(
            f"prelunet: rank {self.rank} has waited {self._seconds:g} seconds for {whom}, and ends "
            f"the job. Set {TIMEOUT} if ranks need more time\n"
        )
        sys.stderr.flush()
        self._comm.Abort(1)
        raise SystemExit(1)

    def send(self, array: Array, rank: int, tag: int) -> Any:
        """Begin to send an array; return the request."""
        return self._comm.Isend(array, dest=rank, tag=tag)

    def receive(self, array: Array, rank: int, tag: int) -> Any:
        """Begin to receive an array; return the request."""
        return self._comm.Irecv(array, source=rank, tag=tag)

    def spread(self, array: Array, root: int) -> Any:
        """Begin to send an array from `root` to all ranks; return the request."""
        return self._comm.Ibcast(array, root=root)

    def broadcast(self, value: object, root: int) -> Any:
        """Return the value of `root` on all ranks, by pickle; other ranks' values are ignored."""
        content = np.frombuffer(
            pickle.dumps(value, protocol=5) if self.rank == root else b"", np.uint8
        )
        size = np.array([content.size])
        self.wait([self.spread(size, root)], f"rank {root}")
        if self.rank != root:
            content = np.empty(size[0], np.uint8)
        self.wait([self.spread(content, root)], f"rank {root}")
        return value if self.rank == root else pickle.loads(content.data)

    def gather(self, value: object) -> list[Any]:
        """Return the values of all ranks, on all ranks."""
        return [self.broadcast(value, root) for root in range(self.size)]

    # ---- agreement -----------------------------------------------------------------------------

    def together(self, function: Callable[[], Result]) -> Result:
        """Call a function on all ranks; if it raises an exception on one, all ranks raise."""
        result, error = None, None
        try:
            result = function()
        except Exception as raised:
            error = raised
        errors = self.gather(None if error is None else described(error))
        if error is not None:
            raise error
        for rank, message in enumerate(errors):
            if message is not None:
                raise RankError(f"fit: rank {rank} of comm raised {message}")
        return result  # type: ignore[return-value]  # without an error, it has the type

    def check_same(self, values: Mapping[str, Any]) -> None:
        """Raise a RankError on all ranks unless all have the same values, naming the first."""
        everyone = self.gather(dict(values))
        for name in values:
            for rank, others in enumerate(everyone):
                if others.get(name) != everyone[0].get(name):
                    raise RankError(
                        f"fit: {name} must be the same on all ranks of comm, got "
                        f"{everyone[0].get(name)} on rank 0 and {others.get(name)} on rank {rank}"
                    )


def described(error: BaseException) -> str:
    """Return the type and the message of an exception."""
    return f"{type(error).__name__}: {error}"


def _timeout() -> float:
    text = os.environ.get(TIMEOUT, str(_DEFAULT_TIMEOUT))
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0.0:  # NaN too
        raise ValueError(f"fit: {TIMEOUT} must be a number of seconds above 0, got {text!r}")
    return seconds
