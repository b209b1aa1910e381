"""One peer in a process of its own: reads requests, a JSON object a line, and answers likewise.

Started by `processes.Worker`. What a library prints must not end up between the answers, so these
go out through a copy of stdout, and stdout itself is made stderr.
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

# A call shorter than this share of what is asked for is made once before the clock starts: another
# process has had the caches since.
WARM_UP_BELOW = 0.3


class Worker:
    """The peer, and the case that it is prepared for."""

    def __init__(self, peer_name: str) -> None:
        self.peer: Peer = PEERS[peer_name].make()
        self.call: Callable[[], object] | None = None
        self.units = 1

    def versions(self) -> Answer:
        """Say what the peer is made of."""
        return {"versions": self.peer.versions()}

    def prepare(self, case: str) -> Answer:
        """Make a case ready to be timed; the one before is forgotten."""
        self.call = None
        self.call, self.units = catalog.prepare(self.peer, case)
        began = time.perf_counter()
        self.call()  # whatever is compiled or taken when first used
        return {"seconds": time.perf_counter() - began}

    def stand_in(self, case: str) -> Answer:
        """Say what is done in place of a case, None where it is the case itself."""
        return {"stand_in": catalog.stand_in(self.peer, case)}

    def check(self, case: str, path: str, exact: bool = False) -> Answer:
        """Do a small case, in float64 if `exact`, and write the answer as arrays."""
        np.savez(path, *catalog.answer(self.peer, case, exact=exact))
        return {}

    def time(self, seconds: float, threads: int | None = None) -> Answer:
        """Repeat the call for so long; return the seconds of a step in each."""
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
        """Measure the rate of fused multiply-adds on registers."""
        return {"flops": machine.fma_ceiling(dtype, threads)}

    def meeting(self, threads: int) -> Answer:
        """Measure how long it takes the threads to meet."""
        return {"seconds": machine.meeting_seconds(threads)}

    def bandwidth(self, size: int, threads: int) -> Answer:
        """Measure the rate of a copy."""
        return {"bytes": machine.copy_bandwidth(size, threads)}

    def peak_memory(self) -> Answer:
        """Return the most memory that the process has held, in bytes."""
        status = Path("/proc/self/status")
        if not status.exists():
            raise UnsupportedError("peak memory is read from /proc/self/status")
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found
        return {"bytes": 1024 * int(found[1])}


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(sys.argv[1])
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
    main()
