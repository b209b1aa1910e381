"""Held-out rows, the best epoch, calibration, refitting and bagging of the tabular estimators."""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest
from sklearn import metrics
from sklearn.metrics import log_loss, make_scorer, mean_absolute_error
from sklearn.model_selection import GroupKFold, ShuffleSplit

import prelunet as pn
from prelunet.estimators.tabular.calibration import fit_temperature
from prelunet.estimators.tabular.splitting import hold_out
from tabular_runs import classifier, regressor, table, values
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance


def close(found, expected, terms=100):
    assert_close_to_scale(found, expected, sum_tolerance(terms, np.float64))


# ---- held-out rows -----------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [[50], [30, 20], [3, 1, 46], [2, 2, 2], [1, 1]])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
def test_classes_have_their_share_of_held_out_rows(counts, share):
    labels = np.repeat(np.arange(len(counts)), counts)
    trained, held = hold_out(share, len(labels), labels, None, np.random.RandomState(0))
    assert sorted([*trained, *held]) == list(range(len(labels)))
    assert set(labels[trained]) == set(labels)
    assert len(held) == min(int(np.ceil(share * len(labels))), len(labels) - len(counts))
    for label, count in enumerate(counts):
        assert abs((labels[held] == label).sum() - share * count) <= len(counts)


def test_groups_stay_together():
    groups = np.arange(60) // 4
    trained, held = hold_out(0.2, 60, None, groups, np.random.RandomState(0))
    assert not set(groups[trained]) & set(groups[held])
    assert len(held) == 12
    X, y = table()
    whole = classifier().fit(X, y, groups=groups)
    assert (whole.predict_proba(X) != classifier().fit(X, y).predict_proba(X)).any()
    assert classifier().fit(X, y, groups=np.zeros(60)).validation_scores_ == []


def test_rows_without_weight_do_not_matter():
    X, y = table()
    weights = np.where(np.arange(60) < 40, 1.0, 0.0)
    expected = classifier().fit(X[:40], y[:40])
    other = y.copy()
    other[40:] = "no"
    found = classifier().fit(X, other, weights)
    assert_same_bits(found.predict_proba(X), expected.predict_proba(X))


# ---- the best epoch ----------------------------------------------------------------------------


@pytest.mark.parametrize("scoring", [None, "log_loss", "roc_auc", "f1_macro"])
def test_the_last_of_the_best_epochs_is_kept(scoring):
    X, y = table()
    X_val, y_val = table(30, seed=3)
    model = classifier(scoring=scoring, epochs=12, calibration=None)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    scores = np.array(model.validation_scores_)
    assert len(scores) == 12
    assert model.best_epoch_ == 11 - scores[::-1].argmax()
    assert model.best_score_ == scores.max()
    if scoring is None:
        assert model.score(X_val, y_val) == model.best_score_
    if scoring == "log_loss":
        close(-log_loss(y_val, model.predict_proba(X_val)), model.best_score_)


@pytest.mark.parametrize(
    ("scoring", "own"),
    [
        (None, "neg_root_mean_squared_error"),
        ("mae", make_scorer(mean_absolute_error, greater_is_better=False)),
    ],
)
def test_own_scores_are_those_of_scikit_learn(scoring, own):
    X, y = values()
    weights = np.random.default_rng(0).uniform(0.5, 2.0, size=30)
    held = {"X_val": X[:30], "y_val": y[:30], "sample_weight_val": weights}
    found, expected = (regressor(scoring=s).fit(X[30:], y[30:], **held) for s in (scoring, own))
    close(found.validation_scores_, expected.validation_scores_)
    assert found.best_epoch_ == expected.best_epoch_


@pytest.mark.parametrize("name", ["poisson", "gamma"])
def test_logarithmic_losses(name):
    X, y = values()
    y = np.exp(y / 1e5 + 3.0) + (name == "gamma")
    model = regressor(loss=name, epochs=30).fit(X, y)
    deviance = getattr(metrics, f"mean_{name}_deviance")
    assert (model.predict(X) > 0.0).all()
    assert deviance(y, model.predict(X)) < deviance(y, np.full(60, y.mean()))
    scorer = metrics.make_scorer(deviance, greater_is_better=False)
    same = regressor(loss=name, epochs=30, scoring=scorer).fit(X, y)
    # Deviances are differences of numbers near 1.
    close(1.0 - np.array(model.validation_scores_), 1.0 - np.array(same.validation_scores_))
    more = regressor(loss=name).fit(X, 8 * y).predict(X)
    close(more, 8 * regressor(loss=name).fit(X, y).predict(X))
    logarithms = model.to_sequential().predict(model.encode(X))[:, 0]
    found = np.exp(logarithms.astype(np.float64))
    assert_close_to_scale(found, model.predict(X), sum_tolerance(100, np.float32))
    bad = np.where(np.arange(60) == 5, -1.0, y)
    with pytest.raises(ValueError, match=f"y must be .* for loss='{name}'"):
        regressor(loss=name).fit(X, bad)
    assert regressor(loss=name).fit(X, np.column_stack([y, 2 * y])).predict(X).shape == (60, 2)


def test_quantiles():
    X, y = values()
    middle = regressor(loss="quantile", epochs=30).fit(X, y)
    assert middle.predict(X).shape == (60,)
    quantile = [0.9, 0.1, 0.5]
    model = regressor(loss="quantile", quantile=quantile, epochs=30).fit(X, y)
    found = model.predict(X)
    assert found.shape == (60, 3)
    assert (found[:, 1] <= found[:, 2]).all()
    assert (found[:, 2] <= found[:, 0]).all()
    below = (y[:, np.newaxis] < found).mean(axis=0)
    assert below[1] < below[2] < below[0]
    held = {"X_val": X[:20], "y_val": y[:20]}
    model.fit(X, y, **held)
    losses = [
        metrics.mean_pinball_loss(y[:20], model.predict(X[:20])[:, i], alpha=q)
        for i, q in enumerate(quantile)
    ]
    close(-model.best_score_, np.mean(losses))
    folds = regressor(loss="quantile", quantile=quantile, cv=2).fit(X, y)
    assert folds.oof_prediction_.shape == (60, 3)
    with pytest.raises(ValueError, match="y must have one axis for several quantiles"):
        regressor(loss="quantile", quantile=quantile).fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="quantile"):
        regressor(loss="quantile", quantile=1.0).fit(X, y)


def test_scorers_of_classes_and_probabilities():
    X, y = table()

    def by_class(estimator, X, y):
        return float((estimator.predict(X) == y).mean())

    def by_probability(estimator, X, y):
        return -log_loss(y, estimator.predict_proba(X))  # of calibrated probabilities

    held = {"X_val": X[:20], "y_val": y[:20]}
    pairs = [(by_class, "accuracy"), (by_probability, "neg_log_loss")]
    for scorer, name in pairs:
        found = classifier(scoring=scorer).fit(X, y, **held)
        expected = classifier(scoring=name).fit(X, y, **held)
        assert_same_bits(found.predict_proba(X), expected.predict_proba(X))
        assert (found.temperature_ == 1.0) == (name == "accuracy")
    smoothed = classifier(scoring="log_loss", label_smoothing=0.1).fit(X, y, **held)
    assert smoothed.loss_curve_ != found.loss_curve_


def test_validation_data_replace_held_out_rows():
    X, y = values()
    model = regressor().fit(X, y, X_val=X[:10], y_val=y[:10])
    without = regressor(validation_fraction=0.0).fit(X, y)
    assert len(model.validation_scores_) == 5
    assert_same_bits(model.encode(X), without.encode(X))
    with pytest.raises(ValueError, match="refit must be False where X_val"):
        regressor(refit=True).fit(X, y, X_val=X, y_val=y)
    with pytest.raises(ValueError, match="y_val must have 1 outputs"):
        regressor().fit(X, y, X_val=X, y_val=np.column_stack([y, y]))


def test_refitting_trains_on_all_rows_until_the_best_epoch():
    X, y = table()
    first = classifier(scoring="log_loss", epochs=12).fit(X, y)
    model = classifier(scoring="log_loss", epochs=12, refit=True).fit(X, y)
    assert (model.best_epoch_, model.temperature_) == (first.best_epoch_, first.temperature_)
    assert model.validation_scores_ == first.validation_scores_
    hot = classifier(calibration="temperature", refit=True).fit(X, y)
    assert hot.temperature_ == classifier(calibration="temperature").fit(X, y).temperature_ != 1.0
    whole = classifier(validation_fraction=0.0).fit(X, y)
    assert_same_bits(model.encode(X), whole.encode(X))
    assert (model.predict_proba(X) != first.predict_proba(X)).any()


def test_a_time_limit_ends_training_after_an_epoch():
    X, y = table()
    model = classifier(time_limit=1e-9, epochs=1000).fit(X, y)
    assert len(model.loss_curve_) == len(model.validation_scores_) == 1
    assert len(classifier(time_limit=1e9).fit(X, y).loss_curve_) == 5
    several = classifier(time_limit=1e-9, epochs=1000, n_estimators=3).fit(X, y)
    assert [len(member.loss_curve_) for member in several.estimators_] == [1, 1, 1]


# ---- calibration -------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_minimizes_the_log_loss(temperature, rng):
    logits = 3.0 * rng.normal(size=(4000, 3))
    powers = np.exp(logits)
    chances = powers / powers.sum(axis=1, keepdims=True)
    labels = (rng.random((4000, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    weights = rng.integers(1, 4, size=4000).astype(float)

    def loss(t):
        scaled = temperature * logits / t
        rows = np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(4000), labels]
        return np.average(rows, weights=weights)

    found = fit_temperature(temperature * logits, labels, weights)
    assert loss(found) <= min(loss(found * 1.01), loss(found / 1.01))
    assert 0.8 < found / temperature < 1.25


def test_epochs_are_scored_with_their_temperature():
    X, y = table()
    X_val, y_val = table(30, seed=3)
    model, plain = (
        classifier(scoring="log_loss", epochs=12, calibration=c).fit(X, y, X_val=X_val, y_val=y_val)
        for c in ("auto", None)
    )
    assert model.loss_curve_ == plain.loss_curve_
    gains = np.subtract(model.validation_scores_, plain.validation_scores_)
    assert (gains >= -1e-12).all()
    assert gains.max() > 0.0
    close(-log_loss(y_val, model.predict_proba(X_val)), model.best_score_)


def test_temperatures_are_bounded():
    logits, labels = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1])
    assert fit_temperature(logits, labels, None) == 0.1
    assert fit_temperature(logits, 1 - labels, None) == 10.0
    assert fit_temperature(np.zeros((2, 2)), labels, None) == 10.0
    assert fit_temperature(np.full((2, 2), np.nan), labels, None) == 10.0


def test_calibration_needs_held_out_rows():
    X, y = table()
    with pytest.raises(ValueError, match="needs held-out rows"):
        classifier(calibration="temperature", validation_fraction=0.0).fit(X, y)
    assert classifier(scoring="log_loss", validation_fraction=0.0).fit(X, y).temperature_ == 1.0
    plain, hot = (classifier(calibration=c).fit(X, y) for c in (None, "temperature"))
    assert hot.temperature_ not in (1.0, 0.1)
    np.testing.assert_array_equal(plain.predict(X), hot.predict(X))
    with np.errstate(divide="ignore"):
        ratio = np.diff(plain.predict_log_proba(X)) / np.diff(hot.predict_log_proba(X))
    assert_close_to_scale(ratio, np.full((60, 1), hot.temperature_), sum_tolerance(99, np.float32))


# ---- bagging -----------------------------------------------------------------------------------


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
    epochs = []
    note = pn.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    classifier(callbacks=[note]).fit(X, y)
    assert epochs == [0, 1, 2, 3, 4]
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
