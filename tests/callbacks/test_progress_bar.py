"""ProgressBar: what a terminal, a file and a machine without tqdm get to see."""

from __future__ import annotations

import io
import math
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from callback_models import FakeModel, run
from prelunet.callbacks import ProgressBar, progress_bar

BOTH = {"loss": 0.5, "accuracy": 0.75, "val_loss": 0.25, "val_accuracy": 0.875}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


# A stream of a notebook's kernel, which is no terminal but shows bars.
Notebook = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})


@pytest.fixture
def stderr(request, monkeypatch):
    """Give the bar a stderr of the class asked for; pytest keeps sys.stderr for itself."""
    stream = request.param()
    monkeypatch.setattr(progress_bar, "sys", SimpleNamespace(stderr=stream))
    return stream


@pytest.fixture
def no_tqdm(monkeypatch):
    """Make tqdm look uninstalled."""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)


def drawings(stream):
    """Return every state of the bars in turn."""
    return [part for part in stream.getvalue().replace("\n", "\r").split("\r") if "|" in part]


def last_drawing(stream):
    """Return what is left to see."""
    return drawings(stream)[-1]


def filled(drawing):
    """Return the filled part of the bar, ten characters where the terminal has no width."""
    return drawing.split("|")[1].strip()


@pytest.mark.parametrize("stderr", [Terminal, Notebook], indirect=True)
def test_one_bar_stays_with_the_last_values(stderr):
    assert run(ProgressBar(), FakeModel(), [BOTH] * 12) == 12
    drawing = last_drawing(stderr)
    assert drawing.startswith("12/12 |")
    assert "| loss 0.5000 (val 0.2500), accuracy 0.7500 (val 0.8750), 00:0" in drawing
    assert stderr.getvalue().count("\n") == 1
    assert stderr.getvalue().endswith("\n")


@pytest.mark.parametrize("stderr", [Terminal], indirect=True)
def test_the_bar_moves_within_an_epoch(stderr, monkeypatch):
    clock = iter(range(1000))  # every look at the clock is a second later: everything is drawn
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    callback = ProgressBar()
    callback.set_params({"epochs": 2})
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    callback.on_epoch_progress(1, 4, {"loss": 2.0})
    assert last_drawing(stderr).startswith("1/2 |")
    assert "| loss 2.0000, " in last_drawing(stderr)
    assert len(filled(last_drawing(stderr))) == 2  # an eighth of ten characters
    assert last_drawing(stderr).rstrip().endswith(" left")
    before = stderr.getvalue()
    callback.on_epoch_progress(3, 4, {"loss": 1.5})
    assert "| loss 1.5000, " in stderr.getvalue().removeprefix(before)
    callback.on_epoch_end(0, {"loss": 1.0, "val_loss": 3.0})
    assert "| loss 1.0000 (val 3.0000), " in last_drawing(stderr)
    callback.on_epoch_begin(1)
    callback.on_epoch_progress(1, 2, {"loss": 0.75})  # validation is known from the epoch before
    assert last_drawing(stderr).startswith("2/2 |")
    assert "| loss 0.7500 (val 3.0000), " in last_drawing(stderr)
    assert len(filled(last_drawing(stderr))) == 8
    callback.close()


@pytest.mark.parametrize("stderr", [Terminal], indirect=True)
def test_fast_epochs_are_not_all_drawn(stderr, monkeypatch):
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    run(ProgressBar(), FakeModel(), [BOTH] * 1000)
    assert len(drawings(stderr)) == 2  # when it opens and when it closes
    assert last_drawing(stderr).startswith("1000/1000 |")


@pytest.mark.parametrize("stderr", [Terminal], indirect=True)
def test_a_resumed_run_begins_where_it_was(stderr):
    run(ProgressBar(), FakeModel(), [BOTH] * 2, first=6)
    first, *_, last = drawings(stderr)
    assert first.startswith("7/8 |")
    assert len(filled(first)) == 8  # six of eight in ten characters: seven and a half
    assert last.startswith("8/8 |")
    assert len(filled(last)) == 10


@pytest.mark.parametrize("stderr", [Terminal], indirect=True)
def test_every_training_has_its_own_bar_and_no_thread(stderr):
    threads = threading.active_count()
    callback = ProgressBar()
    callback.set_params({"epochs": 1})
    for _ in range(2):  # the first is left open, as by an exception in fit
        callback.on_train_begin()
        callback.on_epoch_begin(0)
        assert "loss" not in last_drawing(stderr)
        callback.on_epoch_end(0, {"loss": 1.0})
        assert threading.active_count() == threads
    callback.close()
    callback.close()
    assert stderr.getvalue().count("\n") == 2


@pytest.mark.parametrize("stderr", [io.StringIO], indirect=True)
def test_a_file_gets_a_line_an_epoch(stderr):
    callback = ProgressBar()
    run(callback, FakeModel(), [BOTH] * 9 + [None])
    callback.on_epoch_progress(1, 2, {"loss": 1.0})  # lines have nothing to move
    lines = stderr.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0].startswith(
        "epoch  1/10  loss 0.5000 (val 0.2500), accuracy 0.7500 (val 0.8750)"
    )
    assert lines[0].endswith(" s")
    assert lines[9].startswith("epoch 10/10  ")
    assert "\r" not in stderr.getvalue()


@pytest.mark.usefixtures("no_tqdm")
@pytest.mark.parametrize("stderr", [Terminal, Notebook], indirect=True)
def test_without_tqdm_there_are_lines(stderr):
    run(ProgressBar(), FakeModel(), [BOTH] * 2)
    assert [line[:9] for line in stderr.getvalue().splitlines()] == ["epoch 1/2", "epoch 2/2"]


@pytest.mark.parametrize("stderr", [io.StringIO], indirect=True)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98765, "0.9877"),
        (2.302585, "2.3026"),
        (-0.5, "-0.5000"),
        (1234.5678, "1235"),
        (0.000393, "0.000393"),
        (1.23456e-7, "1.235e-07"),
        (0.0, "0"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_numbers_are_short(stderr, value, text):
    run(ProgressBar(), FakeModel(), [{"loss": value, "val_other": value}])
    assert f"  loss {text}, val_other {text}  " in stderr.getvalue()


def test_tqdm_is_imported_only_for_a_bar():
    code = (
        "import sys, prelunet.callbacks as c; b = c.ProgressBar(); b.set_params({'epochs': 1});"
        "b.on_train_begin(); b.on_epoch_begin(0); b.on_epoch_end(0, {'loss': 1.0});"
        "sys.exit('tqdm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("epoch 1/1  loss 1.0000")
