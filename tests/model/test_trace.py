"""`Sequential.trace`: every number between rows and their loss."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import conv2d, dense, inputs, labelled, targets, twin
from reference import network as oracle
from tolerances import ORACLE_GRADIENT, assert_close_to_scale, assert_same_bits

STACK = [
    conv2d(3, 3, padding="same", activation="relu"),
    pn.MaxPool2D(2),
    pn.Flatten(),
    dense(12, name="hidden"),
    pn.PReLU("shared"),
    pn.Residual([dense(12, activation="tanh"), dense(12)], step=0.3),
    dense(4),
]
NAMES = ["0", "1", "hidden", "4", "5", "5.0", "5.1", "6"]


def network(stack=STACK, shape=(6, 6, 2), dtype="float64"):
    model = pn.Sequential(stack, input_shape=shape, dtype=dtype, seed=3)
    model.compile(pn.Adam(0.01), "softmax_cross_entropy")
    return model


@pytest.mark.parametrize("rows", [1, 300])
def test_every_number_is_the_oracles(rng, rows):
    model = network()
    X, y = inputs(rng, rows, (6, 6, 2)), targets(rng, rows, 4)
    weights = rng.uniform(0.5, 1.5, rows)
    found = model.trace(X, y, sample_weight=weights)
    assert list(found) == [f"{name}.{kind}" for name in NAMES for kind in ("z", "a", "delta")]

    layers = twin(model).layers  # an activation inside a layer is one of its own there
    values = oracle.forward(layers, X)
    _, grad = oracle.loss_function("softmax_cross_entropy")(values[-1], y, weights)
    deltas = [None] * len(layers)
    for i in reversed(range(len(layers))):
        deltas[i] = grad
        grad, _ = oracle.backward([layers[i]], values[i : i + 2], grad)
    steps = {"0": (0, 1), "1": (2, 2), "hidden": (4, 4), "4": (5, 5), "5": (6, 6), "6": (7, 7)}
    for name, (first, last) in steps.items():
        assert_close_to_scale(found[f"{name}.z"], values[first + 1], ORACLE_GRADIENT, name)
        assert_close_to_scale(found[f"{name}.a"], values[last + 1], ORACLE_GRADIENT, name)
        assert_close_to_scale(found[f"{name}.delta"], deltas[first], ORACLE_GRADIENT, name)

    inside = oracle.forward(layers[6]["layers"], values[6])
    assert_close_to_scale(found["5.0.z"], inside[1], ORACLE_GRADIENT)
    assert_close_to_scale(found["5.0.a"], inside[2], ORACLE_GRADIENT)
    assert_close_to_scale(found["5.1.a"], inside[3], ORACLE_GRADIENT)
    assert_close_to_scale(found["5.1.delta"], 0.3 * deltas[6], ORACLE_GRADIENT)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_has_the_bits_of_training(rng, dtype):
    model = network(dtype=dtype)
    X, y = inputs(rng, 40, (6, 6, 2)), targets(rng, 40, 4)
    assert_same_bits(model.trace(X)["6.a"], model.predict(X))
    before = {name: values.copy() for name, values in model.parameters().items()}
    _, gradients = model.loss_and_gradients(X, y)
    found = model.trace(X, y)
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name])
    # The bias's gradient is the sum of delta by chunks of 8 rows, in order.
    chunks = found["6.delta"].reshape(5, 8, 4)
    total = np.zeros(4, dtype)
    for chunk in chunks:
        part = np.zeros(4, dtype)
        for row in chunk:
            part = part + row
        total = total + part
    assert_same_bits(gradients["6.bias"], total)


def test_without_targets_there_are_no_deltas_and_no_dropout(rng):
    model = pn.Sequential([dense(9), pn.Dropout(0.5), dense(2)], input_shape=(4,), seed=0)
    X = inputs(rng, 5, (4,))
    found = model.trace(X)
    assert list(found) == ["0.z", "0.a", "1.z", "1.a", "2.z", "2.a"]
    assert_same_bits(found["1.a"], found["0.a"])
    model.compile("sgd", "mean_squared_error")
    dropped = model.trace(X, np.zeros((5, 2)))["1.a"]
    assert (dropped == 0).any()
    loss, _ = model.loss_and_gradients(X, np.zeros((5, 2)))
    outputs = model.trace(X, np.zeros((5, 2)))["2.a"].astype(np.float64)
    assert loss == pytest.approx(float((outputs**2).mean()))  # the same units dropped


def test_an_unbuilt_model_takes_its_shape_from_the_rows(rng):
    model = pn.Sequential([pn.Rescaling(2.0), pn.Dense(3)], seed=0)
    assert model.trace(inputs(rng, 2, (4,)))["1.a"].shape == (2, 3)


def test_bad_input_is_refused(rng):
    model = pn.Sequential([dense(5)], input_shape=(19,))
    X, y = labelled(rng, 6)
    with pytest.raises(RuntimeError, match="trace: compile the model first"):
        model.trace(X, y)
    with pytest.raises(ValueError, match="trace: sample_weight must be None where y is"):
        model.trace(X, sample_weight=np.ones(6))
    with pytest.raises(ValueError, match=r"X must have shape \(n, 19\)"):
        model.trace(X[:, :3])
    with pytest.raises(ValueError, match="trace: X must have at least one row"):
        model.trace(X[:0])
