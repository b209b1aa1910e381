"""Exponential moving averages of parameters: their equation, what sees them, and resumed runs."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import prelunet as pn
from fit_checks import recorded
from network_models import labelled, mlp, parameter_copies
from tolerances import ORACLE_GRADIENT, assert_close_to_scale, assert_same_bits

ROWS, SIZE, EPOCHS, MOMENTUM = 26, 8, 3, 0.8
OPTIMIZERS = [
    lambda **ema: pn.SGD(0.1, **ema),
    lambda **ema: pn.Adam(0.01, clip_norm=0.5, **ema),
    lambda **ema: pn.AdamW(0.01, **ema),
]


@pytest.fixture
def data(rng):
    return labelled(rng, ROWS)


def averaging(make=OPTIMIZERS[1], **options):
    return mlp(optimizer=make(use_ema=True, ema_momentum=MOMENTUM), **options)


def averages_of(data, make, epochs=EPOCHS):
    """Return the averages after each epoch, from updates one by one without averages."""
    model, found, average = mlp(optimizer=make()), [], None
    for epoch in range(epochs):
        order = pn._core.row_order(model.seed, epoch, ROWS)
        for start in range(0, ROWS, SIZE):
            rows = order[start : start + SIZE]
            model.train_on_batch(data[0][rows], data[1][rows])
            now = parameter_copies(model)
            if average is None:
                average = now
            average = {n: MOMENTUM * average[n] + (1 - MOMENTUM) * v for n, v in now.items()}
        found.append(average)
    return found


def assert_are(parameters, expected):
    for name, values in parameters.items():
        assert_close_to_scale(values, expected[name], ORACLE_GRADIENT, name)


def same_parameters(first, second):
    for name, values in first.parameters().items():
        assert_same_bits(values, second.parameters()[name], name)


class Epochs(pn.Callback):
    """Copies the parameters at the end of each epoch."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        """Copy the parameters."""
        self.seen.append(parameter_copies(self.model))


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_fit_ends_with_the_averages(data, make):
    model, epochs = averaging(make), Epochs()
    model.fit(*data, batch_size=SIZE, epochs=EPOCHS, callbacks=[epochs])
    expected = averages_of(data, make)
    for seen, right in zip(epochs.seen, expected, strict=True):
        assert_are(seen, right)
    assert_are(model.parameters(), expected[-1])
    unwatched = averaging(make)
    unwatched.fit(*data, batch_size=SIZE, epochs=EPOCHS)
    same_parameters(model, unwatched)


def test_validation_sees_the_averages(data, rng):
    held = labelled(rng, 20)
    model = averaging()
    history = model.fit(*data, batch_size=SIZE, epochs=EPOCHS, validation_data=held)
    other = mlp()
    for value, right in zip(history["val_loss"], averages_of(data, OPTIMIZERS[1]), strict=True):
        other.set_parameters(right)
        assert value == pytest.approx(other.evaluate(*held)["loss"], rel=ORACLE_GRADIENT)
    assert model.evaluate(*held)["loss"] == history["val_loss"][-1]


@pytest.mark.filterwarnings("ignore:fit. epoch .*the loss is")
def test_early_stopping_restores_averages(data, rng):
    held = labelled(rng, 20)
    epochs, stopping = Epochs(), pn.EarlyStopping(patience=None, restore_best_weights=True)
    model = averaging(lambda **ema: pn.SGD(2.0, **ema))
    model.fit(*data, batch_size=SIZE, epochs=6, validation_data=held, callbacks=[epochs, stopping])
    for name, values in model.parameters().items():
        assert_same_bits(values, epochs.seen[stopping.best_epoch][name])


def test_a_second_fit_continues_from_the_averages(data):
    model = averaging()
    model.fit(*data, batch_size=SIZE)
    state = model.engine.core.state("test")
    for value, average in zip(state[0], state[1][-1], strict=True):
        assert_same_bits(value, average)
    again = pn.Sequential.__new__(pn.Sequential)
    again.__setstate__(model.__getstate__())
    for one in (model, again):
        one.fit(*data, batch_size=SIZE)
    same_parameters(model, again)


def test_frozen_parameters_stay(data):
    layers = [pn.Dense(9, trainable=False), pn.Tanh(), pn.Dense(5)]
    model = pn.Sequential(layers, input_shape=(19,), dtype="float32", seed=1)
    model.compile(pn.SGD(0.1, use_ema=True, ema_momentum=0.3), "softmax_cross_entropy")
    before = parameter_copies(model)
    model.fit(*data, batch_size=SIZE, epochs=2)
    for name in ("0.weight", "0.bias"):
        assert_same_bits(model.parameters()[name], before[name])


@pytest.mark.parametrize("threads", [2, 3])
def test_bits_do_not_depend_on_threads(rng, threads):
    data = labelled(rng, 300, (64,), dtype=np.float32)
    before, models = pn.get_num_threads(), []
    try:
        for count in (1, threads):
            pn.set_num_threads(count)
            model = averaging(input_shape=(64,), widths=(97, 61, 5), dtype="float32")
            model.fit(*data, batch_size=41, epochs=2)
            models.append(model)
    finally:
        pn.set_num_threads(before)
    same_parameters(*models)


def test_an_interrupted_run_gives_the_same_averages(data, tmp_path):
    class Interrupt(pn.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    whole = averaging()
    whole.fit(*data, batch_size=SIZE, epochs=EPOCHS)
    checkpoint = pn.Checkpoint(tmp_path / "c")
    interrupted, model = averaging(), averaging()
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(*data, batch_size=SIZE, epochs=EPOCHS, callbacks=[checkpoint, Interrupt()])
    for _ in range(2):  # the second run finds a finished one
        model.fit(*data, batch_size=SIZE, epochs=EPOCHS, callbacks=[pn.Checkpoint(tmp_path / "c")])
        same_parameters(model, whole)


def test_an_error_leaves_the_parameters_of_the_last_update(data):
    def fail(epoch, logs):
        raise RuntimeError("stop")

    model, plain = averaging(), mlp(optimizer=OPTIMIZERS[1]())
    with pytest.raises(RuntimeError, match="stop"):
        model.fit(*data, batch_size=SIZE, callbacks=[pn.LambdaCallback(on_epoch_end=fail)])
    plain.fit(*data, batch_size=SIZE)
    same_parameters(model, plain)


def test_a_signal_during_the_exchange_leaves_the_parameters_of_the_last_update(data):
    """Python runs signal handlers as soon as the call into the core returns."""

    def interrupt(frame, event, called):
        if event == "c_return" and called.__name__ == "swap_mean":
            sys.setprofile(None)
            raise KeyboardInterrupt

    model, plain = averaging(), mlp(optimizer=OPTIMIZERS[1]())
    watch = pn.LambdaCallback(on_epoch_begin=lambda *_: sys.setprofile(interrupt))
    before = sys.getprofile()
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(*data, batch_size=SIZE, callbacks=[watch])
    finally:
        sys.setprofile(before)
    plain.fit(*data, batch_size=SIZE)
    same_parameters(model, plain)


def test_a_model_saved_by_a_callback_continues_from_the_averages(data):
    states = []
    keep = pn.LambdaCallback(on_epoch_end=lambda *_: states.append(model.__getstate__()))
    model = averaging()
    model.fit(*data, batch_size=SIZE, epochs=2, callbacks=[keep])
    saved = pn.Sequential.__new__(pn.Sequential)
    saved.__setstate__(states[-1])
    same_parameters(saved, model)
    for one in (model, saved):
        one.fit(*data, batch_size=SIZE)
    same_parameters(saved, model)


def test_an_update_in_a_callback_leaves_the_averages_apart(data, tmp_path):
    """At the end of an epoch it moves the parameters, as at the beginning of the next."""
    models = [averaging(), averaging(), averaging()]

    def run(model, hook, epochs):
        update = pn.LambdaCallback(**{hook: lambda *_: model.train_on_batch(*data)})
        keep = pn.Checkpoint(tmp_path / hook)
        model.fit(*data, batch_size=SIZE, epochs=epochs, callbacks=[update, keep])

    run(models[0], "on_epoch_end", 2)
    run(models[1], "on_epoch_end", 1)
    run(models[2], "on_epoch_end", 2)
    same_parameters(models[0], models[2])
    plain = mlp(optimizer=OPTIMIZERS[1]())
    average = None
    for epoch in range(2):
        order = pn._core.row_order(plain.seed, epoch, ROWS)
        batches = [order[start : start + SIZE] for start in range(0, ROWS, SIZE)]
        for rows in [*batches, slice(None)]:
            plain.train_on_batch(data[0][rows], data[1][rows])
            now = parameter_copies(plain)
            average = average or now
            average = {n: MOMENTUM * average[n] + (1 - MOMENTUM) * v for n, v in now.items()}
    assert_are(models[0].parameters(), average)


def test_a_failed_resume_leaves_the_parameters(data, tmp_path):
    class Failing(pn.Callback):
        def set_state(self, state):
            raise ValueError("no state")

    averaging().fit(*data, batch_size=SIZE, callbacks=[pn.Checkpoint(tmp_path / "c"), Failing()])
    model = averaging()
    for _ in range(2):
        model.train_on_batch(*data)
    before = parameter_copies(model)
    with pytest.raises(ValueError, match="no state"):
        model.fit(*data, batch_size=SIZE, callbacks=[pn.Checkpoint(tmp_path / "c"), Failing()])
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)


def test_no_update_leaves_no_average(data):
    model = averaging()
    before = parameter_copies(model)
    model.fit(*data, epochs=0)
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name])


def test_a_loss_in_python(data):
    def squares(outputs, targets):
        wanted = np.eye(outputs.shape[1])[targets]
        return ((outputs - wanted) ** 2).sum(axis=1), 2 * (outputs - wanted)

    model, plain = averaging(), mlp()
    model.compile(pn.SGD(0.01, use_ema=True, ema_momentum=0.0), squares)
    plain.compile(pn.SGD(0.01), squares)
    for one in (model, plain):
        one.fit(*data, batch_size=SIZE, epochs=2)
    assert_are(model.parameters(), plain.parameters())


def test_bad_arguments():
    with pytest.raises(TypeError, match="SGD: use_ema must be True or False, got 1"):
        pn.SGD(use_ema=1)
    with pytest.raises(ValueError, match=r"SGD: ema_momentum must be .*, got 1\.5"):
        pn.SGD(ema_momentum=1.5)


def test_averages_restart_from_parameters_that_are_set(data):
    """A second fit continues as from a model whose averages began with these parameters."""
    given = {name: 0.5 * values for name, values in parameter_copies(mlp(seed=9)).items()}
    for put in (
        lambda model: model.set_parameters(given),
        lambda model: model.copy_from(mlp(seed=9), tau=1.0),
    ):
        model = averaging()
        model.fit(*data, batch_size=SIZE)
        put(model)
        values, slots, _ = model.engine.core.state("test")
        for value, average in zip(values, slots[-1], strict=True):
            assert_same_bits(value, average)
        before = parameter_copies(model)
        steps, seen = recorded(1)
        model.fit(*data, batch_size=SIZE, callbacks=[steps])
        average = before
        for _, now in seen:
            average = {n: MOMENTUM * average[n] + (1 - MOMENTUM) * v for n, v in now.items()}
        assert_are(model.parameters(), average)


def test_parameters_set_at_the_end_of_an_epoch_are_trained_on(data):
    given = parameter_copies(mlp(seed=9))
    put = pn.LambdaCallback(on_epoch_end=lambda epoch, logs: put.model.set_parameters(given))
    model = averaging(lambda **ema: pn.SGD(0.0, **ema))
    model.fit(*data, batch_size=SIZE, epochs=2, callbacks=[put])
    assert_are(model.parameters(), given)


def test_only_the_set_parameters_restart(data):
    model = averaging()
    model.train_on_batch(*data)
    model.train_on_batch(*data)
    before = model.engine.core.state("test")[1][-1]
    model.set_parameters({"0.bias": np.ones(33)})
    after = model.engine.core.state("test")[1][-1]
    for name, old, new in zip(model.engine.names, before, after, strict=True):
        assert_same_bits(new, np.ones(33) if name == "0.bias" else old, name)


@pytest.mark.parametrize("callbacks", [[], [pn.LambdaCallback()]])
def test_no_epochs_leave_parameters_and_averages(data, callbacks):
    model = averaging()
    for _ in range(3):
        model.train_on_batch(*data)
    before = model.engine.core.state("test")
    model.fit(*data, epochs=0, callbacks=callbacks)
    after = model.engine.core.state("test")
    for old, new in zip(before[0], after[0], strict=True):
        assert_same_bits(new, old)
    for old, new in zip(before[1][-1], after[1][-1], strict=True):
        assert_same_bits(new, old)
