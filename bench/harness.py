"""Timing: rounds in which processes take turns, and statistics of the times."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .processes import Worker

# Threads of OpenBLAS and OpenMP spin for a while after their work (OpenBLAS for 2^26 cycles).
# The next process must not share a core with them.
PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Timing:
    """Statistics of measured times, in seconds."""

    best: float
    median: float
    spread: float  # half the interquartile range, relative to the median
    calls: int

    @classmethod
    def of(cls, times: Sequence[float]) -> Timing:
        """Compute the statistics of call times."""
        low, median, high = (float(q) for q in np.quantile(times, [0.25, 0.5, 0.75]))
        return cls(min(times), median, (high - low) / (2 * median), len(times))


@dataclass(frozen=True)
class Ceilings:
    """The best throughput of the machine while a case was measured."""

    flops: Mapping[int, float]  # FLOP/s by number of threads
    # Seconds of one barrier of all threads, in each round. Virtual machines migrate: minutes later
    # the communication between the same two cores may be five times slower.
    meetings: Sequence[float]

    def share(self, flops: float, seconds: float, threads: int) -> float:
        """Return `flops` operations in `seconds` as a fraction of the ceiling."""
        return flops / seconds / self.flops[threads]


@dataclass(frozen=True)
class Entrant:
    """A participant in the rounds of a case: a worker with a number of threads."""

    name: str
    worker: Worker
    threads: int


def rounds(
    entrants: Sequence[Entrant],
    *,
    count: int,
    seconds: float,
    referee: Worker,
    dtype: str,
    pause: float = PAUSE_SECONDS,
) -> tuple[dict[str, Timing], Ceilings]:
    """Time prepared entrants in turn for `count` rounds; measure the ceiling in each round.

    Each entrant gets `seconds` per round, after a pause of `pause` seconds. `referee`, prelunet's
    worker, measures the ceiling. Returns the timings by the entrants' names, and the ceilings.
    """
    times: dict[str, list[float]] = {entrant.name: [] for entrant in entrants}
    flops = {entrant.threads: 0.0 for entrant in entrants}
    meetings: list[float] = []
    for number in range(count):
        for threads in flops:
            time.sleep(pause)
            rate = referee.ask("ceiling", dtype=dtype, threads=threads)["flops"]
            flops[threads] = max(flops[threads], rate)
        if max(flops) > 1:
            meetings.append(referee.ask("meeting", threads=max(flops))["seconds"])
        # Each round starts with a different entrant, so that the predecessor changes.
        for entrant in rotated(entrants, number):
            time.sleep(pause)
            answer = entrant.worker.ask("time", seconds=seconds, threads=entrant.threads)
            times[entrant.name] += answer["times"]
    return {name: Timing.of(found) for name, found in times.items()}, Ceilings(flops, meetings)


def rotated(entrants: Sequence[Entrant], number: int) -> Iterable[Entrant]:
    """Return the entrants, rotated by `number`."""
    begin = number % len(entrants)
    return [*entrants[begin:], *entrants[:begin]]


def as_dict(timing: Timing) -> dict[str, Any]:
    """Return the timing for a JSON file."""
    return {
        "best_seconds": timing.best,
        "median_seconds": timing.median,
        "spread": timing.spread,
        "calls": timing.calls,
    }
