"""Step time against sizes and threads, for prelunet and NumPy."""

from __future__ import annotations

from typing import Any

from . import harness
from .cases.scaling import SCALING, THREADS_CASE
from .cases.steps import StepCase
from .harness import Entrant
from .peers import OURS
from .processes import Worker
from .progress import Progress

PEER_NAMES = (OURS, "numpy")
ROUNDS, SECONDS = 3, 0.1


def measure(threads: int, *, quiet: bool) -> dict[str, Any]:
    """Return the best step time and the operations, by axis, peer and value."""
    counts = thread_counts(threads)
    total = sum(map(len, SCALING.values())) + len(counts)
    found: dict[str, Any] = {}
    with Progress(total, quiet=quiet) as progress:
        with Worker(OURS, threads) as ours, Worker("numpy", threads) as numpy:
            workers = {OURS: ours, "numpy": numpy}
            for axis, cases in SCALING.items():
                found[axis] = []
                for value, case in cases.items():
                    progress.begin(f"scaling: {case.name}")
                    found[axis].append(_point(value, case, workers, threads))
                    progress.done()
        found["threads"] = []
        for count in counts:
            progress.begin(f"scaling: {count} threads")
            with Worker(OURS, count) as ours, Worker("numpy", count) as numpy:
                workers = {OURS: ours, "numpy": numpy}
                found["threads"].append(_point(count, THREADS_CASE, workers, count))
            progress.done()
    return found


def thread_counts(threads: int) -> list[int]:
    """Return 1, 2, 4, ... and `threads` itself."""
    counts = [1]
    while 2 * counts[-1] < threads:
        counts.append(2 * counts[-1])
    return counts if threads == 1 else [*counts, threads]


def _point(value: int, case: StepCase, workers: dict[str, Worker], threads: int) -> dict[str, Any]:
    for worker in workers.values():
        worker.ask("prepare", case=case.name)
    entrants = [Entrant(name, worker, threads) for name, worker in workers.items()]
    timings, ceilings = harness.rounds(
        entrants,
        count=ROUNDS,
        seconds=SECONDS,
        referee=workers[OURS],
        dtype=case.network.compute_dtype,
    )
    return {
        "value": value,
        "flops": case.flops,
        "rows": case.batch,
        "seconds": {name: timing.best for name, timing in timings.items()},
        "ceiling_flops": ceilings.flops[threads],
    }
