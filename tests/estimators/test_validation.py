"""Validation data, scorers and early stopping beyond scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.metrics import f1_score, log_loss, make_scorer, mean_squared_error, r2_score

import prelunet as pn
from tolerances import assert_close_to_scale, sum_tolerance

ALL_X, ALL_Y = make_classification(400, 8, n_informative=6, n_classes=3, random_state=0)
NAMES = np.array(["ant", "bee", "cat"])
X, Y, X_VAL, Y_VAL = ALL_X[:260], NAMES[ALL_Y[:260]], ALL_X[260:], NAMES[ALL_Y[260:]]


def classifier(**settings):
    settings = {"hidden_layer_sizes": (6,), "max_iter": 6, "random_state": 0} | settings
    return pn.MLPClassifier(**settings)


def close(actual, expected):
    assert_close_to_scale(actual, expected, sum_tolerance(len(X_VAL), np.float64))


def test_validation_data_is_scored_after_each_epoch():
    found = classifier().fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert len(found.validation_scores_) == len(found.validation_loss_curve_) == found.n_iter_ == 6
    assert found.validation_scores_[-1] == found.score(X_VAL, Y_VAL)
    close(found.validation_loss_curve_[-1], log_loss(Y_VAL, found.predict_proba(X_VAL)))
    assert found.best_validation_score_ == max(found.validation_scores_)
    assert found.best_loss_ == min(found.loss_curve_)


def test_validation_data_leaves_training_as_it_is():
    watched = classifier().fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert watched.loss_curve_ == classifier().fit(X, Y).loss_curve_


def test_early_stopping_goes_by_the_validation_data_and_keeps_the_best():
    found = classifier(early_stopping=True, max_iter=100, n_iter_no_change=4)
    found.set_params(learning_rate_init=0.05).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert found.n_iter_ < 100
    assert found.t_ == found.n_iter_ * len(X)  # no rows were held out
    assert found.validation_scores_[-1] < max(found.validation_scores_)
    assert found.score(X_VAL, Y_VAL) == found.best_validation_score_
    assert found.best_loss_ is None


def test_weights_of_validation_rows_count(rng):
    weights = rng.random(len(X_VAL))
    found = classifier().fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=weights)
    close(found.validation_scores_[-1], found.score(X_VAL, Y_VAL, sample_weight=weights))
    expected = log_loss(Y_VAL, found.predict_proba(X_VAL), sample_weight=weights)
    close(found.validation_loss_curve_[-1], expected)


def test_scoring_by_name_by_function_and_by_loss(rng):
    weights = rng.random(len(X_VAL))
    by_name = classifier(scoring="f1_macro").fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    expected = f1_score(Y_VAL, by_name.predict(X_VAL), average="macro")
    close(by_name.validation_scores_[-1], expected)

    scorer = make_scorer(f1_score, average="macro")
    weighted = classifier(scoring=scorer)
    weighted.fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=weights)
    predicted = weighted.predict(X_VAL)
    expected = f1_score(Y_VAL, predicted, average="macro", sample_weight=weights)
    close(weighted.validation_scores_[-1], expected)

    by_loss = classifier(scoring="loss").fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert by_loss.validation_scores_ == [-loss for loss in by_loss.validation_loss_curve_]


def test_a_scorer_decides_when_to_stop():
    def falls(estimator, X, y):
        return -float(estimator.n_iter_)

    found = classifier(early_stopping=True, scoring=falls, n_iter_no_change=2, max_iter=50)
    found.fit(X, Y)
    assert found.n_iter_ == 4
    assert found.best_validation_score_ == -1.0  # the epoch is counted before it is scored


def test_a_scorer_sees_the_rows_as_they_came():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    seen = []

    def scorer(estimator, X, y):
        seen.append((list(X.columns), len(X), set(y)))
        return estimator.score(X, y)

    found = classifier(early_stopping=True, scoring=scorer, max_iter=2).fit(frame, list(Y))
    assert seen == [(list("abcdefgh"), 26, set(NAMES))] * 2
    assert found.validation_scores_[0] > 0.0


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_regressor(loss):
    data, y = make_regression(300, 5, random_state=0)
    y = np.abs(y) / 100
    parts = {"X_val": data[200:], "y_val": y[200:]}
    found = pn.MLPRegressor(loss, (8,), max_iter=5, random_state=0).fit(
        data[:200], y[:200], **parts
    )
    predicted = found.predict(data[200:])
    close(found.validation_scores_[-1], r2_score(y[200:], predicted))
    if loss == "squared_error":
        close(found.validation_loss_curve_[-1], mean_squared_error(y[200:], predicted) / 2)
    else:
        half = np.mean(y[200:] * np.log(y[200:] / predicted) - y[200:] + predicted)
        close(found.validation_loss_curve_[-1], half)


def test_regressor_of_several_quantities_with_weights(rng):
    data, y = make_regression(300, 5, n_targets=2, random_state=0)
    weights = rng.random(100)
    found = pn.MLPRegressor(hidden_layer_sizes=(8,), max_iter=3, random_state=0)
    found.fit(data[:200], y[:200], X_val=data[200:], y_val=y[200:], sample_weight_val=weights)
    squares = (y[200:] - found.predict(data[200:])) ** 2
    close(found.validation_loss_curve_[-1], np.average(squares, axis=0, weights=weights).mean() / 2)


@pytest.mark.parametrize("settings", [{"early_stopping": True}, {"scoring": "loss"}])
def test_warm_start_goes_on_with_the_records(settings):
    found = classifier(warm_start=True, **settings)
    for _ in range(2):
        found.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert len(found.validation_loss_curve_) == len(found.loss_curve_) == 12
    found.set_params(early_stopping=False).fit(X, Y)
    assert len(found.loss_curve_) == 18
    assert len(found.validation_scores_) == 12
    assert np.isfinite(found.best_loss_)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X_val": X_VAL}, "X_val and y_val must be given together"),
        ({"y_val": Y_VAL}, "X_val and y_val must be given together"),
        ({"X_val": X_VAL, "y_val": ["dog"] * len(X_VAL)}, "classes not in"),
        ({"X_val": X_VAL[:, :3], "y_val": Y_VAL}, "expecting 8 features"),
        ({"X_val": X_VAL, "y_val": Y_VAL[:5]}, "inconsistent numbers of samples"),
    ],
)
def test_what_is_no_validation_data_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(X, Y, **given)


@pytest.mark.filterwarnings("ignore:fit. epoch .*the loss is")
def test_scores_that_are_not_numbers_keep_the_first_weights():
    """Early stopping goes back to the start where all scores are NaN, as in scikit-learn."""
    data, y = make_regression(60, 3, random_state=0)
    settings = {"solver": "sgd", "learning_rate_init": 1e3, "activation": "identity"}
    found = pn.MLPRegressor(hidden_layer_sizes=(4,), max_iter=30, random_state=0, **settings)
    found.set_params(early_stopping=True).fit(data, y)
    assert np.isnan(found.validation_scores_[-1])
    assert np.isfinite(found.predict(data)).all()
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        found.set_params(early_stopping=False).fit(data, y)


def test_a_validation_set_of_one_row_is_refused():
    with pytest.raises(ValueError, match="The validation set is too small"):
        classifier(early_stopping=True, validation_fraction=0.05).fit(X[:20], Y[:20])


def test_partial_fit_cannot_stop_early():
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        classifier(early_stopping=True).partial_fit(X, Y, classes=NAMES)
