"""ONNX files of tabular estimators, run by onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import prelunet as pn
from onnx_runs import session
from prelunet.estimators.tabular import onnx_table
from prelunet.tables import encoders
from tabular_runs import classifier, regressor, table
from tolerances import PORTED_OUTPUTS

COLUMNS = ["a", "b", "color", "own"]
TD = {"preset": "realmlp-td", "max_one_hot_levels": 2}
DAYS = ["01-01", "02-28", "03-01", "06-30", "12-31"]
FLOAT32 = PORTED_OUTPUTS[np.dtype(np.float32)]


def frame(count=60, seed=0, *, extra=False):
    """Return a table without dates; with `extra`, rows that are missing, unknown and extreme."""
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(table(count, seed)[0][:, :4], columns=COLUMNS)
    X["grade"] = pd.Categorical(np.arange(count) % 3 * 10)
    X["constant"] = 5.0
    if extra:
        X.loc[0] = [None, None, None, None, None, None]
        X.loc[1] = [1e300, -1e300, "mauve", True, 10, 7.0]
        X["grade"] = [77, *X["grade"].tolist()[1:]]
    return X.convert_dtypes()


def fed(X):
    """Return the inputs of the graph for a frame: text with "", and doubles with NaN."""
    found = {}
    for name in X.columns:
        values = [None if value is None or value != value else value for value in as_list(X[name])]
        if name == "color":
            found[name] = np.array([["" if v is None else v] for v in values], object)
        else:
            found[name] = np.array([[np.nan if v is None else float(v)] for v in values])
    return found


def as_list(series):
    return series.astype(object).where(series.notna(), None).tolist()


def exported(model, path):
    file = path / "m.onnx"
    model.to_onnx(file)
    content = onnx.load(file)
    onnx.checker.check_model(content, full_check=True)
    return session(content)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"activation": "tanh", "scoring": "log_loss"},
        {"n_estimators": 3, "activation": "gelu"},
        {"dtype": "float64"},
        TD,
    ],
)
def test_probabilities_and_labels(settings, tmp_path):
    settings = settings if settings is TD else {"activation": "relu"} | settings
    model = classifier(**settings).fit(frame(), table()[1])
    late = frame(30, seed=4, extra=True)
    graph = exported(model, tmp_path)
    assert [(i.name, i.shape, i.type) for i in graph.get_inputs()] == [
        (name, ["batch", 1], "tensor(string)" if name == "color" else "tensor(double)")
        for name in late.columns
    ]
    label, probabilities = graph.run(["label", "probabilities"], fed(late))
    assert probabilities.dtype == np.float32
    expected = model.predict_proba(late)
    assert abs(probabilities - expected).max() <= FLOAT32
    assert label.tolist() == model.predict(late).tolist()


def test_predictions_of_numbers(tmp_path):
    X = frame()
    Y = np.column_stack([np.arange(60.0), -1e3 * np.arange(60.0)])
    one = Y[:, 0]
    for y, loss, settings in (
        (one, "squared_error", {}),
        (Y, "huber", {}),
        (one, "poisson", {}),
        (one, "quantile", {}),
        (Y, "huber", TD),
        (one, "poisson", TD),
    ):
        model = regressor(cv=2, loss=loss, quantile=[0.7, 0.2], **settings).fit(X, y)
        (found,) = exported(model, tmp_path).run(["variable"], fed(X))
        expected = model.predict(X).reshape(60, -1)
        assert found.shape == expected.shape
        assert (abs(found - expected) <= FLOAT32 * abs(expected).max(axis=0)).all()


def test_calendar_of_every_day(rng):
    graph = onnx_table._Graph(onnx)
    graph.input("date", np.dtype(np.int64))
    parts = graph.dates("date")[2:]
    for place, value in enumerate(parts):
        graph.output(str(place), value, np.dtype(np.int64), (1,))
    dates = np.arange("1580-01-01", "2420-01-01", dtype="M8[D]").astype("M8[us]")
    dates += rng.integers(86_400_000_000, size=len(dates)).astype("m8[us]")
    found = session(onnx.load_from_string(graph.serialized())).run(
        None, {"date": dates.astype(np.int64)[:, np.newaxis]}
    )
    expected = encoders._parts(dates, 0).T
    for own, right in zip(found, expected, strict=False):  # the last one is of days
        np.testing.assert_array_equal(own[:, 0], right)


@pytest.mark.parametrize("settings", [{}, {"cv": 2}, TD])
def test_dates(settings, tmp_path):
    """Leap days, ends of months and years, times before 1970, and missing dates."""
    pd = pytest.importorskip("pandas")
    ends = [f"{y}-{d}" for y in (1600, 1900, 1969, 1970, 2000, 2023, 2024, 2400) for d in DAYS]
    times = np.array(ends, "M8[us]") + np.array([-1, 0, 3_599_999_999], "m8[us]")[:, np.newaxis]
    dates = np.r_[
        times.ravel(),
        np.arange("1967-11-01", "1972-03-05", dtype="M8[D]"),
        np.full(9, "NaT", "M8[us]"),
    ]
    dates = dates.astype("M8[us]")
    X = pd.DataFrame({"when": dates, "n": np.arange(len(dates)) % 17})
    known, rng = X.dropna(), np.random.default_rng(0)
    for train in (X, known):
        y = rng.normal(size=len(train))
        model = regressor(epochs=2, **settings).fit(train, y)
        graph = exported(model, tmp_path)
        assert [value.type for value in graph.get_inputs()] == ["tensor(int64)", "tensor(double)"]
        given = {"when": dates.astype(np.int64)[:, np.newaxis], "n": X[["n"]].to_numpy(float)}
        (found,) = graph.run(["variable"], given)
        assert abs(found[:, 0] - model.predict(X)).max() <= FLOAT32 * abs(y).max()


@pytest.mark.parametrize("labels", [[3, -7], [True, False], [5.0, 2.0]])
def test_labels_keep_their_dtype(labels, tmp_path):
    X = np.arange(40.0).reshape(20, 2)
    y = np.array(labels)[np.arange(20) % 2]
    model = classifier().fit(X, y)
    graph = exported(model, tmp_path)
    assert [value.name for value in graph.get_inputs()] == ["x0", "x1"]
    found = graph.run(["label"], {"x0": X[:, :1], "x1": X[:, 1:]})[0]
    np.testing.assert_array_equal(found, model.predict(X), strict=True)


def test_what_onnx_cannot_hold(tmp_path):
    mixed = np.array([["a"], [1.0]] * 10, object)
    with pytest.raises(TypeError, match="column 'x0' must hold either text or numbers"):
        regressor().fit(mixed, np.arange(20.0)).to_onnx(tmp_path / "m.onnx")
    pd = pytest.importorskip("pandas")
    unnamed = pd.DataFrame({"": np.arange(20.0)})
    with pytest.raises(ValueError, match="no column may have an empty name"):
        regressor().fit(unnamed, np.arange(20.0)).to_onnx(tmp_path / "m.onnx")
    named = pd.DataFrame({"label": np.arange(20.0)})
    with pytest.raises(ValueError, match="name of an output, got 'label'"):
        regressor().fit(named, np.arange(20.0)).to_onnx(tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="must end in"):
        pn.TabularClassifier(epochs=1).fit([[1.0], [2.0]], [0, 1]).to_onnx(tmp_path / "m.txt")
    assert not list(tmp_path.iterdir())
