"""Scores and times of estimators for tables: those of prelunet and of the installed peers.

Run it with ``prelunet bench --tables DIR``. Each peer runs in its own process on one thread. For
each seed a quarter of the rows of a table is held out, the same for all peers. The times are CPU
seconds of `fit` and of `predict` of all test rows. Each result is one JSON line, and a later run
with the same file measures what it lacks.
"""

from __future__ import annotations

from . import report
from .figure import save_figure
from .runs import Options, run

__all__ = ["Options", "report", "run", "save_figure"]
