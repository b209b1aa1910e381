"""Embeddings of numbers: outputs, gradients, frozen parameters, ONNX and rows alone."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from embedding_networks import STACKS, features, network
from gradient_checks import assert_agrees_with_the_oracle
from interop_models import assert_ported
from network_models import inputs, parameter_copies, targets, twin
from reference import network as oracle
from tolerances import ORACLE_GRADIENT, assert_same_bits, assert_within


@pytest.mark.parametrize("count", [1, 30, 300])
@pytest.mark.parametrize("name", [name for name in STACKS if not name.startswith("frozen")])
def test_agrees_with_the_oracle(rng, name, count):
    model, weights = network(name), rng.uniform(size=count)
    X, y = inputs(rng, count, (features(name),)), targets(rng, count, 3)
    assert_agrees_with_the_oracle(model, X, y, weights, tolerance=ORACLE_GRADIENT)
    outputs, backward = model.vjp(X)
    seed = rng.standard_normal(outputs.shape)
    grad_x, _ = backward(seed)
    layers = twin(model).layers
    expected, _ = oracle.backward(layers, oracle.forward(layers, X), seed)
    assert_within(grad_x, expected, ORACLE_GRADIENT * np.abs(expected).max(), name)


@pytest.mark.parametrize("name", ["frozen periodic", "frozen"])
def test_frozen_embeddings_do_not_move(rng, name):
    model = network(name, optimizer="adam")
    X, y = inputs(rng, 30, (features(name),)), targets(rng, 30, 3)
    before = parameter_copies(model)
    model.fit(X, y, epochs=1)
    for key, values in model.parameters().items():
        assert np.array_equal(values, before[key]) == key.startswith("1."), key


@pytest.mark.parametrize("name", STACKS)
def test_onnx_files_give_the_same_outputs(rng, dtype, tmp_path, name):
    onnx, runs = pytest.importorskip("onnx"), pytest.importorskip("onnx_runs")
    model = network(name, np.dtype(dtype).name)
    X = inputs(rng, 20, (features(name),), dtype)
    model.to_onnx(tmp_path / "m.onnx")
    content = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(content, full_check=True)
    assert_ported(runs.run(content, X), model.predict(X), name)


@pytest.mark.parametrize("name", ["two periodic", "two"])
def test_rows_do_not_depend_on_their_neighbours(rng, dtype, name):
    model = network(name, np.dtype(dtype).name)
    X = inputs(rng, 300, (features(name),), dtype)
    whole = model.predict(X)
    for row in (0, 7, 299):
        assert_same_bits(model.predict(X[row : row + 1])[0], whole[row])


@pytest.mark.parametrize("name", [name for name in STACKS if "frozen" not in name])
def test_blocks_give_the_bits_of_the_whole_batch(rng, dtype, name):
    """Training divides a batch of 600 rows into blocks; vjp does not."""
    model = network(name, np.dtype(dtype).name)
    X, y = inputs(rng, 600, (features(name),), dtype), targets(rng, 600, 3)
    outputs, backward = model.vjp(X)
    _, expected = backward(pn.ops.softmax_cross_entropy(outputs, y)[1])
    for key, gradient in model.loss_and_gradients(X, y)[1].items():
        assert_same_bits(gradient, expected[key], key)
