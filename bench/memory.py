"""Peak memory of training on 60,000 rows at once: each peer in a fresh process."""

from __future__ import annotations

from collections.abc import Sequence

from .peers import OURS, PEERS, PRODUCTS, UnsupportedError
from .processes import Worker
from .progress import Progress

CASE = "W0s"
BYTES_CASE = "W0s-uint8"


def measure(peers: Sequence[str], threads: int, *, quiet: bool) -> dict[str, int]:
    """Return the peak memory of each training process in bytes, including its data."""
    found: dict[str, int] = {}
    runs = [(peer, CASE) for peer in peers if peer != PRODUCTS]
    if OURS in peers:
        runs.insert(1, (OURS, BYTES_CASE))
    with Progress(len(runs), quiet=quiet) as progress:
        for peer, case in runs:
            progress.begin(f"peak memory: {PEERS[peer].title}, {case}")
            with Worker(peer, threads) as worker:
                try:
                    worker.ask("prepare", case=case)
                    found[peer if case == CASE else f"{peer}, uint8"] = worker.ask("peak_memory")[
                        "bytes"
                    ]
                except UnsupportedError:
                    pass  # the reason stands with the case's times
            progress.done()
    return found
