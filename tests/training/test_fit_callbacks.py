"""When fit calls its callbacks, with what, and how they stop it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import prelunet as pn
from fit_checks import assert_refused, assert_same_models
from network_models import labelled, mlp
from prelunet import _core
from prelunet.training.loop import WatchedLoop
from tolerances import assert_close_to_scale, sum_tolerance

HOOKS = [
    "set_model",
    "set_params",
    "on_train_begin",
    "restore_run",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_epoch_progress",
    "on_train_batch_end",
    "on_epoch_end",
    "keep_run",
    "on_train_end",
    "close",
]


@pytest.fixture
def data(rng):
    return labelled(rng, 25)


def recorder(calls, *hooks, label=None):
    """Return a callback that overrides these hooks and notes each call."""

    def method(hook):
        def noted(self, *arguments):
            getattr(pn.Callback, hook)(self, *arguments)
            calls.append((hook if label is None else (label, hook), *arguments))

        return noted

    return type("Recorder", (pn.Callback,), {hook: method(hook) for hook in hooks})()


# ---- order and arguments -----------------------------------------------------------------------


def test_every_moment_in_order(data):
    model, calls = mlp(), []
    history = model.fit(
        *data, epochs=2, batch_size=10, validation_data=data, callbacks=[recorder(calls, *HOOKS)]
    )
    batches = [
        moment
        for batch in range(3)
        for moment in (
            ("on_train_batch_begin", batch),
            ("on_train_batch_end", batch),
            ("on_epoch_progress", batch + 1, 3),
        )
    ]
    without_logs = [
        tuple(a for a in call if not isinstance(a, (dict, WatchedLoop))) for call in calls[2:]
    ]
    params = {"epochs": 2, "steps": 3, "validation_freq": 1}
    assert calls[:2] == [("set_model", model), ("set_params", params)]
    assert without_logs == [
        ("on_train_begin",),
        ("restore_run",),
        ("on_epoch_begin", 0),
        *batches,
        ("on_epoch_end", 0),
        ("keep_run",),
        ("on_epoch_begin", 1),
        *batches,
        ("on_epoch_end", 1),
        ("keep_run",),
        ("on_train_end",),
        ("close",),
    ]
    for epoch in range(2):
        logs = {name: values[epoch] for name, values in history.items()}
        assert ("on_epoch_end", epoch, logs) in calls


def test_callbacks_are_called_one_after_another(data):
    calls = []
    hooks = ["on_train_begin", "restore_run", "on_epoch_end", "keep_run", "on_train_end", "close"]
    mlp().fit(*data, callbacks=[recorder(calls, *hooks, label=name) for name in "ab"])
    assert [call[0] for call in calls] == [(name, hook) for hook in hooks for name in "ab"]


def test_logs_of_batches_are_the_epochs_so_far(data):
    X, y = data
    calls = []
    stepped = mlp()
    mlp().fit(
        X,
        y,
        batch_size=10,
        shuffle=False,
        callbacks=[recorder(calls, "on_train_batch_end", "on_epoch_progress")],
    )
    batches = np.split(np.arange(25), [10, 20])
    reports = [stepped.train_on_batch(X[rows], y[rows]) for rows in batches]
    assert [call[:-1] for call in calls[::2]] == [
        ("on_train_batch_end", batch) for batch in range(3)
    ]
    assert [call[-1] for call in calls[::2]] == [call[-1] for call in calls[1::2]]
    for name in ("loss", "accuracy"):
        sums = np.cumsum(
            [report[name] * len(rows) for report, rows in zip(reports, batches, strict=True)]
        )
        got = [call[-1][name] for call in calls[::2]]
        assert_close_to_scale(got, sums / [10, 20, 25], sum_tolerance(25, np.float64))


def test_hooks_that_are_not_overridden_are_not_called(data):
    class Loud(pn.Callback):
        """Has batch hooks, but only as attributes that are the base's own."""

        on_train_batch_begin = pn.Callback.on_train_batch_begin

    model, lengths = mlp(), []
    train = type(model.engine.core).train

    def counted(self, rows, targets, order, batch_size, rates, totals):
        lengths.append(len(rates))
        train(self, rows, targets, order, batch_size, rates, totals)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(model.engine.core), "train", counted)
        model.fit(*data, batch_size=5, callbacks=[Loud(), recorder([], "on_epoch_end")])
        assert lengths == [5]  # an epoch is one call into C++
        lengths.clear()
        model.fit(*data, batch_size=5, callbacks=[recorder([], "on_train_batch_end")])
        assert lengths == [1] * 5
        lengths.clear()
        done = []
        clock = itertools.count(step=0.01)  # a call into C++ takes a hundredth of a second
        patch.setattr("prelunet.training.loop.time.perf_counter", lambda: next(clock))
        watch = pn.LambdaCallback(on_epoch_progress=lambda *report: done.append(report[:2]))
        model.fit(*data, batch_size=1, epochs=2, callbacks=[watch])
        assert lengths == [1, 4, 16, 4, 25]  # the first ones say how long a step takes
        assert done == [(made, 25) for made in (1, 5, 21, 25, 25)]


@pytest.mark.parametrize(
    "hooks", [["on_train_batch_end"], ["on_epoch_progress"], ["on_train_batch_begin", "close"]]
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_watching_changes_nothing(data, hooks, shuffle):
    watched, alone = mlp(), mlp()
    options = {"epochs": 3, "batch_size": 4, "shuffle": shuffle}
    history = watched.fit(*data, callbacks=[recorder([], *hooks)], **options)
    assert history == alone.fit(*data, callbacks=None, **options)
    assert_same_models(watched, alone)


def test_no_epochs_begin_and_end(data):
    calls = []
    mlp().fit(*data, epochs=0, callbacks=[recorder(calls, *HOOKS)])
    names = ["on_train_begin", "restore_run", "on_train_end", "close"]
    assert [call[0] for call in calls[2:]] == names


# ---- what callbacks may do ---------------------------------------------------------------------


def test_stop_training_ends_after_the_epoch(data):
    model, calls = mlp(), []

    class Stop(pn.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    history = model.fit(*data, epochs=5, callbacks=[Stop(), recorder(calls, *HOOKS)])
    assert history.epochs == [0, 1]
    assert [call[1] for call in calls if call[0] == "on_epoch_end"] == [0, 1]
    assert calls[-2:] == [("on_train_end",), ("close",)]
    assert model.epochs_trained == 2
    assert model.stop_training
    assert model.fit(*data, epochs=3).epochs == [0, 1, 2]  # it holds for the fit that it stopped


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_steps"])
def test_a_stop_between_two_steps_cuts_the_epoch_short(data, hook):
    """It counts as an epoch all the same: validated, and with the sums of its steps alone."""
    X, y = data
    model, calls = mlp(), []
    stop_at = 2 * 3 + 2  # of 3 steps an epoch

    class Stop(pn.Callback):
        steps_between = 1 if hook == "on_steps" else None

    def look(self, *_, **__):
        self.model.stop_training = self.model.steps_trained == stop_at

    setattr(Stop, hook, look)
    watchers = [Stop(), recorder(calls, *HOOKS)]
    history = model.fit(X, y, epochs=5, batch_size=10, validation_data=(X, y), callbacks=watchers)
    assert model.steps_trained == stop_at
    assert model.epochs_trained == 3
    assert history.epochs == [0, 1, 2]
    assert history["val_loss"][-1] == model.evaluate(X, y)["loss"]
    assert [call[1] for call in calls if call[0] == "on_epoch_end"] == [0, 1, 2]

    whole = mlp()
    whole.fit(X, y, epochs=2, batch_size=10)
    order = _core.row_order(whole.seed, 2, len(X))[: 2 * 10]
    losses = whole.fit(X[order], y[order], batch_size=10, shuffle=False)["loss"]
    assert history["loss"][-1] == losses[0]
    assert_same_models(model, whole)


def test_a_stop_that_is_taken_back_ends_nothing(data):
    class Waver(pn.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = False

    model = mlp()
    assert model.fit(*data, epochs=3, batch_size=10, callbacks=[Waver()]).epochs == [0, 1, 2]
    assert model.steps_trained == 3 * 3


def test_a_stop_before_the_first_epoch(data):
    stop = pn.LambdaCallback(on_train_begin=lambda logs=None: setattr(model, "stop_training", True))
    model = mlp()
    assert model.fit(*data, epochs=5, callbacks=[stop]).epochs == []
    assert model.steps_trained == 0


def test_a_learning_rate_set_in_fit_holds_from_the_next_update(data):
    X, y = data
    fitted, stepped = mlp(optimizer=pn.SGD(0.5)), mlp(optimizer=pn.SGD(0.5))

    class Halve(pn.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.learning_rate /= 2

    fitted.fit(X, y, batch_size=10, shuffle=False, callbacks=[Halve()])
    for number, rows in enumerate(np.split(np.arange(25), [10, 20])):
        stepped.learning_rate = 0.5 / 2**number
        stepped.train_on_batch(X[rows], y[rows])
    assert_same_models(fitted, stepped)


def test_a_callback_may_not_compile_or_fit(data):
    """The engine holds targets that are made for the loss with which fit began."""
    for forbidden, message in [
        (lambda model: model.compile(loss="mean_squared_error"), "compile: the model is being fit"),
        (lambda model: model.fit(*data), "fit: the model is already being fitted"),
    ]:
        model, alone = mlp(), mlp()
        for loser in (model, alone):
            loser.train_on_batch(*data)

        class Bad(pn.Callback):
            act = staticmethod(forbidden)

            def on_epoch_begin(self, epoch, logs=None):
                self.act(self.model)

        with pytest.raises(RuntimeError, match=message):
            model.fit(*data, callbacks=[Bad()])
        assert model.fit(*data) == alone.fit(*data)  # nothing of it stays
        assert_same_models(model, alone)
        model.compile(loss="mean_squared_error")


@pytest.mark.parametrize("hook", HOOKS[:-1])
def test_an_error_in_a_callback_ends_fit_and_closes_all(data, hook):
    calls = []

    def fail(self, *arguments):
        raise ZeroDivisionError(hook)

    broken = type("Broken", (pn.Callback,), {hook: fail})()
    model = mlp()
    with pytest.raises(ZeroDivisionError, match=hook):
        model.fit(*data, batch_size=10, callbacks=[broken, recorder(calls, "close")])
    assert calls == [("close",)]
    assert all(np.isfinite(values).all() for values in model.parameters().values())
    model.fit(*data)


# ---- what callbacks must be --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        (pn.TerminateOnNaN(), "callbacks must be a list of Callbacks, got <prelunet"),
        ([pn.TerminateOnNaN], "callbacks must be Callbacks, got <class"),
        ([pn.TerminateOnNaN(), None], "callbacks must be Callbacks, got None"),
        (3, "callbacks must be a list of Callbacks, got 3"),
        ("ab", "callbacks must be Callbacks, got 'a'"),
    ],
)
def test_bad_callbacks(data, callbacks, message):
    assert_refused(data, TypeError, f"^fit: {message}", callbacks=callbacks)
