"""A process that forks while another of its threads uses a model."""

from __future__ import annotations

from subprocesses import run_code

FORKED = """
    import copy, os, pickle, sys, threading, warnings
    import numpy as np
    import prelunet as pn
    from network_models import labelled, mlp, parameter_copies

    warnings.simplefilter("ignore", DeprecationWarning)  # of Python >= 3.12: fork with threads
    X, y = labelled(np.random.default_rng(0), 300)
    model, twin = mlp(), mlp()
    began, ends = threading.Event(), threading.Event()

    def in_child(work):
        pid = os.fork()
        if pid == 0:
            try:
                work()
                os._exit(0)
            except BaseException as error:
                os.write(2, repr(error).encode())
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0

    def forward(x):  # waits in the middle of a step of another thread
        if threading.current_thread() is not threading.main_thread():
            began.set()
            ends.wait(60)
        return x

    def built():
        layers = [pn.Dense(9), pn.Lambda(forward, lambda g, x, y: g), pn.Dense(5)]
        made = pn.Sequential(layers, input_shape=(19,), seed=3)
        made.compile(pn.Adam(0.01))
        return made

    def refused(call):
        try:
            call()
        except RuntimeError as error:
            return "the process was forked while another thread trained" in str(error)
        return False
"""


def test_a_model_between_two_steps_of_another_thread_is_free_in_the_child():
    run_code(
        FORKED
        + """
    def wait(epoch):
        began.set()
        ends.wait(60)

    callbacks = [pn.LambdaCallback(on_epoch_begin=wait)]
    thread = threading.Thread(target=model.fit, args=(X, y), kwargs={"callbacks": callbacks})
    thread.start()
    assert began.wait(60)

    def child():
        other = copy.deepcopy(model)
        for same in (model, other, twin):
            same.predict(X)
            same.fit(X, y, epochs=2)
        for name, values in twin.parameters().items():
            np.testing.assert_array_equal(model.parameters()[name], values)
            np.testing.assert_array_equal(other.parameters()[name], values)

    in_child(child)
    ends.set()
    thread.join()
        """
    )


def test_a_model_inside_a_step_of_another_thread_says_so_and_can_be_built_anew():
    """A Lambda waits in the middle of a training step."""
    run_code(
        FORKED
        + """
    model, twin = built(), built()
    model.epochs_trained = 2
    thread = threading.Thread(target=model.fit, args=(X, y))
    thread.start()
    assert began.wait(60)

    def child():
        calls = [
            lambda: model.predict(X),
            lambda: model.fit(X, y),
            lambda: model.compile(pn.SGD(0.1)),
            lambda: copy.deepcopy(model),
            lambda: pickle.dumps(model),
            model.parameters,
        ]
        assert all(refused(call) for call in calls)
        model.build((19,))
        for same in (model, twin):
            same.fit(X, y, epochs=2)
        assert model.epochs_trained == 2
        for name, values in twin.parameters().items():
            np.testing.assert_array_equal(model.parameters()[name], values)

    in_child(child)
    ends.set()
    thread.join()
    model.fit(X, y, epochs=3)
    try:
        model.build((19,))
    except ValueError:
        pass
    else:
        raise AssertionError("built anew outside a child")
        """
    )


def test_a_reader_of_another_thread_does_not_count_in_the_child():
    run_code(
        FORKED
        + """
    model = built()
    thread = threading.Thread(target=model.predict, args=(X,))
    thread.start()
    assert began.wait(60)
    in_child(lambda: model.fit(X, y))
    ends.set()
    thread.join()
        """
    )


def test_a_model_that_another_thread_was_building_is_built_in_the_child():
    run_code(
        FORKED
        + """
    unbuilt = pn.Sequential([pn.Dense(3)], seed=0)

    def build():
        with unbuilt.engine.building():
            unbuilt.engine.rows("predict", X)
            began.set()
            ends.wait(60)
            raise ValueError("the data are rejected")

    thread = threading.Thread(target=lambda: refused(build))
    threading.excepthook = lambda arguments: None
    thread.start()
    assert began.wait(60)
    in_child(lambda: unbuilt.build((4,)))
    ends.set()
    thread.join(60)
    assert unbuilt.input_shape is None
"""
    )
