"""Losses and gradients of networks: against the oracle, and against central differences."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import prelunet as pn
from gradient_checks import assert_agrees_with_the_oracle, assert_gradients_are_derivatives
from network_models import (
    ACTIVATIONS,
    LOSSES,
    activation_layer,
    dense,
    inputs,
    labelled,
    mlp,
    oracle_gradient_scales,
    roundings,
    targets,
)
from tolerances import ORACLE_GRADIENT, sum_tolerance

CASES = [(seed, *case) for seed, case in enumerate(product(ACTIVATIONS, LOSSES))]
WIDEST = 70
BLOCK_ROWS = 256  # of the engine: a larger batch goes through block by block
LARGE_BLOCK_ROWS = 1024  # the same, where parameters take more than 16 MiB


def random_layers(rng, activation):
    """Return the layers of a random network that has the activation, and the shape of a sample."""
    layers = [pn.Rescaling(0.5, 0.25)] if rng.random() < 0.3 else []
    shape = (int(rng.integers(1, WIDEST)),)
    if rng.random() < 0.3:
        shape = tuple(int(size) for size in rng.integers(1, 6, 3))
        layers += [activation_layer(activation), pn.Flatten()]
    for depth in range(rng.integers(1, 4)):
        name = activation if depth == 0 else rng.choice(ACTIVATIONS)
        options = {"use_bias": bool(rng.random() < 0.8)}
        units = int(rng.integers(1, WIDEST + 1))
        if rng.random() < 0.5:
            layers.append(dense(units, activation=activation_layer(name), **options))
        else:
            layers += [dense(units, **options), activation_layer(name)]
        if rng.random() < 0.2:
            layers.append(activation_layer(rng.choice(ACTIVATIONS)))
    return layers, shape


def random_loss(rng, name):
    """Return the loss with a random option, and the kind of its targets."""
    if name == "softmax_cross_entropy":
        smoothing = float(rng.choice([0.0, 0.2]))
        return pn.losses.SoftmaxCrossEntropy(smoothing), rng.choice(["labels", "rows"])
    if name == "huber":
        return pn.losses.Huber(float(rng.uniform(0.3, 2.0))), "rows"
    if name == "pinball":
        return pn.losses.Pinball(float(rng.uniform(0.1, 0.9))), "rows"
    return name, "rows"


def random_case(seed, activation, loss, dtype):
    """Return a compiled random network with samples, targets and weights."""
    rng = np.random.default_rng(seed)
    layers, shape = random_layers(rng, activation)
    outputs = int(rng.integers(1, 12))
    compiled, kind = random_loss(rng, loss)
    model = pn.Sequential([*layers, dense(outputs)], input_shape=shape, dtype=dtype, seed=seed)
    model.compile(loss=compiled)
    rows = int(rng.integers(1, 45))
    weights = rng.uniform(size=rows) * (rng.random(rows) < 0.8)
    weighted = rng.random() < 0.5 and weights.any()
    X, y = inputs(rng, rows, shape), targets(rng, rows, outputs, loss=loss, kind=kind)
    return model, X, y, weights if weighted else None


@pytest.mark.parametrize(("seed", "activation", "loss"), CASES)
def test_random_networks_float64(seed, activation, loss):
    model, X, y, weights = random_case(seed, activation, loss, "float64")
    assert_agrees_with_the_oracle(model, X, y, weights, tolerance=ORACLE_GRADIENT)


@pytest.mark.parametrize(("seed", "activation", "loss"), CASES)
def test_random_networks_float32(seed, activation, loss):
    model, X, y, weights = random_case(seed, activation, loss, "float32")
    X = X.astype(np.float32)
    y = y if y.ndim == 1 else y.astype(np.float32)
    tolerance = sum_tolerance(roundings(model, len(X)), np.float32)
    scales = oracle_gradient_scales(model, X, y, weights)
    assert_agrees_with_the_oracle(model, X, y, weights, tolerance=tolerance, scales=scales)


@pytest.mark.parametrize("rows", [1, 7, 255, 256, 257, 600, 1024])
@pytest.mark.parametrize("kind", ["prelu-channel", "prelu-shared"])
def test_batches_larger_than_a_block(rng, rows, kind):
    model = mlp(activation=kind)
    weights = rng.uniform(size=rows)
    assert_agrees_with_the_oracle(model, *labelled(rng, rows), weights, tolerance=ORACLE_GRADIENT)


@pytest.mark.parametrize("rows", [LARGE_BLOCK_ROWS, LARGE_BLOCK_ROWS + 1])
def test_large_networks_take_larger_blocks(rng, rows):
    model = mlp((1500,), (1500, 5), activation="prelu-channel")
    X, y = labelled(rng, rows, (1500,))
    assert_agrees_with_the_oracle(model, X, y, None, tolerance=ORACLE_GRADIENT)


@pytest.mark.parametrize("kind", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 1, 1), (1, 7, 2), (4, 6)])
def test_activations_of_images(rng, kind, shape):
    layers = [activation_layer(kind), pn.Rescaling(1.5, -0.1), activation_layer(kind), pn.Flatten()]
    model = pn.Sequential([*layers, dense(4)], input_shape=shape, dtype="float64", seed=3)
    model.compile(loss="softmax_cross_entropy")
    rows = BLOCK_ROWS + 21
    X, y = inputs(rng, rows, shape), targets(rng, rows, 4)
    assert_agrees_with_the_oracle(model, X, y, None, tolerance=ORACLE_GRADIENT)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_network_of_one_activation(rng, loss):
    model = pn.Sequential([activation_layer("prelu-channel")], input_shape=(6,), dtype="float64")
    model.compile(loss=loss)
    X, y = inputs(rng, 30, (6,)), targets(rng, 30, 6, loss=loss)
    assert_agrees_with_the_oracle(model, X, y, None, tolerance=ORACLE_GRADIENT)


@pytest.mark.parametrize("units", [1, 3, 10, 20, 50, 61])
def test_a_layer_without_activation_below_another(rng, units):
    """It sums its deltas as they are made, and must leave them for its weight."""
    model = pn.Sequential([dense(units), dense(7)], input_shape=(19,), dtype="float64", seed=0)
    model.compile()
    X, y = labelled(rng, 37, outputs=7)
    assert_agrees_with_the_oracle(model, X, y, None, tolerance=ORACLE_GRADIENT)


def test_a_deep_narrow_and_a_wide_network(rng):
    for widths in ([2] * 12 + [3], [300, 3]):
        model = mlp(widths=widths)
        X, y = inputs(rng, 40), targets(rng, 40, 3)
        assert_agrees_with_the_oracle(model, X, y, None, tolerance=ORACLE_GRADIENT)


def test_gradients_are_new_arrays(rng):
    model = mlp()
    X, y = labelled(rng, 30)
    _, first = model.loss_and_gradients(X, y)
    kept = {name: gradient.copy() for name, gradient in first.items()}
    model.loss_and_gradients(-X, y)
    for name, gradient in first.items():
        assert np.array_equal(gradient, kept[name])
        gradient[...] = 0.0  # they are the user's


# ---- central differences -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_central_differences_of_every_activation(rng, kind):
    layers = [dense(4), activation_layer(kind), dense(3, activation=activation_layer(kind))]
    model = pn.Sequential([*layers, dense(3)], input_shape=(3,), dtype="float64", seed=2)
    model.compile(loss="softmax_cross_entropy")
    assert_gradients_are_derivatives(model, inputs(rng, 9, (3,)), targets(rng, 9, 3))


@pytest.mark.parametrize("loss", LOSSES)
def test_central_differences_of_every_loss(rng, loss):
    model = mlp((3,), (4, 3), activation="tanh", loss=loss)
    y = targets(rng, 9, 3, loss=loss, kind="rows")
    assert_gradients_are_derivatives(model, inputs(rng, 9, (3,)), y, rng.uniform(0.5, 1.5, 9))


def test_central_differences_of_an_image_network(rng):
    layers = [pn.Rescaling(0.5, 0.1), activation_layer("prelu-channel"), pn.Flatten(), dense(3)]
    model = pn.Sequential(layers, input_shape=(2, 2, 3), dtype="float64", seed=8)
    model.compile(loss=pn.losses.SoftmaxCrossEntropy(label_smoothing=0.1))
    assert_gradients_are_derivatives(model, inputs(rng, 5, (2, 2, 3)), targets(rng, 5, 3))
