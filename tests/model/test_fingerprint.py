"""`Sequential.fingerprint`: one value for the same layers and bits, another for any difference."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import prelunet as pn
from network_models import mlp


def test_it_is_kept_by_files_and_copies(tmp_path):
    model = mlp()
    expected = model.fingerprint()
    assert len(expected) == 16
    assert int(expected, 16) >= 0
    model.save(tmp_path / "m.npz")
    assert pn.load(tmp_path / "m.npz").fingerprint() == expected
    assert copy.deepcopy(model).fingerprint() == expected
    model.compile(pn.SGD(0.5), "mean_squared_error")
    assert model.fingerprint() == expected


def test_it_is_the_same_on_every_machine():
    model = pn.Sequential([pn.Dense(2, "prelu")], input_shape=(3,), seed=0)
    zeros = {name: np.zeros_like(values) for name, values in model.parameters().items()}
    model.set_parameters(zeros)
    assert model.fingerprint() == "d0a4257552b29c85"


@pytest.mark.parametrize("value", [2.0, -0.0, np.nextafter(np.float32(0), np.float32(1))])
def test_one_element_changes_it(value):
    model = pn.Sequential([pn.Dense(2)], input_shape=(3,), seed=0)
    before = model.fingerprint()
    model.set_parameters({"0.bias": np.array([0.0, value], np.float32)})
    assert model.fingerprint() != before


def test_layers_and_dtype_change_it():
    layers = {
        "plain": [pn.Dense(2)],
        "relu": [pn.Dense(2, "relu")],
        "tanh": [pn.Dense(2, "tanh")],
        "scaled": [pn.Rescaling(0.5), pn.Dense(2)],
    }
    found = {
        pn.Sequential(layers[name], input_shape=(3,), dtype=dtype, seed=0).fingerprint()
        for name in layers
        for dtype in ("float32", "float64")
    }
    assert len(found) == 8


def test_nan_is_one_value():
    model = pn.Sequential([pn.Dense(1)], input_shape=(1,), dtype="float64", seed=0)
    nans = np.array([0x7FF8000000000000, 0xFFF8000000000001], np.uint64).view(np.float64)
    found = []
    for nan in nans:
        model.set_parameters({"0.bias": np.array([nan])})
        found.append(model.fingerprint())
    assert found[0] == found[1]


def test_what_has_no_bits_is_refused():
    with pytest.raises(TypeError, match="fingerprint: layer 0 is a Lambda"):
        pn.Sequential([pn.Lambda(np.tanh, lambda x, y, grad: grad)], input_shape=(3,)).fingerprint()
    with pytest.raises(RuntimeError, match="input_shape is not known yet"):
        pn.Sequential([pn.Dense(2)]).fingerprint()
