"""One model and several threads: what may run at once does, what may not is an error."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import prelunet as pn
from network_models import inputs, labelled, mlp, parameter_copies
from prelunet.training.loop import WatchedLoop
from subprocesses import run_code
from thread_checks import BUSY, PATIENCE, during_a_fit, in_another_thread
from tolerances import assert_same_bits

PAUSE = 0.005  # seconds in which another thread gets to work


# ---- at once -----------------------------------------------------------------------------------


@pytest.mark.parametrize("team", [1, 2])
def test_several_threads_predict_and_evaluate_at_once(rng, team):
    pn.set_num_threads(team)
    model = mlp()
    many = [labelled(rng, rows) for rows in (3001, 17, 1500, 640)]
    predictions = [model.predict(X) for X, _ in many]
    losses = [model.evaluate(X, y) for X, y in many]
    together = threading.Barrier(len(many))

    def use(number):
        X, y = many[number]
        together.wait(PATIENCE)
        return [(model.predict(X), model.evaluate(X, y)) for _ in range(20)]

    with ThreadPoolExecutor(len(many)) as pool:
        for number, results in enumerate(pool.map(use, range(len(many)))):
            for outputs, logs in results:
                assert_same_bits(outputs, predictions[number])
                assert logs == losses[number]


def test_two_models_train_at_once(rng):
    X, y = labelled(rng, 900)
    together = threading.Barrier(2)

    def fitted(seed, barrier=None):
        model = mlp(seed=seed, optimizer=pn.Adam(0.01))
        if barrier is not None:
            barrier.wait(PATIENCE)
        model.fit(X, y, epochs=5, batch_size=300)
        return parameter_copies(model)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda seed: fitted(seed, together), (1, 2)))
    for seed, result in zip((1, 2), results, strict=True):
        for name, values in fitted(seed).items():
            assert_same_bits(result[name], values, name)


def test_callbacks_may_predict_and_evaluate(rng):
    X, y = labelled(rng, 100)
    model, copy = mlp(), mlp()

    def use():
        copy.set_parameters(model.parameters())
        return model.predict(X), model.evaluate(X, y)

    outputs, logs = during_a_fit(use, model, X, y)
    assert_same_bits(outputs, copy.predict(X))
    assert logs == copy.evaluate(X, y)


# ---- not at once -------------------------------------------------------------------------------

USES = {
    "predict": lambda model, X, y: model.predict(X),
    "evaluate": lambda model, X, y: model.evaluate(X, y),
    "fit": lambda model, X, y: model.fit(X, y),
    "train_epoch": lambda model, X, y: model.train_epoch(X, y),
    "train_on_batch": lambda model, X, y: model.train_on_batch(X, y),
    "loss_and_gradients": lambda model, X, y: model.loss_and_gradients(X, y),
    "set_parameters": lambda model, X, y: model.set_parameters(model.parameters()),
    "compile": lambda model, X, y: model.compile(pn.Adam()),
}


@pytest.mark.parametrize("name", USES)
def test_another_thread_may_not_use_a_model_between_the_steps_of_its_fit(rng, name):
    X, y = labelled(rng, 100)
    model, other = mlp(), mlp()

    def use():
        with pytest.raises(RuntimeError, match=BUSY):
            in_another_thread(lambda: USES[name](model, X, y))

    during_a_fit(use, model, X, y)
    other.fit(X, y, epochs=2)
    for parameter, values in other.parameters().items():  # and the fit went on undisturbed
        assert_same_bits(model.parameters()[parameter], values, parameter)
    in_another_thread(lambda: USES[name](model, X, y))  # afterwards it may


def test_a_fit_inside_a_fit_is_an_error(rng):
    X, y = labelled(rng, 100)
    model = mlp()

    def use():
        with pytest.raises(RuntimeError, match="fit: the model is already being fitted"):
            model.fit(X, y)

    during_a_fit(use, model, X, y)
    model.fit(X, y)


def steps_forever(model, X, y, stop):
    """Train until told to stop, whenever the model is free."""
    order = np.zeros(20_000, np.uint8)
    while not stop.is_set():
        with contextlib.suppress(RuntimeError):
            model.train_epoch(X, y, order=order, batch_size=10)


@pytest.mark.parametrize("name", USES)
def test_another_thread_may_not_use_a_model_while_a_step_runs(rng, name):
    X, y = labelled(rng, 100)
    model, stop = mlp(), threading.Event()
    trainer = threading.Thread(target=steps_forever, args=(model, X, y, stop))
    trainer.start()
    refused, until = False, time.monotonic() + PATIENCE
    try:
        while not refused and time.monotonic() < until:  # it may get in between two calls
            time.sleep(PAUSE)
            try:
                USES[name](model, X, y)
            except RuntimeError as error:
                refused = re.search(BUSY, str(error)) is not None
    finally:
        stop.set()
        trainer.join(PATIENCE)
    assert refused


def test_a_fit_may_not_begin_while_another_thread_predicts(rng):
    model, (X, y) = mlp(), labelled(rng, 20)
    many = np.broadcast_to(inputs(rng, 1), (200_000, 19))
    stop = threading.Event()

    def predict():
        while not stop.is_set():
            model.predict(many)

    reader = threading.Thread(target=predict)
    reader.start()
    refused, until = False, time.monotonic() + PATIENCE
    try:
        while not refused and time.monotonic() < until:
            time.sleep(PAUSE)
            try:
                model.fit(X, y)
            except RuntimeError as error:
                refused = "another thread is predicting" in str(error)
    finally:
        stop.set()
        reader.join(PATIENCE)
    assert refused
    model.fit(X, y)


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_train_batch_end"])
def test_a_fit_that_fails_lets_go_of_the_model(rng, hook):
    X, y = labelled(rng, 50)
    model = mlp()

    def fail(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        model.fit(X, y, callbacks=[pn.LambdaCallback(**{hook: fail})])
    in_another_thread(lambda: model.fit(X, y))
    in_another_thread(lambda: model.predict(X))


def lines_of(function):
    return sorted({line for *_, line in function.__code__.co_lines() if line is not None})


@pytest.mark.parametrize("line", lines_of(WatchedLoop.run))
def test_a_signal_before_any_line_of_a_fit_lets_go_of_the_model(rng, line):
    X, y = labelled(rng, 50)
    model = mlp()

    def traced(frame, event, arg):
        if frame.f_code is not WatchedLoop.run.__code__:
            return None
        if event == "line" and frame.f_lineno == line:
            sys.settrace(None)
            raise ZeroDivisionError
        return traced

    tracing = sys.gettrace()
    sys.settrace(traced)
    try:
        with contextlib.suppress(ZeroDivisionError):
            model.fit(X, y)
    finally:
        sys.settrace(tracing)
    in_another_thread(lambda: model.fit(X, y))
    in_another_thread(lambda: model.predict(X))


# ---- the threads of the process ----------------------------------------------------------------


def test_importing_and_small_work_start_no_thread_and_large_work_a_team():
    run_code(
        """
        import os, threading
        import numpy as np

        def tasks():
            return len(os.listdir("/proc/self/task"))

        before = tasks()
        import prelunet as pn
        assert tasks() == before, "import"
        from network_models import labelled, mlp
        before = tasks()  # SciPy, which the oracle takes, has threads of its own
        pn.set_num_threads(3)
        assert pn.get_num_threads() == 3
        rng = np.random.default_rng(0)
        model = mlp()
        model.fit(*labelled(rng, 64), epochs=2)
        model.predict(labelled(rng, 64)[0])
        assert tasks() == before, "small work"
        model.predict(labelled(rng, 3000)[0])
        assert tasks() == before + 2, "a team to predict"
        pn.set_num_threads(4)
        model.fit(*labelled(rng, 3000), batch_size=None)
        assert tasks() == before + 3, "a team to train"
        assert threading.active_count() == 1
        """
    )


def test_the_child_of_a_fork_trains_and_predicts_on_one_thread(tmp_path):
    for way in ("os.fork", "multiprocessing"):
        run_code(FORKING, way)


FORKING = """
    import multiprocessing, os, sys, warnings
    import numpy as np
    import prelunet as pn
    from network_models import labelled, mlp
    from tolerances import bits_of

    warnings.simplefilter("ignore", DeprecationWarning)  # of Python >= 3.12: fork with threads
    X, y = labelled(np.random.default_rng(0), 3000)
    model = mlp(optimizer=pn.Adam(0.01))
    pn.set_num_threads(3)

    def work(model, threads):
        assert pn.get_num_threads() == threads
        tasks = len(os.listdir("/proc/self/task"))
        model.fit(X, y, epochs=2, batch_size=700)
        found = [*model.parameters().values(), model.predict(X)]
        assert threads > 1 or len(os.listdir("/proc/self/task")) == tasks == 1
        return b"".join(map(bits_of, found))

    work(model, 3)  # the pool of threads exists now

    def child(expected_from):
        pn.set_num_threads(4)  # of no use here
        expected_from.send_bytes(work(model, 1))

    ours, theirs = multiprocessing.Pipe()
    if sys.argv[1] == "os.fork":
        pid = os.fork()
        if pid == 0:
            try:
                child(theirs)
                os._exit(0)
            finally:
                os._exit(1)
    else:
        process = multiprocessing.get_context("fork").Process(target=child, args=(theirs,))
        process.start()
    assert ours.poll(60), "the child hangs or has failed"
    of_child = ours.recv_bytes()
    if sys.argv[1] == "os.fork":
        assert os.waitpid(pid, 0)[1] == 0
    else:
        process.join()
        assert process.exitcode == 0
    assert work(model, 3) == of_child, "other bits in the child"
"""
