"""Timing: rounds that go from process to process, and what is made of the times."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .processes import Worker

# Threads of OpenBLAS and OpenMP go on spinning for a while after their work (OpenBLAS for 2^26
# cycles): whoever is timed next must not share a core with them.
PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Timing:
    """What was measured, in seconds.

    Parameters
    ----------
    best, median : float
    spread : float
        Half the distance between the quartiles, as a share of the median.
    calls : int
    """

    best: float
    median: float
    spread: float
    calls: int

    @classmethod
    def of(cls, times: Sequence[float]) -> Timing:
        """Summarize the times of calls."""
        low, median, high = (float(q) for q in np.quantile(times, [0.25, 0.5, 0.75]))
        return cls(min(times), median, (high - low) / (2 * median), len(times))


@dataclass(frozen=True)
class Ceilings:
    """What the machine did at best while a case was measured.

    Attributes
    ----------
    flops : mapping of int to float
        FLOP/s by number of threads.
    meetings : sequence of float
        Seconds in which all threads met, in each round. Virtual machines are moved about: the same
        two cores may be five times as far apart some minutes later.
    """

    flops: Mapping[int, float]
    meetings: Sequence[float]

    def share(self, flops: float, seconds: float, threads: int) -> float:
        """Return which part of the ceiling so many operations in so much time are."""
        return flops / seconds / self.flops[threads]


@dataclass(frozen=True)
class Entrant:
    """Someone who takes part in the rounds of a case: a worker, on so many threads."""

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
    """Time prepared entrants in turn, `count` times over, and the ceiling in every round.

    Parameters
    ----------
    entrants : sequence of Entrant
    count : int
    seconds : float
        How long each is timed in a round.
    referee : Worker
        Who measures the ceiling: prelunet's worker, whose kernels it is that of.
    dtype : str
    pause : float
        Seconds of rest before each measurement.

    Returns
    -------
    timings : dict of str to Timing
        By the entrants' names.
    ceilings : Ceilings
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
        # Each round begins with another entrant, so that none always follows the same one.
        for entrant in rotated(entrants, number):
            time.sleep(pause)
            answer = entrant.worker.ask("time", seconds=seconds, threads=entrant.threads)
            times[entrant.name] += answer["times"]
    return {name: Timing.of(found) for name, found in times.items()}, Ceilings(flops, meetings)


def rotated(entrants: Sequence[Entrant], number: int) -> Iterable[Entrant]:
    """Return the entrants, beginning with another for each number."""
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
