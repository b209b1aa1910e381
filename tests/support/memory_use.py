"""What a call takes of memory. The scripts that tests start import this."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")

needs_linux = pytest.mark.skipif(
    not _CLEAR.exists(), reason="Linux tells the peak of memory, others not"
)


def _status(field):
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def peak(call):
    """Return how many bytes of resident memory are added during a call, at most."""
    _CLEAR.write_text("5")  # sets the peak back
    before = _status("VmRSS")
    result = call()
    added = _status("VmHWM") - before
    del result
    return added


def faults(call):
    """Return the page faults of a call."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    call()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
