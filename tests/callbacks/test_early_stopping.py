"""EarlyStopping: when it stops, what it restores, and how it goes on from a checkpoint."""

from __future__ import annotations

import math

import numpy as np
import pytest

from callback_models import FakeModel, losses, run
from prelunet.callbacks import EarlyStopping


@pytest.mark.parametrize(
    ("patience", "values", "epochs"),
    [
        (0, [3, 2, 1], 3),
        (0, [3, 2, 2, 1], 3),
        (1, [3, 2, 2, 1], 3),
        (2, [3, 2, 2, 1, 1, 1, 0], 6),
        (2, [3, 4, 3, 0], 3),
        (3, [3, 4, 5, 2.9, 4, 4, 4, 0], 7),
    ],
)
def test_stops_so_many_epochs_after_the_best(patience, values, epochs):
    model = FakeModel()
    callback = EarlyStopping(patience=patience)
    assert run(callback, model, losses(*values)) == epochs
    stopped = epochs < len(values)
    assert model.stop_training == stopped
    assert callback.stopped_epoch == (epochs - 1 if stopped else None)
    assert callback.best == min(values[:epochs])
    assert callback.best_epoch == values.index(callback.best)


@pytest.mark.parametrize(("ties", "best_epoch"), [("first", 1), ("last", 4)])
def test_ties_tell_which_of_the_best_epochs_is_restored(ties, best_epoch):
    model = FakeModel()
    callback = EarlyStopping(patience=None, restore_best_weights=True, ties=ties)
    assert run(callback, model, losses(3, 2, 2.5, 2, 2, 4)) == 6
    assert (callback.best, callback.best_epoch) == (2, best_epoch)
    assert np.all(model.parameters()["0.weight"] == best_epoch)


def test_a_tie_is_no_improvement():
    callback = EarlyStopping(patience=2, ties="last")
    assert run(callback, FakeModel(), losses(3, 2, 2, 2, 1)) == 4
    assert callback.best_epoch == 3


def test_without_patience_training_never_stops():
    model = FakeModel()
    callback = EarlyStopping(patience=None)
    assert run(callback, model, losses(1, 2, 3, 4)) == 4
    assert not model.stop_training
    assert callback.stopped_epoch is None
    stopped = EarlyStopping(patience=2)
    run(stopped, FakeModel(), losses(1, 2, 2))
    again = EarlyStopping(patience=None)
    assert run(again, FakeModel(), losses(0), first=3, state=stopped.get_state()) == 1


def test_a_change_must_be_larger_than_min_delta():
    halves = losses(4, 3.5, 3, 2.5)
    assert run(EarlyStopping(min_delta=0.25), FakeModel(), halves) == 4
    assert run(EarlyStopping(min_delta=0.5), FakeModel(), halves) == 2
    # Against the best, not against the last: two small changes add up to one.
    assert run(EarlyStopping(min_delta=0.5, patience=2), FakeModel(), halves) == 4


@pytest.mark.parametrize(
    ("monitor", "values", "epochs"),
    [
        ("loss", [3, 2, 3, 1], 3),
        ("val_loss", [3, 2, 3, 1], 3),
        ("mean_absolute_error", [3, 2, 3, 1], 3),
        ("accuracy", [1, 2, 1, 3], 3),
        ("val_f1_score", [1, 2, 1, 3], 3),
        ("val_roc_auc_score", [1, 2, 1, 3], 3),
    ],
)
def test_auto_goes_by_the_name(monitor, values, epochs):
    callback = EarlyStopping(monitor)
    assert run(callback, FakeModel(), losses(*values, name=monitor)) == epochs


@pytest.mark.parametrize(("mode", "epochs"), [("min", 2), ("max", 3)])
def test_mode_goes_before_the_name(mode, epochs):
    callback = EarlyStopping("val_loss", mode=mode)
    assert run(callback, FakeModel(), losses(1, 2, 1, 0)) == epochs


@pytest.mark.parametrize("monitor", ["val_reward", "error_score", "lossless"])
def test_auto_refuses_a_name_that_does_not_say(monitor):
    with pytest.raises(ValueError, match=f"mode must be 'min' or 'max' for monitor='{monitor}'"):
        EarlyStopping(monitor)
    assert EarlyStopping(monitor, mode="max").patience == 0


def test_nan_is_no_better():
    callback = EarlyStopping(patience=2, restore_best_weights=True)
    model = FakeModel()
    assert run(callback, model, losses(math.nan, 2, math.nan, math.nan, 1)) == 4
    assert callback.best == 2
    assert np.all(model.parameters()["0.weight"] == 1)


def test_nothing_but_nan_restores_nothing():
    model = FakeModel()
    assert run(EarlyStopping(restore_best_weights=True), model, losses(math.nan)) == 1
    assert np.all(model.parameters()["0.weight"] == 0)
    assert model.stop_training


@pytest.mark.parametrize(("restore", "expected"), [(True, 1), (False, 3)])
def test_the_best_parameters_come_back(restore, expected):
    model = FakeModel()
    callback = EarlyStopping(patience=2, restore_best_weights=restore)
    assert run(callback, model, losses(3, 1, 2, 2, 0)) == 4
    assert np.all(model.parameters()["0.weight"] == expected)


def test_the_best_parameters_come_back_without_a_stop_too():
    model = FakeModel()
    assert run(EarlyStopping(patience=9, restore_best_weights=True), model, losses(1, 2, 3)) == 3
    assert np.all(model.parameters()["0.weight"] == 0)


def test_a_baseline_must_be_beaten_in_time():
    assert run(EarlyStopping(patience=3, baseline=1.0), FakeModel(), losses(5, 4, 3, 2, 1)) == 3
    reached = losses(5, 4, 0.5, 0.6, 0.7, 0.8, 0.9)
    assert run(EarlyStopping(patience=3, baseline=1.0), FakeModel(), reached) == 6


def test_is_reset_by_the_next_training():
    model = FakeModel()
    callback = EarlyStopping(restore_best_weights=True)
    run(callback, model, losses(1, 2))
    assert run(callback, model, losses(5, 4, 3)) == 3
    assert (callback.best, callback.best_epoch, callback.stopped_epoch) == (3, 2, None)
    assert np.all(model.parameters()["0.weight"] == 2)


def test_goes_on_from_its_state():
    reports = losses(3, 1, 2, 2, 2, 0)
    whole = EarlyStopping(patience=3, restore_best_weights=True)
    assert run(whole, FakeModel(), reports) == 5
    for cut in range(1, 5):
        first, model = EarlyStopping(patience=3, restore_best_weights=True), FakeModel()
        first.set_model(model)
        for epoch in range(cut):
            model.set_parameters({"0.weight": np.full(2, float(epoch))})
            first.on_epoch_end(epoch, reports[epoch])
        second, resumed = EarlyStopping(patience=3, restore_best_weights=True), FakeModel()
        done = run(second, resumed, reports[cut:], first=cut, state=first.get_state())
        assert cut + done == 5
        assert second.get_state().keys() == whole.get_state().keys()
        assert (second.best, second.best_epoch, second.stopped_epoch) == (1, 1, 4)
        assert np.all(resumed.parameters()["0.weight"] == 1)


def test_a_state_is_not_shared():
    model = FakeModel()
    callback = EarlyStopping(restore_best_weights=True)
    run(callback, model, losses(1))
    other = EarlyStopping(restore_best_weights=True)
    other.set_model(model)
    other.set_state(state := callback.get_state())
    state["best_parameters"]["0.weight"][:] = 99
    other.on_train_end()
    assert np.all(model.parameters()["0.weight"] == 0)


def test_a_run_that_had_stopped_stays_stopped_unless_it_has_more_patience():
    callback = EarlyStopping(patience=2)
    run(callback, FakeModel(), losses(1, 2, 2))
    state = callback.get_state()
    model, again = FakeModel(), EarlyStopping(patience=2)
    assert run(again, model, losses(0, 0), first=3, state=state) == 0
    assert again.stopped_epoch == 2
    assert run(EarlyStopping(patience=3), FakeModel(), losses(0, 0), first=3, state=state) == 2


def test_a_missing_key_lists_those_there():
    with pytest.raises(
        ValueError,
        match=r"EarlyStopping: monitor must be a key of the logs \('loss', 'accuracy'\), got "
        "'val_loss'",
    ):
        run(EarlyStopping(), FakeModel(), [{"loss": 1.0, "accuracy": 0.5}])
    with pytest.raises(ValueError, match=r"a key of the logs \(nothing\), got 'loss'"):
        run(EarlyStopping("loss"), FakeModel(), [None])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"monitor": 3}, TypeError, "EarlyStopping: monitor must be a string, got 3"),
        ({"patience": -1}, ValueError, r"patience \(unless None\) must be an integer >= 0, got -1"),
        (
            {"patience": 1.5},
            TypeError,
            r"patience \(unless None\) must be an integer >= 0, got 1.5",
        ),
        ({"min_delta": -0.1}, ValueError, "min_delta must be a finite number >= 0, got -0.1"),
        ({"min_delta": math.nan}, ValueError, "min_delta must be .* got nan"),
        ({"mode": "up"}, ValueError, "mode must be one of 'auto', 'min', 'max', got 'up'"),
        ({"restore_best_weights": 1}, TypeError, "restore_best_weights must be True or False"),
        ({"ties": "best"}, ValueError, "ties must be one of 'first', 'last', got 'best'"),
        ({"baseline": "1"}, TypeError, "baseline must be a finite number, got '1'"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        EarlyStopping(**arguments)
