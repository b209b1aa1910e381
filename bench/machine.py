"""The machine: its ceilings, its name, its CPUs."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable
from pathlib import Path

import prelunet as pn
from prelunet import _core

# A ceiling is the best of some short measurements: one that another process falls into is lost.
CEILING_SECONDS, CEILING_TRIES = 0.005, 8
MEETINGS = 200
SYSFS_CPUS = Path("/sys/devices/system/cpu")


def use_threads(threads: int) -> None:
    """Have prelunet use so many threads in this process."""
    pn.set_num_threads(threads)


def fma_ceiling(dtype: str, threads: int) -> float:
    """Return operations per second of fused multiply-adds on registers alone."""
    return _best_rate(lambda count: _core.fma_ceiling(dtype, count), 100_000, threads)


def copy_bandwidth(size: int, threads: int) -> float:
    """Return bytes read and written per second while `size` bytes are copied again and again."""
    return _best_rate(lambda count: _core.copy_bandwidth(size, count), 1, threads)


def meeting_seconds(threads: int) -> float:
    """Return how long it takes the threads to meet: what cache lines need from core to core."""
    before = pn.get_num_threads()
    pn.set_num_threads(threads)
    try:
        return min(_core.meetings(MEETINGS) / MEETINGS for _ in range(CEILING_TRIES))
    finally:
        pn.set_num_threads(before)


def _best_rate(measure: Callable[[int], tuple[float, float]], count: int, threads: int) -> float:
    """Return amount / seconds, `measure` being repeated for as long as one measurement takes."""
    before = pn.get_num_threads()
    pn.set_num_threads(threads)
    try:
        measure(count)  # wakes the threads, and the clock of the processor
        _, taken = measure(count)
        count = max(count, int(count * CEILING_SECONDS / taken))
        found = (measure(count) for _ in range(CEILING_TRIES))
        return max(amount / taken for amount, taken in found)
    finally:
        pn.set_num_threads(before)


def processor() -> str:
    """Return the name the processor gives itself."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", path.read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def last_cache_bytes() -> int:
    """Return the size of the largest cache, 32 MiB where the system does not say."""
    sizes = [_bytes(p.read_text()) for p in SYSFS_CPUS.glob("cpu0/cache/index*/size")]
    return max(sizes, default=32 << 20)


def _bytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([KMG]?)\s*", text).groups()  # type: ignore[union-attr]
    return int(number) << {"": 0, "K": 10, "M": 20, "G": 30}[unit]


def cpus_for(threads: int) -> set[int] | None:
    """Return CPUs to hold a process to, one on each core first; None where all may be used.

    Affinity is the one limit that every library heeds: OpenMP, OpenBLAS, Eigen and XLA each count
    the CPUs they may use, while the variables that limit them differ and some have none.
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
    """Return the first of each list, then the second of each, and so on."""
    longest = max(map(len, lists))
    return [each[i] for i in range(longest) for each in lists if i < len(each)]
