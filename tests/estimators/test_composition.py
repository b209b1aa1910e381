"""Estimators among scikit-learn's: clones, copies, pipelines, searches, data frames, threads."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import prelunet as pn
from tolerances import assert_same_bits

X, Y = make_classification(260, 8, n_informative=6, random_state=0)


def classifier(**settings):
    settings = {"hidden_layer_sizes": (6,), "max_iter": 5, "random_state": 0} | settings
    return pn.MLPClassifier(**settings)


def test_kinds():
    assert is_classifier(pn.MLPClassifier())
    assert is_regressor(pn.MLPRegressor())
    assert repr(pn.MLPRegressor("poisson", (5,))) == (
        "MLPRegressor(hidden_layer_sizes=(5,), loss='poisson')"
    )


def test_clones_fit_to_the_same_bits():
    settings = {"activation": ["relu", pn.PReLU("shared")], "dropout": [0.1, 0.2]}
    first = classifier(hidden_layer_sizes=[6, 4], **settings).fit(X, Y)
    assert_same_bits(clone(first).fit(X, Y).predict_proba(X), first.predict_proba(X))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("through", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_copies_go_on_with_the_same_bits(through, solver):
    """The optimizer's means, velocity, count of steps and dropout's draws are in a copy too."""
    first = classifier(solver=solver, activation="prelu", dropout=0.2, learning_rate="invscaling")
    first.fit(X, Y)
    second = through(first)
    assert_same_bits(second.predict_proba(X), first.predict_proba(X))
    for estimator in (first, second):
        estimator.partial_fit(X, Y)
    assert_same_bits(second.predict_proba(X), first.predict_proba(X))
    assert second.loss_curve_ == first.loss_curve_


def test_joblib_and_poisson(tmp_path):
    y = np.abs(X[:, 0])
    first = pn.MLPRegressor("poisson", (5,), max_iter=2, random_state=0).fit(X, y)
    joblib.dump(first, tmp_path / "model")
    second = joblib.load(tmp_path / "model").partial_fit(X, y)
    assert_same_bits(second.predict(X), first.partial_fit(X, y).predict(X))


def test_pipeline_and_cross_validation():
    pipeline = make_pipeline(
        StandardScaler(), classifier(max_iter=60, activation="prelu", learning_rate_init=0.01)
    )
    assert cross_val_score(pipeline, X, Y, cv=3).mean() > 0.8
    pipeline.fit(X, Y, mlpclassifier__X_val=X, mlpclassifier__y_val=Y)
    assert len(pipeline[-1].validation_scores_) == 60


def test_grid_search_in_processes_has_the_scores_of_one():
    grid = {"alpha": [1e-4, 1.0], "activation": ["relu", "prelu", ["tanh"]]}
    results = [
        GridSearchCV(classifier(), grid, cv=2, n_jobs=jobs, error_score="raise").fit(X, Y)
        for jobs in (1, 2)
    ]
    one, two = (search.cv_results_["mean_test_score"] for search in results)
    assert_same_bits(two, one)
    assert_same_bits(results[1].predict_proba(X), results[0].predict_proba(X))


def test_calibration():
    calibrated = CalibratedClassifierCV(classifier(max_iter=60, learning_rate_init=0.01), cv=2).fit(
        X, Y
    )
    assert calibrated.score(X, Y) > 0.8


def test_data_frames():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(8)])
    labels = pd.Series(np.where(Y == 1, "yes", "no"))
    found = classifier(early_stopping=True).fit(frame, labels)
    assert list(found.feature_names_in_) == list(frame.columns)
    assert set(found.predict(frame)) == {"yes", "no"}
    assert_same_bits(
        found.predict_proba(frame), classifier(early_stopping=True).fit(X, Y).predict_proba(X)
    )
    with pytest.raises(ValueError, match="feature names should match"):
        found.predict(frame.rename(columns={"f0": "other"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        found.predict(X)


def test_several_threads_predict_at_once():
    found = classifier().fit(X, Y)
    expected = found.predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        for outputs in pool.map(lambda _: found.predict_proba(X), range(40)):
            assert_same_bits(outputs, expected)


def test_threads_do_not_change_the_bits():
    outputs = []
    for threads in (1, 2):
        pn.set_num_threads(threads)
        outputs.append(classifier(hidden_layer_sizes=(64, 64)).fit(X, Y).predict_proba(X))
    assert_same_bits(outputs[0], outputs[1])
