"""Calls that run at the same time share the threads."""

from __future__ import annotations

import threading
import time

import pytest

import prelunet as pn
from network_models import labelled, mlp, parameter_copies
from prelunet import _core
from subprocesses import run_code
from tolerances import assert_same_bits

# A call that is at work until `leave` is set: one of its layers waits.
WAITING = """
    import os, signal, threading, time
    import numpy as np
    import prelunet as pn
    from network_models import labelled, mlp
    from prelunet import _core

    def tasks():
        return len(os.listdir("/proc/self/task"))

    def waiting_fit():
        entered, leave = threading.Event(), threading.Event()

        def forward(x):
            entered.set()
            leave.wait(60)
            return x

        waits = pn.Lambda(forward, lambda grad_y, x, y: grad_y)
        model = pn.Sequential([pn.Dense(2), waits], seed=0)
        model.compile()
        X, y = np.ones((4, 3), np.float32), np.zeros(4, np.int64)
        thread = threading.Thread(target=model.fit, args=(X, y), kwargs={"verbose": 0})
        thread.start()
        assert entered.wait(60)
        return thread, leave

    X, y = labelled(np.random.default_rng(0), 3000)
    pn.set_num_threads(4)
    thread, leave = waiting_fit()
    before = tasks()
    """


def test_calls_beside_a_fit_have_their_share_of_the_threads():
    run_code(
        WAITING
        + """
    assert _core.calls_at_work() == 1
    model = mlp()
    model.predict(X)
    assert tasks() == before + 1, "two of four threads predict"
    model.evaluate(X, y)
    model.loss_and_gradients(X, y)
    model.fit(X, y, batch_size=None)
    assert tasks() == before + 1, "two of four threads train"
    leave.set()
    thread.join()
    assert _core.calls_at_work() == 0
    time.sleep(0.1)  # longer than an ended call counts
    model.predict(X)
    assert tasks() == before - 1 + 3, "all threads predict"
    """
    )


def test_a_running_team_grows_when_another_call_ends():
    # On a busy machine, a team of two lasts for a trial of some batches only.
    run_code(
        WAITING.replace("set_num_threads(4)", "set_num_threads(2)")
        + """
    model, grown = mlp(), []

    def end_the_other_call():
        while model.steps_trained == 0:
            time.sleep(0.001)
        grown.append(tasks() - before)  # this thread
        leave.set()
        thread.join()
        until = time.monotonic() + 60
        while (more := tasks() - before) < 1 and time.monotonic() < until:
            time.sleep(0.001)
        grown.append(more)  # this thread and the team's, but not the other call's
        signal.raise_signal(signal.SIGINT)

    watcher = threading.Thread(target=end_the_other_call)
    watcher.start()
    try:
        model.fit(X, y, batch_size=None, epochs=10**7, verbose=0)
    except KeyboardInterrupt:
        pass
    watcher.join()
    assert grown == [1, 1 + 1 - 1], grown
    """
    )


def test_changes_of_the_share_do_not_change_the_bits(rng):
    X, y = labelled(rng, 2000)
    pn.set_num_threads(3)

    def fitted():
        model = mlp(optimizer=pn.Adam(0.01))
        model.fit(X, y, epochs=40, batch_size=500)
        return parameter_copies(model)

    expected, stop = fitted(), threading.Event()

    def come_and_go():
        model = mlp(seed=3)
        while not stop.is_set():
            model.fit(X, y, epochs=3, batch_size=500)
            time.sleep(0.02)

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        found = fitted()
    finally:
        stop.set()
        other.join()
    for name, values in expected.items():
        assert_same_bits(found[name], values, name)


def test_a_request_ends_the_calls_of_threads_that_follow_it(rng):
    X, y = labelled(rng, 100)
    model, request, errors = mlp(), _core.StopRequest(), []

    def train():
        _core.follow(request)
        with pytest.raises(KeyboardInterrupt) as caught:
            model.fit(X, y, epochs=10**7)
        errors.append(caught.value)

    thread = threading.Thread(target=train)
    thread.start()
    while model.steps_trained == 0:
        time.sleep(0.001)
    request.set()
    thread.join()
    assert len(errors) == 1
    model.fit(X, y)  # no request ends this thread's calls
