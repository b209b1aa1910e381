"""prelunet against the ceiling of the machine, against NumPy, and against the peers installed.

``prelunet bench`` is the way in. Each peer runs in a process of its own on the same number of
threads; answers are compared before anything is timed; rounds go from process to process, so that
what else the machine does meets all of them alike.

`cases` says what is measured, `peers` how each library does it, `harness` times, `report` and
`figures` show.
"""

from __future__ import annotations

from . import figures, machine, report
from .benchmark import run
from .options import Options

__all__ = ["Options", "figures", "machine", "report", "run"]
