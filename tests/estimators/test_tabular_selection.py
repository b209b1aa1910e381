"""Held-out rows, the best epoch, calibration and refitting of the tabular estimators."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics
from sklearn.metrics import log_loss, make_scorer, mean_absolute_error

from prelunet.estimators.tabular.calibration import fit_temperature
from prelunet.estimators.tabular.splitting import hold_out
from tabular_runs import classifier, close, regressor, table, values
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance

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
