"""save and to_onnx of the MLP estimators, and the names that travel with the network."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from tolerances import assert_same_bits, assert_within, sum_tolerance

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)), np.array(["a", "b", "c"])[np.arange(60) % 3]
SETTINGS = {"hidden_layer_sizes": (5,), "max_iter": 2, "random_state": 0}


def test_class_and_column_names_travel(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("wxyz"))
    fitted = pn.MLPClassifier(**SETTINGS).fit(frame, Y)
    fitted.save(tmp_path / "m.npz")
    loaded = pn.load(tmp_path / "m.npz")
    names = {"class_names": ["a", "b", "c"], "feature_names": list("wxyz")}
    assert loaded.metadata == fitted.to_sequential().metadata == names
    assert_same_bits(loaded.predict(X), fitted.to_sequential().predict(X))
    regressor = pn.MLPRegressor(**SETTINGS).fit(X, X[:, 0])
    assert regressor.to_sequential().metadata == {}


@pytest.mark.parametrize("classes", [2, 3])
def test_onnx(tmp_path, classes):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    rows = X.astype(np.float32)
    fitted = pn.MLPClassifier(**SETTINGS, dtype="float32").fit(rows, np.arange(60) % classes)
    fitted.to_onnx(tmp_path / "m.onnx")
    (found,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, {"x": rows})
    expected = fitted.predict_proba(rows)
    assert found.shape == (60, 1 if classes == 2 else 3)
    assert_within(found, expected[:, -found.shape[1] :], sum_tolerance(64, np.float32))
    fitted.to_onnx(tmp_path / "m.onnx", probabilities=False)
    (logits,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, {"x": rows})
    assert_within(logits, fitted.to_sequential().predict(rows), sum_tolerance(64, np.float32))
    regressor = pn.MLPRegressor(**SETTINGS, dtype="float32").fit(rows, rows[:, 0])
    regressor.to_onnx(tmp_path / "r.onnx")
    (outputs,) = onnxruntime.InferenceSession(tmp_path / "r.onnx").run(None, {"x": rows})
    assert_within(outputs[:, 0], regressor.predict(rows), sum_tolerance(64, np.float32))
