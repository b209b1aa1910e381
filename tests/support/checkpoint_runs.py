"""A run of 500 small steps that has all a checkpoint must keep, and ways to cut it off."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import traceback
import warnings

import numpy as np
import pytest

import prelunet as pn
from tolerances import assert_same_bits, bits_of

EPOCHS, STEPS = 5, 500  # in all


def rows(count=200, seed=7):
    """Return rows to train on: samples and labels."""
    draw = np.random.default_rng(seed)
    return draw.standard_normal((count, 6)), draw.integers(3, size=count)


def build(*, units=5, seed=3, optimizer=None, loss="softmax_cross_entropy", **options):
    """Return a network with dropout, whose rate is another one in each update."""
    out = pn.Dense(3, use_bias=False)  # every array takes its time to write
    layers = [pn.Dense(units, use_bias=False), pn.PReLU("shared"), pn.Dropout(0.2), out]
    model = pn.Sequential(layers, input_shape=(6,), seed=seed, **options)
    rate = pn.schedules.WarmUp(pn.schedules.CosineDecay(0.02, STEPS), 30)
    model.compile(optimizer or pn.Adam(rate), loss, metrics=["accuracy"])
    return model


def fit(model, path=None, *callbacks, data=None, epochs=EPOCHS, every=1, resume=True, **options):
    """Train in steps of two rows, with a checkpoint where there is a path; return the history."""
    if path is not None:
        callbacks = (pn.Checkpoint(path, every=every, resume=resume), *callbacks)
    given = {"batch_size": 2, "validation_data": rows(30, seed=8), "callbacks": callbacks}
    return model.fit(*data or rows(), epochs=epochs, **given | options)


def stopping(patience=9):
    """Return a callback that ends this run with the parameters of an epoch in its middle."""
    return pn.EarlyStopping(patience=patience, restore_best_weights=True)


def ending(model, history):
    """Return all that a run ends with, as arrays by name."""
    slots = {
        f"slot {number} of {name}": values
        for number, slot in enumerate(model.engine.core.state("test")[1])
        for name, values in zip(model.engine.names, slot, strict=True)
    }
    counts = {"steps": model.steps_trained, "epochs": model.epochs_trained}
    found = {**model.parameters(), **slots, **counts, **history, "rate": model.learning_rate}
    return {name: np.array(values) for name, values in found.items()}


def assert_same_ending(found, expected):
    """Assert that two runs end with the same bits."""
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert_same_bits(found[name], values, name)


def digest(found):
    """Return a checksum of an ending."""
    whole = hashlib.sha256()
    for name, values in found.items():
        whole.update(name.encode() + bits_of(values))
    return whole.hexdigest()


def assert_write_fails(path, error, code):
    """Assert that a run breaks off at its first write, with a clear error; nothing is left."""
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    epochs = 2 if path.name in before else 0
    with pytest.raises(error) as caught:
        fit(build(), path)
    assert caught.value.errno == code
    assert caught.value.filename == str(path)
    assert f"Checkpoint: {epochs + 1} epochs could not be saved" in str(caught.value)
    assert os.strerror(code) in str(caught.value)
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == before


# ---- processes that end before their time ------------------------------------------------------


def kill_oneself(*_arguments):
    """End this process as nothing can that it could notice."""
    os.kill(os.getpid(), signal.SIGKILL)


def start_fork(work):
    """Begin some work in a copy of this process; return its id."""
    with warnings.catch_warnings():
        # Newer Pythons warn of threads, which the engine's are: a child of it runs on one.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)
    return pid


def fork(work):
    """Do some work in a copy of this process; return how that ended, as from os.waitpid."""
    return os.waitpid(start_fork(work), 0)[1]


def assert_killed(work):
    """Do some work in a copy of this process that must end by a kill."""
    status = fork(work)
    assert os.WIFSIGNALED(status), status
    assert os.WTERMSIG(status) == signal.SIGKILL
