"""partial_fit and warm_start of the tabular estimators."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import prelunet as pn
from prelunet.schedules import CosLog, FlatCosine
from tabular_runs import FAST, classifier, regressor, table, values
from tolerances import assert_same_bits

CLASSES = ["no", "yes"]
TD = {"preset": "realmlp-td", "max_one_hot_levels": 2}


def halves(rows):
    """Return the two halves of X and y."""
    X, y = rows
    return [(X[:30], y[:30]), (X[30:], y[30:])]


def kinds(**settings):
    """Return an estimator of each kind, its rows in halves, and the options of its first call."""
    return [
        (classifier(**settings), halves(table()), {"classes": CLASSES}),
        (regressor(**settings), halves(values()), {}),
    ]


def outputs(estimator, X):
    return getattr(estimator, "predict_proba", estimator.predict)(X)


def whole_state(estimator):
    """Return predictions and attributes, to see that a failed call left them."""
    return outputs(estimator, table()[0]), dict(vars(estimator))


def assert_same_state(estimator, before):
    assert_same_bits(outputs(estimator, table()[0]), before[0])
    assert vars(estimator) == before[1]


# ---- partial_fit -------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, TD, {"n_estimators": 2}])
def test_calls_continue_one_training(settings):
    """Two calls on the same rows are two epochs of a network with constant rates."""
    for estimator, ((X, y), _), first in kinds(**settings):
        estimator.partial_fit(X, y, **first)
        member = estimator._members[0]
        encoder, network = member.encoder, member.network
        estimator.partial_fit(X, y)
        again = estimator._members[0]
        assert again.encoder is encoder
        assert (network.steps_trained, again.network.steps_trained) == (2, 4)  # 30 rows of 16
        by_hand = pickle.loads(pickle.dumps(network))
        targets = estimator._take_y(y, reset=False)
        if isinstance(estimator, pn.TabularRegressor):
            targets = (targets - member.scaling.offset) / member.scaling.factor
        loss = by_hand.fit(estimator_rows(member, estimator, X), targets, batch_size=16)["loss"]
        for name, expected in by_hand.parameters().items():
            assert_same_bits(again.network.parameters()[name], expected, name)
        assert again.records["loss_curve_"][1:] == loss
        assert len(again.records["loss_curve_"]) == 2
        assert again.records["best_epoch_"] == 1
        assert again.records["best_score_"] is None
        assert again.records["validation_scores_"] == []


def estimator_rows(member, estimator, X):
    return member.encoder.transform(estimator._columns("fit", X), "float32")


def test_rates_are_the_means_over_a_training():
    recipe = pn.estimators.tabular.recipe.PRESETS["realmlp-td"]["classification"].incremental()
    places = np.arange(500)
    for found, schedule in (
        (recipe.learning_rate(0), CosLog(0.04)),
        (recipe.dropout, FlatCosine(0.15)),
        (recipe.weight_decay, FlatCosine(0.02)),
    ):
        assert found == schedule.spanning(len(places))(places).mean()
    own = pn.schedules.ExponentialDecay(0.1, 0.5, 10)
    kept = pn.TabularClassifier(learning_rate=own)
    X, y = table()
    kept.set_params(**FAST).partial_fit(X, y, classes=CLASSES).partial_fit(X, y)
    network = kept._members[0].network
    assert network.learning_rate == own(network.steps_trained)


def test_it_continues_fits_and_files(tmp_path):
    for estimator, ((X, y), (X2, y2)), _ in kinds():
        if isinstance(estimator, pn.TabularClassifier):
            estimator.set_params(calibration="temperature").fit(X, y)
            temperature = estimator.temperature_
            assert estimator.partial_fit(X2, y2).temperature_ == temperature
        else:
            estimator.fit(X, y).partial_fit(X2, y2)
        assert len(estimator.loss_curve_) == FAST["epochs"] + 1
        estimator.save(tmp_path / "m.npz")
        loaded = pn.load(tmp_path / "m.npz")
        assert_same_bits(outputs(loaded, X), outputs(estimator, X))
        copied = pickle.loads(pickle.dumps(estimator))
        for one in (estimator, copied, loaded):
            one.partial_fit(X, y)
        assert_same_bits(outputs(copied, X), outputs(estimator, X))
        assert len(loaded.loss_curve_) == FAST["epochs"] + 2


def test_the_first_call_needs_the_classes():
    X, y = table()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier().partial_fit(X, y)
    model = classifier().partial_fit(X, y, classes=["maybe", *CLASSES])
    assert model.predict_proba(X).shape == (len(X), 3)
    one = y == "no"
    model.partial_fit(X[one], y[one])  # a call may lack classes
    with pytest.raises(ValueError, match="is not the same as on last call"):
        model.partial_fit(X, y, classes=CLASSES)


def test_a_failed_call_leaves_the_estimator():
    class Stop(pn.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    for estimator, ((X, y), _), first in kinds():
        attributes = dict(vars(estimator))
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            estimator.partial_fit(X, y[:5], **first)
        assert vars(estimator) == attributes
        estimator.partial_fit(X, y, **first)
        before = whole_state(estimator)
        wrong = [
            (X[:, :3], y, "features"),
            (np.c_[[["x"]] * len(X), X[:, 1:]], y, "must hold numbers"),
            (X, np.full(len(y), np.nan), "NaN|one type"),
        ]
        for rows, targets, message in wrong:
            with pytest.raises((TypeError, ValueError), match=message):
                estimator.partial_fit(rows, targets)
            assert_same_state(estimator, before)
        for settings, message in (
            ({"cv": 2}, "cv must be None for partial_fit"),
            ({"n_estimators": 2}, "must give 1 members as in the earlier fit, got 2"),
            ({"hidden_layer_sizes": (9,)}, "the layers and outputs of the earlier fit: copy_from"),
        ):
            estimator.set_params(**settings)
            with pytest.raises(ValueError, match=message):
                estimator.partial_fit(X, y)
            estimator.set_params(cv=None, n_estimators=1, hidden_layer_sizes=(8,))
            assert_same_state(estimator, before)
        estimator.set_params(callbacks=[Stop()])
        with pytest.raises(KeyboardInterrupt):
            estimator.partial_fit(X, y)
        estimator.set_params(callbacks=None)
        assert_same_state(estimator, before)


def test_what_cannot_be_known_from_a_part_is_refused():
    X, y = table()
    with pytest.raises(ValueError, match="class_weight must be a mapping or None"):
        classifier(class_weight="balanced").partial_fit(X, y, classes=CLASSES)
    with pytest.raises(ValueError, match="'temperature' needs held-out rows"):
        classifier(calibration="temperature").partial_fit(X, y, classes=CLASSES)
    model = classifier().partial_fit(X, y, classes=CLASSES)
    with pytest.raises(ValueError, match="y must hold classes of classes_, got 'maybe'"):
        model.partial_fit(X, np.where(y == "no", "maybe", y))
    X, y = values()
    model = regressor().partial_fit(X, y)
    with pytest.raises(ValueError, match="must have 1 outputs as in the earlier fit, got 2"):
        model.partial_fit(X, np.c_[y, y])
    with pytest.raises(ValueError, match=r"loss must be that of the earlier fit, .*, got Poisson"):
        model.set_params(loss="poisson").partial_fit(X, np.abs(y))


def test_the_range_of_predictions_grows():
    (X, y), (X2, _) = halves(values())
    model = regressor(clip_predictions=True).partial_fit(X, y)
    model.partial_fit(X2, y + 7.0)
    scaling = model._members[0].scaling
    assert (scaling.low[0], scaling.high[0]) == (y.min(), y.max() + 7.0)


# ---- warm_start --------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, TD, {"n_estimators": 2}, {"cv": 2}, {"refit": True}])
def test_a_second_fit_begins_with_the_parameters(settings):
    """With rates of 0 the second fit ends where it began, with the encoding of the first."""
    for estimator, ((X, y), (X2, y2)), _ in kinds(warm_start=True, **settings):
        if "clip_predictions" in estimator.get_params():
            estimator.set_params(clip_predictions=False)  # the range grows
        estimator.fit(X, y)
        encoders = [member.encoder for member in estimator._members]
        expected = outputs(estimator, X)
        estimator.set_params(learning_rate=0.0).fit(X2, y2)
        assert [member.encoder for member in estimator._members] == encoders
        assert_same_bits(outputs(estimator, X), expected)
        assert estimator.set_params(warm_start=False).fit(X2, y2)._members[0].encoder != encoders[0]


def test_a_second_fit_trains_all_epochs_and_scores_anew():
    X, y = table()
    model = classifier(warm_start=True).fit(X, y)
    first = model.loss_curve_
    model.fit(X, y)
    assert len(model.loss_curve_) == len(model.validation_scores_) == FAST["epochs"]
    assert model.loss_curve_[0] < first[0]
    assert model._members[0].network.steps_trained == FAST["epochs"] * 3


def test_what_changed_since_the_first_fit_is_refused():
    for estimator, ((X, y), _), _ in kinds(warm_start=True):
        estimator.fit(X, y)
        before = whole_state(estimator)
        for settings, rows, targets, message in (
            ({}, X[:, :3], y, "features"),
            ({}, X, np.full(len(y), "no"), "all classes of the earlier fit|numeric"),
            ({"n_estimators": 2}, X, y, "must give 1 members as in the earlier fit, got 2"),
            ({"hidden_layer_sizes": (9,)}, X, y, "the layers and outputs of the earlier fit"),
            ({"warm_start": 1}, X, y, "warm_start must be True or False"),
        ):
            estimator.set_params(**settings)
            with pytest.raises((TypeError, ValueError), match=message):
                estimator.fit(rows, targets)
            estimator.set_params(n_estimators=1, hidden_layer_sizes=(8,), warm_start=True)
            assert_same_state(estimator, before)
