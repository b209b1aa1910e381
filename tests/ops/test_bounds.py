"""No op reads or writes outside its arrays, not by one byte."""

from __future__ import annotations

import sys

import pytest

from subprocesses import run_python


def test_ops_stay_inside_their_arrays():
    if sys.platform == "win32":
        pytest.skip("needs mprotect")
    run_python("-X", "faulthandler", "op_bounds.py")
