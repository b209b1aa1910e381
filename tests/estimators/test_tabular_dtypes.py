"""Tabular estimators with products in bfloat16."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from tabular_runs import classifier, regressor, table, values
from tolerances import assert_close_to_scale, sum_tolerance


@pytest.mark.parametrize(("make", "data"), [(classifier, table), (regressor, values)])
def test_products_in_bfloat16(make, data, tmp_path):
    X, y = data()
    model = make(dtype="mixed_bfloat16", hidden_layer_sizes=(64, 64)).fit(X, y)
    assert model.encode(X).dtype == np.float32
    assert model.to_sequential().dtype == "mixed_bfloat16"
    model.save(tmp_path / "m.npz")
    assert np.array_equal(pn.load(tmp_path / "m.npz").predict(X), model.predict(X))


def test_onnx_files_of_networks_in_bfloat16_are_float32(rng, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    X = rng.standard_normal((60, 2))
    model = regressor(dtype="mixed_bfloat16", hidden_layer_sizes=(64, 64)).fit(X, X[:, 0])
    model.to_onnx(tmp_path / "m.onnx")
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    (found,) = session.run(None, {f"x{i}": X[:, i : i + 1] for i in range(2)})
    twin = model.to_sequential()
    wide = pn.Sequential(twin.layers, input_shape=twin.input_shape, dtype="float32")
    wide.set_parameters(twin.parameters())
    assert_close_to_scale(found, wide.predict(model.encode(X)), sum_tolerance(500, np.float32))
