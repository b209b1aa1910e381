"""Tables of all libraries, and data at the edge, in the tabular estimators."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import prelunet as pn
from tabular_runs import FAST, classifier, regressor, table, values
from tolerances import assert_same_bits

NAMES = ["a", "b", "color", "own", "day"]


def frames(X):
    """Return a table as frames of pandas and polars and as a table of Arrow."""
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    arrow = pytest.importorskip("pyarrow")
    columns = dict(zip(NAMES, X.T.tolist(), strict=True))
    frame = pd.DataFrame(columns)
    frame["color"] = frame["color"].astype("category")
    return [frame, pl.DataFrame(columns), arrow.table(columns)]


def test_every_library_gives_the_same_bits():
    X, y = table()
    late = table(20, seed=5)[0]
    expected = classifier().fit(X, y).predict_proba(late)
    for trained, asked in zip(frames(X), frames(late), strict=True):
        model = classifier().fit(trained, y)
        assert_same_bits(model.predict_proba(asked), expected)
        assert list(model.feature_names_in_) == NAMES


def test_six_lines_of_a_user():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"job": ["clerk", None, "baker"] * 10, "age": [31.0, 47.0, None] * 10})
    model = pn.TabularClassifier(**FAST).fit(frame, ["low", "high", "low"] * 10)
    new = pd.DataFrame({"job": ["pilot", "clerk"], "age": [None, 50.0]})
    assert set(model.predict(new)) <= {"low", "high"}
    np.testing.assert_allclose(model.predict_proba(new).sum(axis=1), 1.0)
    assert list(model.classes_) == ["high", "low"]


def test_it_learns_from_every_kind_of_column():
    count = 400
    rng = np.random.default_rng(0)
    rows = np.empty((count, 4), object)
    rows[:, 0], rows[:, 1] = rng.normal(size=count), rng.choice([*"abc"], count)
    rows[:, 2] = np.datetime64("2020-01-01") + rng.integers(0, 700, count)
    rows[:, 3] = rng.random(count) < 0.5
    months = np.array([int(str(day)[5:7]) for day in rows[:, 2]])
    y = 3 * (rows[:, 1] == "b") + (months > 6) - 2.0 * rows[:, 3].astype(float)
    model = regressor(hidden_layer_sizes=(32, 32), epochs=30).fit(
        rows, y + rows[:, 0].astype(float)
    )
    assert model.score(rows, y + rows[:, 0].astype(float)) > 0.9


def test_columns_that_differ_from_those_of_fit_are_refused():
    X, y = table()
    frame = frames(X)[0]
    model = classifier().fit(frame, y)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[NAMES[::-1]])
    with pytest.raises(ValueError, match="5 features"):
        classifier().fit(X, y).predict(X[:, :4])
    with pytest.raises(TypeError, match="column 'a' must hold numbers, got 'x'"):
        model.predict(frame.assign(a="x"))
    with pytest.raises(ValueError, match="column 'a' must hold finite numbers"):
        model.predict(frame.assign(a=np.inf))


def test_a_failed_fit_leaves_the_estimator():
    X, y = table()
    model = classifier().fit(X, y)
    expected, attributes = model.predict_proba(X), set(vars(model))
    bad = X.copy()
    bad[3, 0] = [1]
    for arguments in ((bad, y), (X, y[:9]), (X, y, -np.ones(len(y))), (X[:, :0], y)):
        with pytest.raises((TypeError, ValueError)):
            model.fit(*arguments)
    with pytest.raises(ValueError, match="y_val must hold classes of y, got 'maybe'"):
        model.fit(X, y, X_val=X[:2], y_val=["yes", "maybe"])
    with pytest.raises(ValueError, match="together"):
        model.fit(X, y, X_val=X)
    assert_same_bits(model.predict_proba(X), expected)
    assert set(vars(model)) == attributes


def test_selected_categories_are_those_of_training():
    X = np.array([[1, 10.0], [2, 20.0], [3, 30.0], [1, 40.0]] * 5)
    model = regressor(categorical_features=[0]).fit(X, X[:, 1])
    assert model.encode(X).shape == (20, 4)
    assert model.encode(np.array([[7, 10.0]])).shape == (1, 4)


@pytest.mark.parametrize("labels", [[0, 1], [False, True], [-1.0, 4.0], ["a", "b"], [7, 3]])
def test_labels_of_any_kind(labels):
    X, _ = table()
    y = np.array(labels)[np.arange(len(X)) % 2]
    model = classifier().fit(X, y)
    np.testing.assert_array_equal(model.classes_, np.unique(y), strict=True)
    found = model.predict(X)
    assert found.dtype == y.dtype
    with np.errstate(divide="ignore"):
        assert_same_bits(model.predict_log_proba(X), np.log(model.predict_proba(X)))


def test_one_class_one_row_and_rare_classes():
    X = table(30)[0]
    one = classifier().fit(X, ["a"] * 30)
    assert (one.predict(X) == "a").all()
    assert (one.predict_proba(X) == 1.0).all()
    assert classifier().fit(X[:1], ["a"]).predict(X).tolist() == ["a"] * 30
    rare = classifier(validation_fraction=0.5).fit(X, ["a"] * 28 + ["b"] * 1 + ["c"] * 1)
    assert rare.predict_proba(X).shape == (30, 3)
    assert len(rare.validation_scores_) == 5
    with pytest.raises(ValueError, match="Unknown label type"):
        classifier().fit(X, np.linspace(0, 1, 30))


def test_few_rows_have_none_to_hold_out():
    X, y = values(2)
    model = regressor().fit(X[:1], y[:1])
    assert (model.validation_scores_, model.best_score_, model.best_epoch_) == ([], None, 4)
    assert len(regressor().fit(X, y).validation_scores_) == 5  # one row of two


def test_constant_and_extreme_targets():
    X, y = values(30)
    constant = regressor().fit(X, np.full(30, 7.25)).predict(X)
    np.testing.assert_array_equal(constant, 7.25)
    shifted, scaled = (regressor().fit(X, target).predict(X) for target in (y, 1e12 * y))
    np.testing.assert_allclose(scaled, 1e12 * shifted)
    with pytest.raises(ValueError, match="finite variance"):
        regressor().fit(X, np.where(np.arange(30) % 2, 1e300, -1e300))


def test_several_outputs():
    X, y = values()
    Y = np.column_stack([y, -y, np.ones(len(y))])
    model = regressor(epochs=40).fit(X, Y)
    assert model.predict(X).shape == Y.shape
    assert model.n_outputs_ == 3
    np.testing.assert_allclose(model.predict(X)[:, 2], 1.0)


@pytest.mark.filterwarnings("error")
def test_missing_columns_and_many_levels():
    X, y = table(40)
    X[:, 0] = None  # text or numbers: no value tells
    X[:, 1] = np.nan
    X[:, 2] = [f"level {row}" for row in range(40)]
    model = classifier().fit(X, y)
    assert np.isfinite(model.encode(X)).all()
    assert np.isfinite(model.predict_proba(X)).all()
    late = table(9, seed=2)[0]
    late[:, 0] = None
    assert np.isfinite(model.predict_proba(late)).all()
    many = np.array([[str(row)] for row in range(3000)], object)
    settings = {"hidden_layer_sizes": (4,), "epochs": 1, "batch_size": 256}
    assert regressor(**settings).fit(many, np.arange(3000.0)).encode(many).shape == (3000, 2400)


def test_class_weights_count_in_the_score_of_held_out_rows():
    X, y = table()
    late, truth = table(30, seed=3)
    weights = {"yes": 9.0, "no": 1.0}
    model = classifier(class_weight=weights).fit(X, y, X_val=late, y_val=truth)
    right = model.predict(late) == truth
    expected = np.average(right, weights=[weights[label] for label in truth])
    assert model.best_score_ == pytest.approx(expected, rel=1e-12)
    assert expected != np.mean(right)


def test_class_weights_multiply_sample_weights():
    X, y = table()
    own = np.where(y == "yes", 2.0, 0.5)
    settings = {"validation_fraction": 0.0, "calibration": None}
    weighted = classifier(**settings, class_weight={"yes": 2.0, "no": 0.5}).fit(X, y)
    plain = classifier(**settings).fit(X, y)
    assert (weighted.predict_proba(X) != plain.predict_proba(X)).any()
    # Sample weights also count rows of medians; numbers without gaps and quartiles are the same.
    numbers = np.repeat(np.arange(8.0), 2)[:, np.newaxis] % 2
    labels = np.arange(16) % 2
    by_class = classifier(**settings, class_weight={0: 2.0, 1: 1.0}).fit(numbers, labels)
    by_row = classifier(**settings).fit(numbers, labels, np.where(labels == 0, 2.0, 1.0))
    assert_same_bits(by_class.encode(numbers), by_row.encode(numbers))
    assert_same_bits(by_class.predict_proba(numbers), by_row.predict_proba(numbers))
    balanced = classifier(class_weight="balanced").fit(X, y)
    assert len(own) == len(balanced.predict(X))
    with pytest.raises(ValueError, match="TabularClassifier: class_weight must have keys"):
        classifier(class_weight={"maybe": 2.0}).fit(X, y)


def test_it_composes_with_scikit_learn():
    from sklearn.model_selection import GridSearchCV, cross_val_score

    X, y = table()
    search = GridSearchCV(classifier(), {"learning_rate": [0.01, 0.05]}, cv=2).fit(X, y)
    assert search.best_params_["learning_rate"] in (0.01, 0.05)
    assert len(cross_val_score(clone(regressor()), *values(), cv=2)) == 2
    assert make_pipeline(classifier()).fit(X, y).predict(X).shape == (60,)


def test_targets_of_other_types_are_refused_by_name():
    X = np.arange(6.0)[:, np.newaxis]
    days = np.arange(6).astype("datetime64[D]")
    for y in (days, days - days[0]):
        with pytest.raises(TypeError, match="TabularRegressor: y must hold numbers, got dtype"):
            regressor().fit(X, y)
    with pytest.raises(TypeError, match="TabularClassifier: y must hold labels of one type"):
        classifier().fit(X, np.array(["a", "b", None] * 2, object))
