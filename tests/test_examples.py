"""The examples run, and reach what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_pole_is_balanced():
    run = subprocess.run(
        [sys.executable, str(EXAMPLES / "cart_pole.py")], capture_output=True, text=True, check=True
    )
    line = run.stdout.splitlines()[0]
    match = re.fullmatch(
        r"prelunet  solved after \d+ updates: ([\d.]+) of 200 steps; ([\d,]+) steps a second", line
    )
    assert match, line
    assert float(match[1]) >= 195.0


def test_a_data_frame_is_classified():
    pytest.importorskip("pandas")
    run = subprocess.run(
        [sys.executable, str(EXAMPLES / "data_frame.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    match = re.match(r"accuracy ([\d.]+), best epoch \d+\n", run.stdout)
    assert match, run.stdout
    assert float(match[1]) > 0.85


def test_every_example_has_a_test():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"cart_pole.py", "data_frame.py"}
