"""Callbacks: the base, what changes the learning rate, what stops, and plain functions."""

from __future__ import annotations

import copy
import inspect
import math
import pickle

import numpy as np
import pytest

from callback_models import FakeModel, losses, run
from prelunet.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    LambdaCallback,
    LearningRateSchedule,
    ProgressBar,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
    overrides,
)

HOOKS = [name for name in vars(Callback) if name.startswith("on_")]


def halve(epoch, learning_rate):
    return learning_rate / 2


ALL = [
    Callback(),
    Checkpoint("run.ckpt", every=2),
    EarlyStopping(patience=3),
    LambdaCallback(on_epoch_end=print),
    LearningRateSchedule(halve),
    ProgressBar(),
    ReduceLROnPlateau(patience=3),
    TensorBoard("runs", every=2),
    TerminateOnNaN(),
]


# The base


def test_hooks_have_keras_names_and_arguments():
    arguments = {
        name: list(inspect.signature(getattr(Callback, name)).parameters) for name in HOOKS
    }
    assert arguments == {
        "on_train_begin": ["self", "logs"],
        "on_train_end": ["self", "logs"],
        "on_epoch_begin": ["self", "epoch", "logs"],
        "on_epoch_end": ["self", "epoch", "logs"],
        "on_epoch_progress": ["self", "done", "total", "logs"],
        "on_train_batch_begin": ["self", "batch", "logs"],
        "on_train_batch_end": ["self", "batch", "logs"],
        "on_steps": ["self", "steps", "logs"],
    }


def test_the_base_does_nothing():
    model = FakeModel()
    callback = Callback()
    assert run(callback, model, losses(1, 2)) == 2
    callback.on_epoch_progress(1, 2)
    callback.on_train_batch_begin(0)
    callback.on_train_batch_end(0)
    callback.on_steps(1)
    callback.set_state(callback.get_state())
    assert callback.get_state() == {}
    assert callback.model is model
    assert callback.params == {"epochs": 2}
    assert not any(overrides(callback, hook) for hook in [*HOOKS, "restore_run", "keep_run"])


def test_overrides_sees_methods_of_subclasses_and_functions():
    class Batches(Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    class Below(Batches):
        pass

    for callback in (Below(), LambdaCallback(on_train_batch_end=print)):
        assert [hook for hook in HOOKS if overrides(callback, hook)] == ["on_train_batch_end"]
    assert [c for c in ALL if overrides(c, "on_epoch_progress")] == [ALL[5]]
    assert not any(overrides(c, "on_train_batch_end") for c in ALL)


@pytest.mark.parametrize("callback", ALL, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies_go_their_own_way(callback, copied):
    other = copied(callback)
    assert type(other) is type(callback)
    assert other is not callback
    assert vars(other).keys() == vars(callback).keys()


@pytest.mark.parametrize("callback", ALL, ids=lambda c: type(c).__name__)
def test_a_fresh_state_can_be_set(callback):
    state = callback.get_state()
    other = copy.deepcopy(callback)
    other.set_state(state)
    assert other.get_state() == state


# LearningRateSchedule


def test_learning_rate_schedule_gets_the_epoch_and_the_rate():
    seen = []

    def function(epoch, learning_rate):
        seen.append((epoch, learning_rate))
        return learning_rate / 2

    model = FakeModel(learning_rate=1.0)
    run(LearningRateSchedule(function), model, losses(1, 1, 1), first=4)
    assert seen == [(4, 1.0), (5, 0.5), (6, 0.25)]
    assert model.learning_rate == 0.125
    assert type(model.learning_rate) is float


@pytest.mark.parametrize(
    ("result", "error"), [(None, TypeError), (-0.1, ValueError), (math.nan, ValueError)]
)
def test_learning_rate_schedule_checks_the_result(result, error):
    model = FakeModel(learning_rate=1.0)
    callback = LearningRateSchedule(lambda epoch, learning_rate: result)
    with pytest.raises(error, match="LearningRateSchedule: function's result for epoch 0 must be"):
        run(callback, model, losses(1))
    assert model.learning_rate == 1.0


def test_learning_rate_schedule_needs_a_function():
    with pytest.raises(TypeError, match=r"LearningRateSchedule: function must be callable .*got 1"):
        LearningRateSchedule(1)


# ReduceLROnPlateau


def rates(callback, values, **arguments):
    """Return the learning rate after each epoch, from 1 at the start."""
    model, seen = FakeModel(learning_rate=1.0), []
    end_epoch = callback.on_epoch_end

    def watched(epoch, logs):
        end_epoch(epoch, logs)
        seen.append(model.learning_rate)

    callback.on_epoch_end = watched
    run(callback, model, losses(*values), **arguments)
    return seen


@pytest.mark.parametrize(
    ("arguments", "values", "expected"),
    [
        ({"patience": 2}, [3, 2, 1, 0], [1, 1, 1, 1]),
        ({"patience": 2}, [1, 1, 1, 1, 1], [1, 1, 0.5, 0.5, 0.25]),
        ({"patience": 2}, [2, 2, 1, 1, 1], [1, 1, 1, 1, 0.5]),
        ({"patience": 0}, [1, 1, 1], [1, 0.5, 0.25]),
        ({"patience": 1}, [1, 1, 1], [1, 0.5, 0.25]),
        ({"patience": 1, "cooldown": 2}, [1] * 8, [1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]),
        ({"patience": 1, "cooldown": 1}, [2, 2, 1, 1], [1, 0.5, 0.5, 0.25]),
        ({"patience": 1, "min_learning_rate": 0.3}, [1] * 4, [1, 0.5, 0.3, 0.3]),
        ({"patience": 1, "min_delta": 0.5}, [2, 1.5, 0.9], [1, 0.5, 0.5]),
        ({"patience": 1, "mode": "max"}, [1, 2, 1], [1, 1, 0.5]),
        ({"patience": 1}, [math.nan, 1, math.nan], [0.5, 0.5, 0.25]),
    ],
)
def test_reduces_on_a_plateau(arguments, values, expected):
    assert rates(ReduceLROnPlateau(factor=0.5, **arguments), values) == expected


def test_reduce_lr_is_reset_by_the_next_training():
    callback = ReduceLROnPlateau(patience=2, cooldown=3)
    run(callback, FakeModel(), losses(1, 1, 1))
    callback.on_train_begin()
    assert callback.get_state() == ReduceLROnPlateau().get_state()


def test_reduce_lr_goes_on_from_its_state():
    values = [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5]

    def make():
        return ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1)

    whole = rates(make(), values)
    assert whole[-1] < whole[0]
    for cut in range(1, len(values)):
        first = make()
        before = rates(first, values[:cut])
        after = rates(make(), values[cut:], first=cut, state=first.get_state())
        assert before + [before[-1] * rate for rate in after] == whole


def test_reduce_lr_names_a_missing_key():
    with pytest.raises(
        ValueError, match=r"ReduceLROnPlateau: monitor .*\('loss'\), got 'val_loss'"
    ):
        run(ReduceLROnPlateau(), FakeModel(), [{"loss": 1.0}])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"factor": 1.0}, ValueError, "factor must be a finite number > 0 and < 1, got 1.0"),
        ({"factor": 0}, ValueError, "factor must be a finite number > 0 and < 1, got 0"),
        ({"patience": -1}, ValueError, "patience must be an integer >= 0, got -1"),
        ({"cooldown": 0.5}, TypeError, "cooldown must be an integer >= 0, got 0.5"),
        ({"min_delta": -1}, ValueError, "min_delta must be a finite number >= 0, got -1"),
        ({"min_learning_rate": math.nan}, ValueError, "min_learning_rate must be .* got nan"),
        ({"mode": None}, TypeError, "mode must be one of 'auto', 'min', 'max', got None"),
        ({"monitor": "reward"}, ValueError, "mode must be 'min' or 'max' for monitor='reward'"),
    ],
)
def test_reduce_lr_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=f"ReduceLROnPlateau: {message}"):
        ReduceLROnPlateau(**arguments)


# TerminateOnNaN


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_terminates_on_a_loss_that_is_not_finite(bad):
    reports = [{"loss": 1.0, "other": math.nan}, {"loss": bad}, {"loss": 1.0}]
    assert run(TerminateOnNaN(), FakeModel(), reports) == 2


def test_terminate_names_a_missing_loss():
    with pytest.raises(ValueError, match=r"TerminateOnNaN: monitor .*\('val_loss'\), got 'loss'"):
        run(TerminateOnNaN(), FakeModel(), [{"val_loss": 1.0}])


# LambdaCallback


def test_plain_functions_get_the_arguments():
    calls = []
    functions = {
        name: lambda *arguments, name=name: calls.append((name, *arguments)) for name in HOOKS
    }
    callback = LambdaCallback(**functions)
    for hook in HOOKS:
        assert overrides(callback, hook)
    callback.on_train_begin({})
    callback.on_epoch_begin(0, {})
    callback.on_train_batch_begin(0, {})
    callback.on_train_batch_end(0, {"loss": 1.0})
    callback.on_steps(1, {"loss": 1.0})
    callback.on_epoch_progress(1, 1, {"loss": 1.0})
    callback.on_epoch_end(0, {"loss": 1.0})
    callback.on_train_end({})
    assert calls == [
        ("on_train_begin", {}),
        ("on_epoch_begin", 0, {}),
        ("on_train_batch_begin", 0, {}),
        ("on_train_batch_end", 0, {"loss": 1.0}),
        ("on_steps", 1, {"loss": 1.0}),
        ("on_epoch_progress", 1, 1, {"loss": 1.0}),
        ("on_epoch_end", 0, {"loss": 1.0}),
        ("on_train_end", {}),
    ]


def test_hooks_without_a_function_do_nothing():
    callback = LambdaCallback()
    assert run(callback, FakeModel(), losses(1, 2)) == 2
    assert not any(overrides(callback, hook) for hook in HOOKS)
    assert callback.steps_between is None


@pytest.mark.parametrize("hook", HOOKS)
def test_a_function_must_be_callable(hook):
    with pytest.raises(TypeError, match=f"LambdaCallback: {hook} must be callable, got 1"):
        LambdaCallback(**{hook: 1})


def test_lambda_steps_between():
    assert LambdaCallback(on_steps=print).steps_between == 1
    assert LambdaCallback(on_steps=print, steps_between=7).steps_between == 7
    with pytest.raises(
        ValueError, match="LambdaCallback: steps_between must be an integer >= 1, got 0"
    ):
        LambdaCallback(on_steps=print, steps_between=0)


def test_parameters_are_copied_when_they_are_kept():
    model = FakeModel()
    callback = EarlyStopping(restore_best_weights=True)
    run(callback, model, losses(1))
    kept = callback.get_state()["best_parameters"]["0.weight"]
    model.set_parameters({"0.weight": np.full(2, 5.0)})
    assert np.all(kept == 0)
