"""Benchmarks of prelunet against peak FMA throughput, NumPy and the installed peers.

Run it with ``prelunet bench``. Each peer runs in its own process with the same number of threads.
Answers are compared before anything is timed. Processes take turns in each round, so that other
load on the machine affects all of them equally.

`cases` defines the work, `peers` implements it for each library, `harness` times it, and `report`
and `figures` present the results. `tables` compares estimators on tables.
"""

from __future__ import annotations

from . import figures, machine, report, tables
from .benchmark import run
from .options import Options

__all__ = ["Options", "figures", "machine", "report", "run", "tables"]
