"""PeriodicEmbeddings: outputs, gradients, bits, ONNX, initial values and refusals."""

from __future__ import annotations

import re

import numpy as np
import pytest

import prelunet as pn
from gradient_checks import assert_agrees_with_the_oracle, assert_gradients_are_derivatives
from interop_models import assert_ported
from network_models import dense, inputs, targets, twin
from reference import network as oracle
from tolerances import ORACLE_GRADIENT, assert_same_bits, assert_within

INPUTS = 7


def periodic(kind, **options):
    return pn.PeriodicEmbeddings(4, n_frequencies=5, frequency_init_scale=0.4, kind=kind, **options)


def build(*layers, shape=(INPUTS,), dtype="float32"):
    return pn.Sequential(list(layers), input_shape=shape, dtype=dtype)


STACKS = {
    "pbld": lambda: [periodic("pbld")],
    "plr": lambda: [periodic("plr")],
    "wide": lambda: [pn.PeriodicEmbeddings(19, n_frequencies=37), pn.Tanh()],
    "wide plr": lambda: [pn.PeriodicEmbeddings(7, n_frequencies=21, kind="plr")],
    "two": lambda: [pn.Rescaling(0.3), periodic("pbld"), dense(6), periodic("plr")],
    "frozen": lambda: [dense(3), periodic("pbld", trainable=False)],
}


def network(name, dtype="float64", **compiled):
    model = pn.Sequential([*STACKS[name](), dense(3)], input_shape=(INPUTS,), dtype=dtype, seed=4)
    model.compile(**{"loss": "softmax_cross_entropy", **compiled})
    return model


@pytest.mark.parametrize("count", [1, 30, 300])
@pytest.mark.parametrize("name", sorted(set(STACKS) - {"frozen"}))
def test_agrees_with_the_oracle(rng, name, count):
    model, weights = network(name), rng.uniform(size=count)
    X, y = inputs(rng, count, (INPUTS,)), targets(rng, count, 3)
    assert_agrees_with_the_oracle(model, X, y, weights, tolerance=ORACLE_GRADIENT)
    outputs, backward = model.vjp(X)
    seed = rng.standard_normal(outputs.shape)
    grad_x, _ = backward(seed)
    layers = twin(model).layers
    expected, _ = oracle.backward(layers, oracle.forward(layers, X), seed)
    assert_within(grad_x, expected, ORACLE_GRADIENT * np.abs(expected).max(), name)


@pytest.mark.parametrize("name", STACKS)
def test_gradients_are_central_differences(rng, name):
    model, X = network(name), 0.5 * inputs(rng, 9, (INPUTS,))
    assert_gradients_are_derivatives(model, X, targets(rng, 9, 3))


def test_frozen_embeddings_do_not_move(rng):
    model = network("frozen", optimizer="adam")
    X, y = inputs(rng, 30, (INPUTS,)), targets(rng, 30, 3)
    before = {name: values.copy() for name, values in model.parameters().items()}
    model.fit(X, y, epochs=1)
    for name, values in model.parameters().items():
        assert np.array_equal(values, before[name]) == name.startswith("1."), name


@pytest.mark.parametrize("name", STACKS)
def test_onnx_files_give_the_same_outputs(rng, dtype, tmp_path, name):
    onnx, runs = pytest.importorskip("onnx"), pytest.importorskip("onnx_runs")
    model = network(name, np.dtype(dtype).name)
    X = inputs(rng, 20, (INPUTS,), dtype)
    model.to_onnx(tmp_path / "m.onnx")
    content = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(content, full_check=True)
    assert_ported(runs.run(content, X), model.predict(X), name)


def test_rows_do_not_depend_on_their_neighbours(rng, dtype):
    model, X = network("two", np.dtype(dtype).name), inputs(rng, 300, (INPUTS,), dtype)
    whole = model.predict(X)
    for row in (0, 7, 299):
        assert_same_bits(model.predict(X[row : row + 1])[0], whole[row])


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
