"""fold: a pipeline of scikit-learn as one model, through NPZ and ONNX."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

import prelunet as pn
from c_models import export
from c_runs import outputs
from tolerances import assert_same_bits

RNG = np.random.default_rng(0)
X = RNG.normal([0.0, 5.0, 1e4, -3.0], [1.0, 20.0, 100.0, 0.01], size=(200, 4))
X[RNG.random(X.shape) < 0.1] = np.nan
X = np.column_stack([X, RNG.choice([1.0, 3.0, -2.5], 200), RNG.integers(2, size=200)])
Y = (np.nan_to_num(X[:, 0]) + X[:, 4] > 1).astype(int) + (X[:, 5] > 0)
AS_CLOSE = 1e-6  # what a folded pipeline promises, of probabilities


def mlp(kind=pn.MLPClassifier, **options):
    return kind(hidden_layer_sizes=(9,), activation="prelu", max_iter=5, random_state=0, **options)


def fitted(pipeline, rows=X, y=Y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pipeline.fit(rows, y)


NUMBERS = Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
PREPARATIONS = {
    "a pipeline": [SimpleImputer(), StandardScaler()],
    "without mean": [SimpleImputer(), StandardScaler(with_mean=False), "passthrough"],
    "without scale": [SimpleImputer(), StandardScaler(with_std=False)],
    "passthrough first": [
        "passthrough",
        Pipeline([("nothing", "passthrough"), ("fill", SimpleImputer())]),
        StandardScaler(),
    ],
    "ranges": [SimpleImputer(), MinMaxScaler((-1, 2), clip=True), MaxAbsScaler()],
    "robust": [SimpleImputer(), RobustScaler(), FunctionTransformer()],
    "robust, no center": [SimpleImputer(), RobustScaler(with_centering=False)],
    "columns": [
        ColumnTransformer(
            [
                ("numbers", NUMBERS, slice(0, 3)),
                ("one.hot", OneHotEncoder(handle_unknown="ignore"), [5, 4]),
                ("none", StandardScaler(), []),
            ],
            remainder=SimpleImputer(strategy="constant", fill_value=-3.0),
        )
    ],
    "dropped": [
        ColumnTransformer(
            [
                ("numbers", NUMBERS, np.arange(6) < 4),
                ("code", OneHotEncoder(drop="first", sparse_output=False), [4]),
            ],
            remainder="drop",
        ),
        StandardScaler(),
    ],
    "passed": [SimpleImputer(), ColumnTransformer([("a", "passthrough", [2, 0])]), MaxAbsScaler()],
}


@pytest.mark.parametrize("name", PREPARATIONS)
def test_probabilities_are_those_of_the_pipeline(tmp_path, name):
    pipeline = fitted(make_pipeline(*PREPARATIONS[name], mlp()))
    expected = pipeline.predict_proba(X)
    model = pn.fold(pipeline)
    assert np.abs(model.predict_proba(X) - expected).max() <= AS_CLOSE
    model.save(tmp_path / "m.npz")
    loaded = pn.load(tmp_path / "m.npz")
    assert_same_bits(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.metadata == {"class_names": ["0", "1", "2"]}


@pytest.mark.parametrize("name", PREPARATIONS)
def test_onnx_has_the_probabilities_of_the_pipeline(tmp_path, name):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    pipeline = fitted(make_pipeline(*PREPARATIONS[name], mlp()))
    path = tmp_path / "m.onnx"
    pn.fold(pipeline).to_onnx(path, probabilities=True)
    (found,) = onnxruntime.InferenceSession(path).run(None, {"x": X})
    assert np.abs(found - pipeline.predict_proba(X)).max() <= AS_CLOSE


def test_c_has_the_probabilities_of_the_pipeline(tmp_path):
    names = {f"net{number}": name for number, name in enumerate(PREPARATIONS)}
    pipelines = {key: fitted(make_pipeline(*PREPARATIONS[names[key]], mlp())) for key in names}
    models = {key: pn.fold(pipeline) for key, pipeline in pipelines.items()}
    export(tmp_path, models, probabilities=True)
    for key, found in outputs(tmp_path, models, dict.fromkeys(models, X)).items():
        assert np.abs(found - pipelines[key].predict_proba(X)).max() <= AS_CLOSE, names[key]
        assert_same_bits(found, models[key].predict_proba(X), names[key])


def test_unknown_categories_and_two_classes():
    encoder = OneHotEncoder(handle_unknown="ignore")
    rows = np.array([[99.0, 0.0], [1.0, 7.0]])
    pipeline = fitted(make_pipeline(encoder, mlp()), X[:, 4:], Y > 0)
    model = pn.fold(pipeline)
    found = model.predict_proba(rows)
    assert found.shape == (2, 1)
    assert np.abs(found[:, 0] - pipeline.predict_proba(rows)[:, 1]).max() <= AS_CLOSE
    assert model.metadata["class_names"] == ["False", "True"]


def test_a_regression():
    pipeline = fitted(make_pipeline(SimpleImputer(), StandardScaler(), mlp(pn.MLPRegressor)), X, Y)
    found = pn.fold(pipeline).predict(X)[:, 0]
    assert np.abs(found - pipeline.predict(X)).max() <= AS_CLOSE * np.abs(found).max()


def test_columns_by_name():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    chosen = [
        ("numbers", NUMBERS, ["c", "a"]),
        ("slice", SimpleImputer(), slice("b", "d")),
        ("one", OneHotEncoder(), ["e"]),
    ]
    pipeline = fitted(make_pipeline(ColumnTransformer(chosen), mlp()), frame)
    model = pn.fold(pipeline)
    assert np.abs(model.predict_proba(frame) - pipeline.predict_proba(frame)).max() <= AS_CLOSE
    assert model.metadata["feature_names"] == list("abcdef")


TEXT = np.where(X[:, 4:5] > 0, "blue", "red").astype(object)


@pytest.mark.parametrize(
    ("steps", "rows", "error", "message"),
    [
        ([SimpleImputer(), PCA(2)], X, TypeError, "the step 'pca' must be one of .*, got PCA"),
        ([OneHotEncoder()], TEXT, ValueError, "'onehotencoder' must encode numbers, got 'blue'"),
        ([SimpleImputer(add_indicator=True)], X, ValueError, "'simpleimputer' must have add_ind"),
        (
            [FunctionTransformer(np.nan_to_num)],
            X,
            ValueError,
            "'functiontransformer' must have no function, got func=<",
        ),
        (
            [ColumnTransformer([("a", NUMBERS, [0]), ("b", Pipeline([("p", PCA(1))]), [4])])],
            X,
            TypeError,
            "the step 'columntransformer: b: p' must be one of .*, got PCA",
        ),
        (
            [OneHotEncoder(max_categories=2, handle_unknown="infrequent_if_exist")],
            X[:, 4:5],
            ValueError,
            "must have no infrequent categories",
        ),
    ],
)
def test_steps_that_cannot_be_folded_are_named(steps, rows, error, message):
    pipeline = fitted(make_pipeline(*steps, mlp()), rows)
    with pytest.raises(error, match=f"^fold: .*{message}"):
        pn.fold(pipeline)


def test_the_pipeline_is_fitted_and_ends_with_an_mlp():
    with pytest.raises(TypeError, match=r"^fold: pipeline must be a Pipeline, got MLP"):
        pn.fold(mlp())
    with pytest.raises(NotFittedError):
        pn.fold(make_pipeline(StandardScaler(), mlp()))
    other = fitted(make_pipeline(SimpleImputer(), LogisticRegression()))
    with pytest.raises(TypeError, match="the last step 'logisticregression' must be an MLPClass"):
        pn.fold(other)
