"""Runs that are killed, at every step and within every write, and started again: the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

import prelunet as pn
from checkpoint_runs import (
    EPOCHS,
    STEPS,
    assert_killed,
    assert_same_ending,
    build,
    ending,
    fit,
    kill_oneself,
    stopping,
)
from prelunet import _files
from subprocesses import SUPPORT, TIMEOUT


@pytest.fixture(scope="module")
def expected():
    """Return what the run ends with that nothing interrupts."""
    model, early = build(), stopping()
    history = fit(model, None, early)
    assert model.steps_trained == STEPS
    assert 0 < early.best_epoch < EPOCHS - 1  # its parameters are kept over epochs, and put back
    return ending(model, history)


@pytest.fixture
def path():
    """Return a file in memory, where there is such a folder: writes need not wait for a disk."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder) / "run.ckpt"


def kept(path):
    """Return how many epochs a file holds; 0 where there is none."""
    if not path.exists():
        return 0
    content = json.loads(str(np.load(path)["prelunet"]))
    return len(content["run"]["history"]["loss"])


def assert_goes_on(path, expected):
    """Assert that a run started anew ends as it should, and leaves nothing but its file."""
    model = build()
    assert_same_ending(ending(model, fit(model, path, stopping())), expected)
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_every_step(path, expected, stride):
    for step in range(1, STEPS + 1, stride):
        end = pn.LambdaCallback(on_steps=kill_oneself, steps_between=step)
        assert_killed(lambda end=end: fit(build(), path, stopping(), end))
        assert kept(path) == (step - 1) * EPOCHS // STEPS
        assert_goes_on(path, expected)
        path.unlink()


def test_killed_again_and_again(path, expected):
    for step in range(1, STEPS + 1, 33):
        end = pn.LambdaCallback(on_steps=kill_oneself, steps_between=step)
        assert_killed(lambda end=end: fit(build(), path, stopping(), end))
    assert_goes_on(path, expected)


# ---- within a write ----------------------------------------------------------------------------


def killed_at_call(number, function, *, after):
    """Return a function that ends the process before or after its call of that number."""
    calls = 0

    def counted(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls == number and not after:
            kill_oneself()
        result = function(*arguments, **options)
        if calls == number:
            kill_oneself()
        return result

    return counted


class Half:
    """A stream that writes but half, and then ends the process."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, content):
        self.stream.write(content[: len(content) // 2])
        self.stream.flush()
        kill_oneself()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        raise AssertionError("not killed")


def opens_half(number):
    opened = 0

    def open_counted(file, mode, **options):
        nonlocal opened
        opened += mode == "wb"
        stream = open(file, mode, **options)  # noqa: SIM115
        return Half(stream) if mode == "wb" and opened == number else stream

    return open_counted


# For each moment: whether the new file is there then, and what ends the process at write `n`.
MOMENTS = {
    "in the middle of writing": (False, lambda n: ("open", opens_half(n))),
    "before the bytes are on the disk": (
        *(False, lambda n: ("fsync", killed_at_call(2 * n - 1, os.fsync, after=False))),
    ),
    "after that": (False, lambda n: ("fsync", killed_at_call(2 * n - 1, os.fsync, after=True))),
    "before the renaming": (
        *(False, lambda n: ("replace", killed_at_call(n, os.replace, after=False))),
    ),
    "after the renaming": (
        *(True, lambda n: ("replace", killed_at_call(n, os.replace, after=True))),
    ),
    "after the folder is on the disk": (
        *(True, lambda n: ("fsync", killed_at_call(2 * n, os.fsync, after=True))),
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_within_a_write(path, expected, moment):
    renamed, make = MOMENTS[moment]
    for number in range(1, EPOCHS + 1):
        name, ends = make(number)

        def run(name=name, ends=ends):
            setattr(_files if name == "open" else os, name, ends)
            fit(build(), path, stopping())

        assert_killed(run)
        assert kept(path) == (number if renamed else number - 1)
        assert_goes_on(path, expected)
        path.unlink()


# ---- from outside ------------------------------------------------------------------------------

RUN = """
import sys
import numpy as np
from checkpoint_runs import build, digest, ending, fit, rows, stopping

X, y = rows(2000)
model = build()
history = fit(model, sys.argv[1], stopping(99), data=(X, y), epochs=60)
print(digest(ending(model, history)))
"""
KILLS = 4


def start(path):
    arguments = [sys.executable, "-W", "error", "-c", RUN, str(path)]
    return subprocess.Popen(arguments, cwd=SUPPORT, stdout=subprocess.PIPE, text=True)


def test_another_process_killed_at_random_moments(path, rng):
    with start(path.with_name("whole")) as whole:
        expected, _ = whole.communicate(timeout=TIMEOUT)
    assert whole.returncode == 0
    epochs = []
    for _ in range(KILLS):
        before = kept(path)
        with start(path) as process:
            while kept(path) == before and process.poll() is None:
                time.sleep(0.001)
            time.sleep(rng.uniform(0.0, 0.04))
            process.kill()
            process.communicate(timeout=TIMEOUT)
        assert process.returncode == -signal.SIGKILL
        epochs.append(kept(path))
    assert epochs[0] < epochs[-1] < 60
    with start(path) as last:
        found, _ = last.communicate(timeout=TIMEOUT)
    assert last.returncode == 0
    assert found == expected
    assert kept(path) == 60
