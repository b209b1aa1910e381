"""A stand-in for mpi4py.MPI whose ranks are threads of this process."""

from __future__ import annotations

import sys
import threading
from collections import defaultdict, deque
from types import ModuleType

import numpy as np

COMM_NULL = object()


class Request:
    """A message; `attempt` completes it if possible, and returns whether it is complete."""

    def __init__(self, attempt=lambda: True):
        self._attempt, self._done = attempt, False

    def _test(self):
        self._done = self._done or self._attempt()
        return self._done

    @staticmethod
    def Testall(requests):  # noqa: N802
        """Return whether all requests are complete."""
        return all([request._test() for request in requests])


class _World:
    """What the communicators of all ranks share."""

    def __init__(self, size):
        self.size = size
        self.sent = defaultdict(deque)  # arrays by sender, receiver and tag
        self.spread = {}  # arrays by number of the broadcast
        self.copies = {}  # communicators by number of the duplicate
        self.arrived = defaultdict(set)  # ranks by number of the duplicate
        self.lock = threading.Lock()


class Intracomm:
    """The communicator of one rank; it has the methods that `Ranks` calls."""

    def __init__(self, world, rank):
        self._world, self._rank = world, rank
        self._broadcasts = self._duplicates = 0

    def Get_rank(self):  # noqa: N802
        """Return the number of this rank."""
        return self._rank

    def Get_size(self):  # noqa: N802
        """Return the number of ranks."""
        return self._world.size

    def Idup(self):  # noqa: N802
        """Return a duplicate, and the request that is complete once all ranks have asked."""
        number, world = self._duplicates, self._world
        self._duplicates += 1
        with world.lock:
            copy = world.copies.setdefault(number, _World(world.size))
            world.arrived[number].add(self._rank)
        all_here = Request(lambda: len(world.arrived[number]) == world.size)
        return Intracomm(copy, self._rank), all_here

    def Isend(self, array, dest, tag):  # noqa: N802
        """Send a copy."""
        self._world.sent[self._rank, dest, tag].append(np.array(array))
        return Request()

    def Irecv(self, array, source, tag):  # noqa: N802
        """Receive an array."""
        waiting = self._world.sent[source, self._rank, tag]

        def attempt():
            if not waiting:
                return False
            array[...] = waiting.popleft()
            return True

        return Request(attempt)

    def Ibcast(self, array, root):  # noqa: N802
        """Send a copy to all ranks, or receive it."""
        number, spread = self._broadcasts, self._world.spread
        self._broadcasts += 1
        if self._rank == root:
            spread[number] = np.array(array)
            return Request()

        def attempt():
            if number not in spread:
                return False
            array[...] = spread[number]
            return True

        return Request(attempt)

    def Free(self):  # noqa: N802
        """Do nothing."""

    def Abort(self, code):  # noqa: N802
        """End this rank."""
        raise SystemExit(code)


def install(monkeypatch):
    """Replace mpi4py.MPI."""
    package, module = ModuleType("mpi4py"), ModuleType("mpi4py.MPI")
    module.Intracomm, module.Request, module.COMM_NULL = Intracomm, Request, COMM_NULL
    monkeypatch.setitem(sys.modules, "mpi4py", package)
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", module)


def run(ranks, function):
    """Call ``function(comm)`` in a thread for each rank; return results or exceptions."""
    world = _World(ranks)
    found = [None] * ranks

    def work(rank):
        try:
            found[rank] = function(Intracomm(world, rank))
        except BaseException as error:
            found[rank] = error

    threads = [threading.Thread(target=work, args=(rank,), daemon=True) for rank in range(ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return found
