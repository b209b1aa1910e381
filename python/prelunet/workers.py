"""`call_all`, which calls a function with many numbers on several threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from . import _core
from .runtime import get_num_threads

_SECONDS_BETWEEN_LOOKS = 0.1


def call_all(
    operation: str,
    work: Callable[[int], None],
    numbers: Sequence[int],
    *,
    watch: Callable[[Sequence[int]], None] | None = None,
    threads: int | None = None,
    what: str = "model",
) -> None:
    """Call `work` with each number, in order, on several threads.

    The calling thread sleeps meanwhile: if it took the GIL after each call, the others would wait.

    Parameters
    ----------
    operation : str
        The caller, for the note of an exception.
    work : callable
    numbers : sequence of int
    watch : callable, optional
        Called by the calling thread now and then, and at the end, with the numbers whose calls have
        returned.
    threads : int, optional
        By default as many as `get_num_threads` returns.
    what : str
        What a number stands for, for the note.

    Raises
    ------
    BaseException
        The first exception of a call, with a note that has its number. The other calls end after
        their current step. An exception in the calling thread, such as KeyboardInterrupt, ends all
        calls too.
    """
    threads = min(threads or get_num_threads(), len(numbers))
    waiting = deque(numbers)
    returned: list[int] = []
    failed: list[tuple[int, BaseException]] = []
    begun: list[None] = []
    ended: list[None] = []
    wake = SimpleQueue[None]()
    request = _core.StopRequest()

    def stop() -> None:
        waiting.clear()
        request.set()

    def run() -> None:
        while waiting:
            try:
                number = waiting.popleft()
            except IndexError:  # another thread has taken it
                return
            try:
                work(number)
            except BaseException as error:
                failed.append((number, error))
                stop()
            else:
                returned.append(number)

    def follow_and_run() -> None:
        begun.append(None)
        _core.follow(request)
        try:
            run()
        finally:
            ended.append(None)
            wake.put(None)

    def wait() -> None:
        # Without a timeout, a signal just before the system call would not end it.
        with suppress(Empty):
            wake.get(timeout=_SECONDS_BETWEEN_LOOKS)

    try:
        if threads == 1 and watch is None:
            run()
        else:
            for _ in range(threads):
                threading.Thread(target=follow_and_run, daemon=True).start()
            while len(ended) < threads:
                wait()
                if watch is not None:
                    watch(returned)
            if watch is not None:
                watch(returned)  # all threads may have ended before the first wait
    finally:
        stop()
        # A signal may have interrupted start(). A thread that begins only now finds nothing to do.
        while len(ended) < len(begun):
            wait()
    if failed:
        number, problem = failed[0]
        problem.add_note(f"{operation}: {what} {number}")
        raise problem
