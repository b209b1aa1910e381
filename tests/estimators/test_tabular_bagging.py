"""Several networks of a tabular estimator: folds, jobs, progress, and exceptions."""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GroupKFold, ShuffleSplit

import prelunet as pn
from tabular_runs import classifier, close, regressor, table, values
from tolerances import assert_same_bits


def test_members_are_averaged():
    X, y = table()
    model = classifier(n_estimators=3).fit(X, y)
    assert len(model.estimators_) == 3
    each = [member.predict_proba(X) for member in model.estimators_]
    assert (each[0] != each[1]).any()
    close(model.predict_proba(X), np.mean(each, axis=0))
    assert not hasattr(model, "best_epoch_")
    assert {member.best_epoch_ for member in model.estimators_} <= set(range(5))
    numbers = regressor(n_estimators=2).fit(*values())
    close(numbers.predict(X), np.mean([m.predict(X) for m in numbers.estimators_], axis=0))


@pytest.mark.parametrize("repeats", [1, 2])
def test_folds_predict_the_rows_that_they_leave_out(repeats):
    X, y = values()
    model = regressor(cv=3, n_estimators=repeats).fit(X, y)
    assert len(model.estimators_) == 3 * repeats
    expected = np.zeros(60)
    for place, member in enumerate(model.estimators_):
        held = slice(place % 3 * 20, place % 3 * 20 + 20)
        expected[held] += member.predict(X)[held] / repeats
    close(model.oof_prediction_, expected)
    close(model.oof_score_, -np.sqrt(np.mean((expected - y) ** 2)))


def test_folds_of_classes_and_splitters():
    X, y = table()
    model = classifier(cv=3).fit(X, y)
    assert model.oof_prediction_.shape == (60, 2)
    found = model.classes_[model.oof_prediction_.argmax(axis=1)]
    assert model.oof_score_ == (found == y).mean()
    groups = np.arange(60) // 6
    grouped = classifier(cv=GroupKFold(2)).fit(X, y, groups=groups)
    assert len(grouped.estimators_) == 2
    one = classifier(cv=ShuffleSplit(1, test_size=0.25, random_state=0)).fit(X, y)
    assert np.isnan(one.oof_prediction_).any(axis=1).sum() == 45
    with pytest.raises(ValueError, match="refit must be False where cv"):
        classifier(cv=2, refit=True).fit(X, y)
    with pytest.raises(ValueError, match="X_val must be None where cv"):
        classifier(cv=2).fit(X, y, X_val=X, y_val=y)


def test_a_class_that_a_fold_lacks_has_a_probability():
    X, _ = table(30)
    y = np.array(["a"] * 10 + ["b"] * 10 + ["c"] * 10)
    folds = [(np.arange(20), np.arange(20, 30)), (np.arange(10, 30), np.arange(10))]
    model = classifier(cv=folds).fit(X, y)
    assert model.predict_proba(X).shape == (30, 3)
    assert list(model.estimators_[0].classes_) == ["a", "b", "c"]


def test_jobs_and_threads_do_not_change_bits():
    X, y = table()
    expected = classifier(n_estimators=3, n_jobs=1).fit(X, y).predict_proba(X)
    before = pn.get_num_threads()
    for n_jobs in (2, 3, -1, None):
        assert_same_bits(
            classifier(n_estimators=3, n_jobs=n_jobs).fit(X, y).predict_proba(X), expected
        )
    assert pn.get_num_threads() == before


def test_progress_of_members_and_epochs(capsys):
    X, y = table()
    classifier(n_estimators=2, verbose=True, n_jobs=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "TabularClassifier: 1/2 members",
        "TabularClassifier: 2/2 members",
    ]
    classifier(verbose=2).fit(X, y)
    assert capsys.readouterr().err.count("loss") == 5
    classifier(n_estimators=2).fit(X, y)
    assert capsys.readouterr() == ("", "")


def test_callbacks_are_called_for_a_single_network():
    X, y = table()
    scores = []
    note = pn.LambdaCallback(on_epoch_end=lambda epoch, logs: scores.append(logs["val_score"]))
    model = classifier(callbacks=[note]).fit(X, y)
    assert len(scores) == 5
    assert scores == model.validation_scores_
    waiting = pn.EarlyStopping("val_score", patience=1, min_delta=2.0)
    assert len(classifier(callbacks=[waiting]).fit(X, y).loss_curve_) == 2
    with pytest.raises(ValueError, match="callbacks must be None"):
        classifier(callbacks=[note], n_estimators=2).fit(X, y)


def test_earlier_attributes_are_forgotten():
    X, y = table()
    model = classifier(cv=2).fit(X, y)
    model.set_params(cv=None).fit(X, y)
    for name in ("estimators_", "oof_prediction_", "oof_score_"):
        assert not hasattr(model, name)
    assert model.best_epoch_ < 5


def test_a_checkpoint_keeps_the_best_epoch(tmp_path):
    X, y = table()
    whole = classifier(epochs=8).fit(X, y)
    for _ in range(2):  # the second run finds a finished one
        again = classifier(epochs=8, callbacks=[pn.Checkpoint(tmp_path / "c")]).fit(X, y)
        assert again.best_epoch_ == whole.best_epoch_
        assert again.validation_scores_ == whole.validation_scores_
        assert np.array_equal(again.predict_proba(X), whole.predict_proba(X))


def test_an_error_of_a_member_ends_the_others():
    """A signal reaches the main thread alone; the other threads would train on."""
    X, y = table()
    calls = []

    def scorer(estimator, X, y):
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return 0.0

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        classifier(epochs=10**6, n_estimators=2, n_jobs=2, scoring=scorer).fit(X, y)
    deadline = time.monotonic() + 60.0
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


class Stop(pn.Callback):
    def __init__(self, epoch, error):
        self.epoch, self.error = epoch, error

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("mine")])
def test_an_exception_in_training_keeps_the_best_epoch_so_far(error):
    X, y = table()

    def peak(at=3):
        epochs = itertools.count()
        return lambda estimator, X, y: -abs(next(epochs) - at)

    whole = classifier(epochs=12, scoring=peak()).fit(X, y)
    stopped = classifier(epochs=12, scoring=peak(), callbacks=[Stop(8, error)])
    with pytest.raises(type(error)) as caught:
        stopped.fit(X, y)
    assert caught.value is error
    assert stopped.validation_scores_ == whole.validation_scores_[:9]
    assert stopped.loss_curve_ == whole.loss_curve_[:9]
    assert stopped.best_score_ == 0
    assert stopped.best_epoch_ == whole.best_epoch_ < 5
    assert np.array_equal(stopped.predict_proba(X), whole.predict_proba(X))


def test_an_exception_in_the_second_training_of_refit_keeps_the_first():
    X, y = table()
    first = classifier(epochs=6).fit(X, y)
    begun = []

    class StopSecond(pn.Callback):
        def on_train_begin(self, logs=None):
            begun.append(None)

        def on_epoch_end(self, epoch, logs=None):
            if len(begun) == 2:
                raise KeyboardInterrupt

    stopped = classifier(epochs=6, refit=True, callbacks=[StopSecond()])
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(X, y)
    assert np.array_equal(stopped.predict_proba(X), first.predict_proba(X))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_members_have_the_configuration_of_the_caller(n_jobs):
    X, y = table()
    found = []

    def scorer(estimator, X, y):
        found.append(sklearn.get_config()["working_memory"])
        return 0.0

    with sklearn.config_context(working_memory=321):
        classifier(epochs=2, n_estimators=2, n_jobs=n_jobs, scoring=scorer).fit(X, y)
    assert set(found) == {321}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_exception_of_a_member_ends_the_others(n_jobs):
    X, y = table()
    ended = []

    def scorer(estimator, X, y):
        ended.append(None)
        if len(ended) == 3:
            raise ValueError("mine")
        return 0.0

    with pytest.raises(ValueError, match="mine"):
        classifier(epochs=10**6, n_estimators=4, n_jobs=n_jobs, scoring=scorer).fit(X, y)
    assert len(ended) < 1000


@pytest.mark.parametrize("several", [{"n_estimators": 2}, {"cv": 2}])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_exception_among_several_members_leaves_an_earlier_fit(several, n_jobs):
    X, y = table()
    model = classifier(epochs=4).fit(X, y)
    before = model.predict_proba(X)
    calls = []

    def scorer(estimator, X, y):
        calls.append(None)
        if len(calls) == 5:
            raise ValueError("mine")
        return 0.0

    model.set_params(scoring=scorer, n_jobs=n_jobs, **several)
    with pytest.raises(ValueError, match="mine"):
        model.fit(X, y)
    model.set_params(n_estimators=1, cv=None, scoring=None)
    assert np.array_equal(model.predict_proba(X), before)
