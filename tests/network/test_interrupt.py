"""Ctrl-C: KeyboardInterrupt soon after the signal, and a model that can be used afterwards."""

from __future__ import annotations

import signal
import sys
import threading

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp, parameter_copies
from subprocesses import run_code
from tolerances import assert_same_bits

SOON = 0.1  # seconds, as promised

# One call of some seconds; its rows are one row in memory. Another thread sends the signal when the
# call is well under way. There are eight tries: a machine with other work to do may be late.
INTERRUPTED = """
    import os, signal, sys, threading, time
    import numpy as np
    import prelunet as pn
    from network_models import dense, parameter_copies

    rows = 3_000_000
    X = np.broadcast_to(np.linspace(-1, 1, 64, dtype=np.float32), (rows, 64))
    y = np.zeros(rows, np.uint8)
    order = np.zeros(rows, np.uint8)

    def build(hidden):
        layers = [dense(hidden), pn.PReLU(), dense(hidden), pn.ReLU(), pn.Dropout(0.1), dense(2)]
        model = pn.Sequential(layers, input_shape=(64,), seed=1)
        model.compile(pn.SGD(0.01, momentum=0.9))
        model.train_on_batch(X[:300], y[:300])
        return model

    calls = {
        "one large batch": lambda m: m.train_epoch(X, y, order=order, batch_size=None),
        "many small batches": lambda m: m.train_epoch(X, y, batch_size=10),
        "fit": lambda m: m.fit(X, y, batch_size=1000, shuffle=False),
        "gradients": lambda m: m.loss_and_gradients(X, y),
        "predict": lambda m: m.predict(X),
        "evaluate": lambda m: m.evaluate(X, y),
    }
    name, threads = sys.argv[1], int(sys.argv[2])
    pn.set_num_threads(threads)
    trains = name in ("many small batches", "fit")
    latencies = []
    for _ in range(8):
        model, other = build(256), build(256)
        before, sent = parameter_copies(model), []

        def interrupt():
            made = model.steps_trained
            time.sleep(0.25)
            while trains and model.steps_trained == made:  # sanitized, the first step may take long
                time.sleep(0.01)
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)

        sender = threading.Thread(target=interrupt)
        sender.start()
        try:
            calls[name](model)
        except KeyboardInterrupt:
            latencies.append(time.perf_counter() - sent[0])
        else:
            raise AssertionError("it was over before the signal")
        sender.join()

        after = parameter_copies(model)
        for key, values in after.items():
            assert np.isfinite(values).all()
            assert trains or values.tobytes() == before[key].tobytes(), key
        if not trains:  # nothing has happened, moments and counts included
            for one in (model, other):
                one.train_on_batch(X[:300], y[:300])
            for key, values in other.parameters().items():
                assert values.tobytes() == model.parameters()[key].tobytes(), key
        else:  # whole steps have happened
            assert any(values.tobytes() != before[key].tobytes() for key, values in after.items())
            other.set_parameters(after)
            assert other.predict(X[:99]).tobytes() == model.predict(X[:99]).tobytes()
            model.fit(X[:300], y[:300], epochs=2)
        if latencies[-1] <= float(sys.argv[3]):
            break
    print(min(latencies))
"""


@pytest.mark.parametrize(
    ("name", "threads"),
    [
        ("one large batch", 1),
        ("one large batch", 2),
        ("many small batches", 2),
        ("fit", 1),
        ("gradients", 2),
        ("predict", 1),
        ("predict", 2),
        ("evaluate", 2),
    ],
)
def test_ctrl_c(name, threads):
    latency = float(run_code(INTERRUPTED, name, threads, SOON))
    assert 0 <= latency <= SOON, f"{latency} s after the signal"


def test_whole_steps_before_an_interrupt_are_the_steps_of_a_shorter_run(rng):
    """An interrupted epoch has made its first steps, bit for bit, and no part of another."""
    X, y = labelled(rng, 300)
    order = rng.integers(300, size=2_000_000)
    model = mlp(optimizer=pn.Adam(0.01))
    timer = threading.Timer(0.1, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.train_epoch(X, y, order=order, batch_size=50)
    timer.join()
    steps = model.engine.core.steps
    assert 0 < steps < len(order) // 50
    shorter = mlp(optimizer=pn.Adam(0.01))
    shorter.train_epoch(X, y, order=order[: steps * 50], batch_size=50)
    for name, values in shorter.parameters().items():
        assert_same_bits(model.parameters()[name], values, name)
    for one in (model, shorter):
        one.fit(X, y)
    for name, values in shorter.parameters().items():
        assert_same_bits(model.parameters()[name], values, name)


def test_a_signal_handler_that_does_not_raise_does_not_stop_training(rng):
    X, y = labelled(rng, 300)
    order = rng.integers(300, size=100_000)
    seen = []
    previous = signal.signal(signal.SIGUSR1, lambda *_: seen.append(len(seen)))
    timer = threading.Timer(0.02, signal.raise_signal, [signal.SIGUSR1])
    timer.start()
    try:
        disturbed, plain = mlp(), mlp()
        disturbed.train_epoch(X, y, order=order, batch_size=50)
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert seen == [0]
    plain.train_epoch(X, y, order=order, batch_size=50)
    for name, values in plain.parameters().items():
        assert_same_bits(disturbed.parameters()[name], values, name)


def test_what_a_handler_raises_comes_out(rng):
    X, y = labelled(rng, 300)

    def handler(*_):
        raise ZeroDivisionError("from the handler")

    previous = signal.signal(signal.SIGUSR1, handler)
    timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGUSR1])
    timer.start()
    model = mlp()
    before = parameter_copies(model)
    try:
        with pytest.raises(ZeroDivisionError, match="from the handler"):
            model.predict(np.broadcast_to(X[:1], (20_000_000, 19)))
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)
    model.fit(X, y)


DAEMON = """
    import sys, threading, time
    import numpy as np
    import prelunet as pn
    from network_models import dense

    layers = [dense(8), pn.Lambda(lambda x: x, lambda g, x, y: g)] if "lambda" in sys.argv else []
    model = pn.Sequential([*layers, dense(8), pn.ReLU(), dense(2)], input_shape=(4,), seed=1)
    model.compile(pn.SGD(0.01))
    X, y = np.ones((2_000, 4), np.float32), np.zeros(2_000, np.int64)
    began = threading.Event()

    def train():
        while True:
            model.fit(X, y, epochs=1 if "short" in sys.argv else 10_000, batch_size=20)
            began.set()

    if "short" not in sys.argv:
        began.set()
    threading.Thread(target=train, daemon=True).start()
    began.wait()
    time.sleep(0.2)
"""


@pytest.mark.parametrize("calls", ["one long call", "short calls", "a lambda"])
def test_the_process_ends_under_a_daemon_thread_that_trains(calls):
    for _ in range(3):
        run_code(DAEMON, *calls.split())


@pytest.mark.skipif(
    sys.platform != "linux", reason="needs pthread_exit as the GNU libraries have it"
)
@pytest.mark.parametrize("function", ["forward", "backward"])
def test_a_thread_that_python_ends_inside_a_lambda_sleeps(function):
    """Python before 3.14 ends a daemon thread by pthread_exit, without the GIL, as done here."""
    run_code(
        """
        import ctypes, sys, threading, time
        import numpy as np
        import prelunet as pn
        from network_models import dense

        reached = threading.Event()

        def end():
            reached.set()
            ctypes.CDLL(None).pthread_exit(None)

        def forward(x):
            return end() if sys.argv[1] == "forward" else x

        layers = [dense(8), pn.Lambda(forward, lambda grad_y, x, y: end()), dense(2)]
        model = pn.Sequential(layers, input_shape=(4,), seed=1)
        model.compile(pn.SGD(0.01))
        X, y = np.ones((20, 4), np.float32), np.zeros(20, np.int64)
        thread = threading.Thread(target=model.fit, args=(X, y), daemon=True)
        thread.start()
        assert reached.wait(60)
        for _ in range(20):  # other threads go on
            time.sleep(0.01)
            assert sum([1] * 1000) == 1000
        assert thread.is_alive()
        """,
        function,
    )
