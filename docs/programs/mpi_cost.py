"""Simulates a training step on 2 to 256 machines, from times measured on one AVX-512 thread.

Each message takes 20 microseconds in the network and 30 in Python.
"""

from __future__ import annotations

LATENCY = 50e-6  # seconds
RANKS = (2, 4, 8, 16, 32, 64, 128, 256)
GIGABITS = (10, 100)  # a second

# rows, a step of one process, forward and backward pass, update, in seconds; then time and bytes of
# each part of the gradients
CASES = {
    "784-6x400-10, 60,000 rows": (60_000, 2.32, 1.55, 0.002, [(0.07, 325_000)] * 14),
    "784-6x400-10, 4,096 rows": (4_096, 0.159, 0.107, 0.002, [(0.0047, 325_000)] * 14),
    "784-6x400-10, 128 rows": (128, 0.0051, 0.0030, 0.001, [(0.00015, 325_000)] * 14),
    "CNN, 50 rows": (50, 0.038, 0.021, 0.006, [(8.4e-5, 301_000)] * 43 + [(0.006, 410_000)]),
}


def speedup(case: str, ranks: int, gigabits: float) -> float:
    """Return how many times faster the ranks are than one process."""
    rows, alone, passes, update, parts = CASES[case]
    bandwidth = gigabits * 1.25e8
    working = min(ranks, -(-rows // 8))  # ranks with rows; all do the same work
    share = 8 * -(-rows // (8 * working)) / rows
    arrived = [0.0] * len(parts)  # when the sums of the rank before arrive
    now = 0.0
    for _ in range(working):
        now = wire = passes * share
        for i, (seconds, size) in enumerate(parts):
            now = max(now, arrived[i]) + seconds * share
            wire = max(wire, now) + size / bandwidth
            arrived[i] = wire + LATENCY
    spread = sum(size for _, size in parts) / bandwidth + LATENCY
    return alone / (now + spread + update)


if __name__ == "__main__":
    for gigabits in GIGABITS:
        print(f"{gigabits} Gbit/s".ljust(26), *(f"{ranks:5}" for ranks in RANKS))
        for case in CASES:
            found = (speedup(case, ranks, gigabits) for ranks in RANKS)
            print(case.ljust(26), *(f"{value:5.1f}" for value in found))
