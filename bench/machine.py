"""The machine: its ceilings, processor name and CPUs."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable
from pathlib import Path

import prelunet as pn
from prelunet import _core

# A ceiling is the best of several short measurements; interrupted ones do not count.
CEILING_SECONDS, CEILING_TRIES = 0.005, 8
MEETINGS = 200
SYSFS_CPUS = Path("/sys/devices/system/cpu")


def use_threads(threads: int) -> None:
    """Set prelunet's number of threads in this process."""
    pn.set_num_threads(threads)


def fma_ceiling(dtype: str, threads: int) -> float:
    """Return the fused multiply-add throughput on registers, in operations per second."""
    return _best_rate(lambda count: _core.fma_ceiling(dtype, count), 100_000, threads)


def copy_bandwidth(size: int, threads: int) -> float:
    """Return the bytes read and written per second by repeated copies of `size` bytes."""
    return _best_rate(lambda count: _core.copy_bandwidth(size, count), 1, threads)


def meeting_seconds(threads: int) -> float:
    """Return the time of a thread barrier: the cost of moving cache lines between cores."""
    before = pn.get_num_threads()
    pn.set_num_threads(threads)
    try:
        return min(_core.barriers(MEETINGS) / MEETINGS for _ in range(CEILING_TRIES))
    finally:
        pn.set_num_threads(before)


def _best_rate(measure: Callable[[int], tuple[float, float]], count: int, threads: int) -> float:
    """Return amount / seconds, repeating `measure` for the length of one measurement."""
    before = pn.get_num_threads()
    pn.set_num_threads(threads)
    try:
        measure(count)  # wakes the threads and raises the clock frequency
        _, taken = measure(count)
        count = max(count, int(count * CEILING_SECONDS / taken))
        found = (measure(count) for _ in range(CEILING_TRIES))
        return max(amount / taken for amount, taken in found)
    finally:
        pn.set_num_threads(before)


def processor() -> str:
    """Return the processor's name."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", path.read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def last_cache_bytes() -> int:
    """Return the size of the last-level cache; 32 MiB if the system does not report it."""
    sizes = [_bytes(p.read_text()) for p in SYSFS_CPUS.glob("cpu0/cache/index*/size")]
    return max(sizes, default=32 << 20)


def _bytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([KMG]?)\s*", text).groups()  # type: ignore[union-attr]
    return int(number) << {"": 0, "K": 10, "M": 20, "G": 30}[unit]


def cpus_for(threads: int) -> set[int] | None:
    """Return CPUs to pin a process to, one per core first; None if all may be used.

    All libraries respect CPU affinity: OpenMP, OpenBLAS, Eigen and XLA count the allowed CPUs.
    Their environment variables for thread limits differ, and some libraries have none.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    if threads >= len(allowed):
        return None
    cores: dict[str, list[int]] = {}
    for cpu in allowed:
        siblings = SYSFS_CPUS / f"cpu{cpu}/topology/thread_siblings_list"
        cores.setdefault(siblings.read_text() if siblings.exists() else str(cpu), []).append(cpu)
    return set(by_turns(list(cores.values()))[:threads])


def by_turns(lists: list[list[int]]) -> list[int]:
    """Return the first item of each list, then the second of each, and so on."""
    longest = max(map(len, lists))
    return [each[i] for i in range(longest) for each in lists if i < len(each)]
