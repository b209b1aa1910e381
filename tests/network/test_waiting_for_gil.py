"""A call that is done, but waits for the GIL, does not keep other threads from the model."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp
from thread_checks import PATIENCE

WRITERS = {
    "train_on_batch": lambda model, X, y: lambda: model.train_on_batch(X, y),
    "train_epoch": lambda model, X, y: lambda: model.train_epoch(X, y, batch_size=100),
    "loss_and_gradients": lambda model, X, y: lambda: model.loss_and_gradients(X, y),
    "backward": lambda model, X, y: backward_of(model, X),
    "apply_gradients": lambda model, X, y: apply_of(model, X, y),
    "copy_from": lambda model, X, y: lambda: model.copy_from(wide(), tau=0.5),
}
READERS = {
    "predict": lambda model, X, y: lambda: model.predict(X),
    "evaluate": lambda model, X, y: lambda: model.evaluate(X, y),
    "vjp": lambda model, X, y: lambda: model.vjp(X),
}


def wide():
    """Return a model whose updates take a while."""
    return mlp(widths=(700, 700, 5), optimizer=pn.SGD(1e-9))


def backward_of(model, X):
    outputs, backward = model.vjp(X)
    return lambda: backward(outputs)


def apply_of(model, X, y):
    _, gradients = model.loss_and_gradients(X, y)
    return lambda: model.apply_gradients(gradients)


@pytest.fixture
def no_switches():
    """Keep the GIL in a thread until it drops it by itself."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e6)
    yield
    sys.setswitchinterval(before)


def refused(function):
    try:
        function()
    except RuntimeError:
        return True
    return False


def assert_used_while_the_other_waits(holder, user):
    """Let another thread call `holder` again and again, and this one `user` during a call.

    Until `user` succeeds, this thread does not drop the GIL: calls that are refused keep it.
    """
    done = threading.Event()

    def repeat():
        while not done.is_set():
            refused(holder)  # if this call meets one of `user`

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        until = time.monotonic() + PATIENCE
        while not refused(user):
            assert time.monotonic() < until, "no call met another one"
            time.sleep(0)
        while refused(user):
            assert time.monotonic() < until, "the other call never ended"
    finally:
        done.set()
        thread.join(PATIENCE)


@pytest.mark.usefixtures("no_switches")
@pytest.mark.parametrize("name", WRITERS)
def test_a_model_is_read_while_a_writer_waits(rng, name):
    model = wide()
    X, y = labelled(rng, 2000)
    row = X[:1].copy()
    holder = WRITERS[name](model, X, y)
    assert_used_while_the_other_waits(holder, lambda: model.predict(row))


@pytest.mark.usefixtures("no_switches")
@pytest.mark.parametrize("name", READERS)
def test_a_model_is_written_while_a_reader_waits(rng, name):
    model = wide()
    X, y = labelled(rng, 2000)
    bias = np.zeros(5)
    holder = READERS[name](model, X, y)
    assert_used_while_the_other_waits(holder, lambda: model.set_parameters({"4.bias": bias}))
