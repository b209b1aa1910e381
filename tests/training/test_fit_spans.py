"""Schedules that span a call of `fit`, and epochs without their last short batch."""

from __future__ import annotations

import math

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp
from tolerances import assert_same_bits

ROWS, SIZE, EPOCHS = 26, 8, 3  # 4 batches, the last one of 2 rows
SPANNING = [pn.schedules.CosLog(0.1), pn.schedules.FlatCosine(0.1, 0.25)]


@pytest.fixture
def data(rng):
    return labelled(rng, ROWS)


class Rates(pn.Callback):
    """Records the learning rate before each update."""

    def __init__(self):
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        """Record the rate."""
        self.seen.append(self.model.learning_rate)


def same_parameters(first, second):
    for name, values in first.parameters().items():
        assert_same_bits(values, second.parameters()[name], name)


# ---- schedules ---------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SPANNING, ids=str)
@pytest.mark.parametrize("drop_last", [False, True])
def test_a_schedule_spans_each_call(data, schedule, drop_last):
    model, rates = mlp(optimizer=pn.SGD(schedule)), Rates()
    for epochs in (1, EPOCHS):
        rates.seen.clear()
        model.fit(*data, batch_size=SIZE, epochs=epochs, drop_last=drop_last, callbacks=[rates])
        steps = epochs * (3 if drop_last else 4)
        assert_same_bits(np.array(rates.seen), schedule.spanning(steps)(np.arange(steps)))


@pytest.mark.parametrize("drop_last", [False, True])
def test_callbacks_do_not_change_a_spanning_schedule(data, drop_last):
    models = [mlp(optimizer=pn.Adam(SPANNING[0])) for _ in range(2)]
    for model, callbacks in zip(models, ([], [Rates()]), strict=True):
        model.fit(*data, batch_size=SIZE, epochs=EPOCHS, drop_last=drop_last, callbacks=callbacks)
    same_parameters(*models)


def test_an_interrupted_run_continues_its_schedule(data, tmp_path):
    def start(epochs, *more):
        model = mlp(optimizer=pn.SGD(SPANNING[0]))
        model.fit(*data, batch_size=SIZE, epochs=1)  # updates before the run do not count
        checkpoint = pn.Checkpoint(tmp_path / "c")
        model.fit(*data, batch_size=SIZE, epochs=epochs, callbacks=[checkpoint, *more])
        return model

    whole = mlp(optimizer=pn.SGD(SPANNING[0]))
    whole.fit(*data, batch_size=SIZE, epochs=1)
    whole.fit(*data, batch_size=SIZE, epochs=EPOCHS)

    class Interrupted(pn.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(EPOCHS, Interrupted())
    same_parameters(start(EPOCHS), whole)


def test_outside_fit_the_number_of_updates_must_be_given(data):
    model = mlp(optimizer=pn.SGD(SPANNING[0]))
    for call in (lambda: model.train_on_batch(*data), lambda: model.learning_rate):
        with pytest.raises(ValueError, match="CosLog: steps must be given outside fit"):
            call()
    model.fit(*data, epochs=1)
    with pytest.raises(ValueError, match="CosLog: steps must be given outside fit"):
        model.train_on_batch(*data)
    given = mlp(optimizer=pn.SGD(pn.schedules.CosLog(0.1, steps=9)))
    given.train_on_batch(*data)
    assert given.learning_rate == pn.schedules.CosLog(0.1, steps=9)(1)


def test_a_function_of_the_update_number(data):
    model, rates = mlp(optimizer=pn.SGD(lambda step: 0.1 / (step + 1))), Rates()
    model.fit(*data, batch_size=SIZE, epochs=EPOCHS, callbacks=[rates])
    assert rates.seen == [0.1 / (step + 1) for step in range(4 * EPOCHS)]
    model.learning_rate = lambda step: 0.5
    assert model.learning_rate == 0.5


@pytest.mark.parametrize("wrong", [math.nan, -0.1, math.inf])
def test_a_wrong_rate_is_refused_by_name(data, wrong):
    def collapse(step):
        return 0.1 if step < 5 else wrong

    message = rf"learning_rate: the schedule .*collapse.* must give .* got {wrong} for update 5"
    for callbacks in ([], [Rates()]):
        model = mlp(optimizer=pn.SGD(collapse))
        with pytest.raises(ValueError, match=message):
            model.fit(*data, batch_size=SIZE, epochs=EPOCHS, callbacks=callbacks)
    assert model.steps_trained == 5  # with batch hooks, each update asks for its own rate


def test_files_leave_out_a_schedule_that_is_a_function(data, tmp_path):
    model = mlp(optimizer=pn.Adam(pn.schedules.WarmUp(lambda step: 0.1, 2)))
    model.fit(*data)
    model.save(tmp_path / "m.npz")
    same_parameters(pn.load(tmp_path / "m.npz"), model)
    for _ in range(2):
        again = mlp(optimizer=pn.Adam(pn.schedules.WarmUp(lambda step: 0.1, 2)))
        again.fit(*data, epochs=2, callbacks=[pn.Checkpoint(tmp_path / "c")])
    assert again.learning_rate == 0.1


# ---- drop_last ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [False, True])
def test_drop_last_trains_on_full_batches_alone(data, shuffle):
    model, other = mlp(optimizer=pn.Adam(0.01)), mlp(optimizer=pn.Adam(0.01))
    history = model.fit(*data, batch_size=SIZE, epochs=2, shuffle=shuffle, drop_last=True)
    for epoch in range(2):
        order = pn._core.row_order(other.seed, epoch, ROWS) if shuffle else np.arange(ROWS)
        logs = other.train_epoch(*data, order=order[:24], batch_size=SIZE)
        assert history["loss"][epoch] == logs["loss"]
    assert model.steps_trained == 6
    same_parameters(model, other)


def test_drop_last_shuffles_the_rows_of_a_single_batch(data):
    """The batch has other rows in each epoch."""
    model, other = mlp(), mlp()
    model.fit(*data, batch_size=20, epochs=2, drop_last=True)
    for epoch in range(2):
        order = pn._core.row_order(other.seed, epoch, ROWS)[:20]
        other.train_epoch(*data, order=order, batch_size=20)
    same_parameters(model, other)


@pytest.mark.parametrize("size", [13, ROWS, 40, None])
def test_drop_last_changes_nothing_without_a_short_batch(data, size):
    models = [mlp(), mlp()]
    for model, drop_last in zip(models, (False, True), strict=True):
        model.fit(*data, batch_size=size, epochs=2, drop_last=drop_last)
    same_parameters(*models)


def test_drop_last_must_be_a_flag(data):
    with pytest.raises(TypeError, match="fit: drop_last must be True or False, got 1"):
        mlp().fit(*data, drop_last=1)
