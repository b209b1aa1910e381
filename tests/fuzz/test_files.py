"""Damaged files of every format: a fixed number of them, and what the fuzzer itself must notice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from checkpoint_runs import fork
from fuzz import files
from fuzz.formats import FORMATS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")


def run(tmp_path, *arguments):
    """Run the fuzzer's command; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.files", "--keep", str(tmp_path), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    return done.stdout


def test_damaged_files_are_read_or_refused(tmp_path):
    assert "540 files in" in run(tmp_path, "--count", "20")


@pytest.mark.slow
def test_many_damaged_files_are_read_or_refused(tmp_path):
    assert "40,500 files in" in run(tmp_path, "--first", "20", "--count", "1500")


def test_a_file_can_be_made_again():
    kind = FORMATS["npz"]
    first, again = (kind.make(np.random.default_rng([3, 5])) for _ in range(2))
    assert first == again


# ---- what is a fault ---------------------------------------------------------------------------


def leave_quietly(path):
    raise ValueError(f"read: {path}: bad magic")


def raise_another_type(path):
    raise KeyError(path.name)


def name_no_file(path):
    raise ValueError("bad magic")


def give_no_reason(path):
    raise ValueError(path.name)


def take_memory(path):
    np.ones(files.SPARE_BYTES * 2, np.uint8)


def take_time(path):
    start = time.process_time()
    while time.process_time() < start + 60:
        pass


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (leave_quietly, None),
        (raise_another_type, "KeyError"),
        (name_no_file, "an error without the file's name"),
        (give_no_reason, "an error without the file's name"),
        (take_memory, "MemoryError"),
        (take_time, "Hang"),
    ],
)
def test_faults_are_noticed(tmp_path, monkeypatch, read, expected):
    monkeypatch.setattr(files, "SECONDS", 0.2)
    path = tmp_path / "a.bin"
    path.write_bytes(b"1")

    class Kind:
        pass

    Kind.read = staticmethod(read)

    def decide():  # in a process of its own: limits and signals stay there
        files.watch_time()
        found = files.fault(Kind, path)
        assert (found is None) == (expected is None), found
        assert expected is None or found.startswith(expected), found

    assert os.waitstatus_to_exitcode(fork(decide)) == 0
