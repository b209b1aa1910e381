"""What ONNX files keep besides the graph: metadata and dtype."""

from __future__ import annotations

import pytest

import prelunet as pn

onnx = pytest.importorskip("onnx")


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
def test_metadata_and_dtype_travel(tmp_path, dtype):
    model = pn.Sequential([pn.Dense(3)], input_shape=(4,), dtype=dtype, seed=0)
    model.metadata = {"class_names": ["a", "ü"], "numbers": [1, 2.5, None]}
    model.to_onnx(tmp_path / "m.onnx")
    found = pn.from_onnx(tmp_path / "m.onnx")
    assert found.metadata == model.metadata
    assert found.dtype == dtype
    model.metadata = {"bad": object()}
    with pytest.raises(TypeError, match=r"^to_onnx: metadata must hold JSON"):
        model.to_onnx(tmp_path / "m.onnx")
    assert pn.from_onnx(tmp_path / "m.onnx").metadata == found.metadata


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"metadata": "{"}, "must have a JSON object"),
        ({"metadata": "[1]"}, "must have a JSON object"),
        ({"metadata": "[" * 100_000}, "must have a JSON object"),
        ({"dtype": "float64"}, "have the dtype 'float64', the input is float32"),
        ({"dtype": "nonsense"}, "have the dtype 'nonsense', the input is float32"),
    ],
)
def test_damaged_properties_are_refused(tmp_path, properties, message):
    path = tmp_path / "m.onnx"
    pn.Sequential([pn.Dense(3)], input_shape=(4,), seed=0).to_onnx(path)
    content = onnx.load(path)
    kept = {entry.key: entry.value for entry in content.metadata_props}
    onnx.helper.set_model_props(content, kept | properties)
    onnx.save(content, path)
    with pytest.raises(ValueError, match=f"metadata_props {message}"):
        pn.from_onnx(path)
    onnx.helper.set_model_props(content, properties)  # those of another program
    onnx.save(content, path)
    assert pn.from_onnx(path).metadata == {}
