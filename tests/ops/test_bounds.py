"""No op reads or writes outside its arrays, not by one byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def test_ops_stay_inside_their_arrays():
    if sys.platform == "win32":
        pytest.skip("needs mprotect")
    script = Path(__file__).parents[1] / "op_bounds.py"
    command = [sys.executable, "-X", "faulthandler", str(script)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"exit {run.returncode}: {run.stderr}"
