"""Training of several members: of seeds, of folds, or of both."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn import config_context, get_config

from ...runtime import get_num_threads
from ...workers import call_all
from ..console import say
from .member import Member

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Job:
    """The rows and the seed of one member.

    Attributes
    ----------
    trained, held : ndarray of int
        Indices of the training rows and of the held-out rows.
    seed : int
    fold : ndarray of int or None
        Indices of all rows that the fold leaves out; None without folds.
    """

    trained: Indices
    held: Indices
    seed: int
    fold: Indices | None = None


class Clock:
    """Divides the time that is left among the members that have not begun."""

    def __init__(self, limit: float | None, members: int, jobs: int) -> None:
        self._end = math.inf if limit is None else time.monotonic() + limit
        self._left, self._jobs = members, jobs
        self._lock = threading.Lock()

    def deadline(self) -> float:
        """Return the deadline of the next member."""
        with self._lock:
            rounds = math.ceil(self._left / self._jobs)
            self._left -= 1
        now = time.monotonic()
        return now + (self._end - now) / rounds


def train_members(
    owner: str,
    jobs: Sequence[Job],
    train: Callable[[Job, float], Member],
    *,
    time_limit: float | None,
    n_jobs: int | None,
    verbose: bool | int,
) -> list[Member]:
    """Return the members of all jobs, in order.

    Parameters
    ----------
    owner : str
        The estimator's name, for messages.
    jobs : sequence of Job
    train : callable
        ``train(job, deadline) -> Member``.
    time_limit : float or None
        Seconds for all members.
    n_jobs : int or None
        The number of members trained at once; None means `get_num_threads`.
    verbose : bool or int
        Whether to print a line after each of several members.
    """
    threads = get_num_threads()
    wanted = threads if n_jobs is None else n_jobs
    if wanted < 0:  # -1 is all threads, -2 all but one
        wanted = max(1, threads + 1 + wanted)
    parallel = min(wanted, len(jobs))
    clock, began, done = Clock(time_limit, len(jobs), parallel), time.monotonic(), []
    if len(jobs) == 1:
        return [train(jobs[0], clock.deadline())]
    found: list[Member | None] = [None] * len(jobs)
    config = get_config()  # of the calling thread

    def run(number: int) -> None:
        with config_context(**config):
            member = found[number] = train(jobs[number], clock.deadline())
        done.append(member)
        if verbose:
            seconds = time.monotonic() - began
            say(f"{owner}: {len(done)}/{len(jobs)} members, {seconds:.1f} s")

    call_all(owner, run, range(len(jobs)), threads=parallel, what="member")
    return [member for member in found if member is not None]
