"""One peer in its own process: reads one JSON request per line and writes one answer per line.

Started by `processes.Worker`. Answers go to a copy of stdout, and stdout itself is redirected to
stderr, so that a library's output cannot mix with them.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import machine
from .cases import catalog
from .peers import PEERS, Peer, UnsupportedError

Answer = dict[str, Any]

# A call shorter than this fraction of the requested time runs once before the clock starts,
# because another process has used the caches since.
WARM_UP_BELOW = 0.3


class Worker:
    """The peer and its prepared case."""

    def __init__(self, peer_name: str) -> None:
        self.peer: Peer = PEERS[peer_name].make()
        self.call: Callable[[], object] | None = None
        self.units = 1

    def versions(self) -> Answer:
        """Return the peer's versions."""
        return {"versions": self.peer.versions()}

    def prepare(self, case: str) -> Answer:
        """Prepare a case for timing; discard the previous one."""
        self.call = None
        self.call, self.units = catalog.prepare(self.peer, case)
        began = time.perf_counter()
        self.call()  # runs lazy compilation and allocation
        return {"seconds": time.perf_counter() - began}

    def stand_in(self, case: str) -> Answer:
        """Return a description of the substitute for a case, or None if there is none."""
        return {"stand_in": catalog.stand_in(self.peer, case)}

    def check(self, case: str, path: str, exact: bool = False) -> Answer:
        """Compute a small case, in float64 if `exact`, and write the answer as arrays."""
        np.savez(path, *catalog.answer(self.peer, case, exact=exact))
        return {}

    def time(self, seconds: float, threads: int | None = None) -> Answer:
        """Repeat the call for `seconds`; return the step time of each call."""
        assert self.call is not None
        if threads is not None:
            machine.use_threads(threads)
        found: list[float] = []
        began = time.perf_counter()
        self.call()
        first = time.perf_counter() - began
        if first > WARM_UP_BELOW * seconds:
            found.append(first / self.units)
        end = time.perf_counter() + seconds - first
        while not found or time.perf_counter() < end:
            began = time.perf_counter()
            self.call()
            found.append((time.perf_counter() - began) / self.units)
        return {"times": found}

    def ceiling(self, dtype: str, threads: int) -> Answer:
        """Measure the fused multiply-add throughput on registers."""
        return {"flops": machine.fma_ceiling(dtype, threads)}

    def meeting(self, threads: int) -> Answer:
        """Measure the time of a thread barrier."""
        return {"seconds": machine.meeting_seconds(threads)}

    def bandwidth(self, size: int, threads: int) -> Answer:
        """Measure the copy bandwidth."""
        return {"bytes": machine.copy_bandwidth(size, threads)}

    def peak_memory(self) -> Answer:
        """Return the peak memory of the process in bytes."""
        status = Path("/proc/self/status")
        if not status.exists():
            raise UnsupportedError("peak memory is read from /proc/self/status")
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found
        return {"bytes": 1024 * int(found[1])}


def serve(worker: object) -> None:
    """Call the worker's methods by requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except UnsupportedError as error:
            answer = {"unsupported": str(error)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(Worker(sys.argv[1]))
