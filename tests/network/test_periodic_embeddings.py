"""PeriodicEmbeddings: gradients, initial values and refusals."""

from __future__ import annotations

import re

import numpy as np
import pytest

import prelunet as pn
from embedding_networks import PERIODIC, network, periodic
from gradient_checks import assert_gradients_are_derivatives
from network_models import inputs, targets

INPUTS = 7


def build(*layers, shape=(INPUTS,), dtype="float32"):
    return pn.Sequential(list(layers), input_shape=shape, dtype=dtype)


@pytest.mark.parametrize("name", PERIODIC)
def test_gradients_are_central_differences(rng, name):
    model, X = network(name), 0.5 * inputs(rng, 9, (INPUTS,))
    assert_gradients_are_derivatives(model, X, targets(rng, 9, 3))


def test_initial_values_of_periodic_embeddings():
    model = build(pn.PeriodicEmbeddings(9, n_frequencies=64), shape=(50,), dtype="float64")
    values = model.parameters()
    assert abs(values["0.frequency"].std() / 0.1 - 1) < 0.1
    assert abs(np.abs(values["0.phase"]).max() / np.pi - 1) < 0.01
    for name in ("0.weight", "0.bias"):
        assert abs(np.abs(values[name]).max() * 8 - 1) < 0.01
    with_itself = model.predict(np.arange(50.0)[np.newaxis]).reshape(50, 9)
    assert with_itself[:, -1].tolist() == list(range(50))


def test_periodic_embeddings_of_huge_numbers_stay_waves(dtype):
    model = build(periodic("plr"), shape=(1,), dtype=np.dtype(dtype).name)
    outputs = model.predict(np.array([[1e30], [-1e20], [0.0]]))
    limit = np.abs(model.parameters()["0.weight"]).sum() + 1
    assert np.isfinite(outputs).all()
    assert np.abs(outputs).max() <= limit


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: build(periodic("plr"), shape=(2, 3)), "input must have shape (features,)"),
        (lambda: pn.PeriodicEmbeddings(1), "d_embedding must be an integer >= 2"),
        (lambda: pn.PeriodicEmbeddings(kind="pl"), "kind must be one of"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()
