"""The oracle's whole networks: gradients against central differences, and its training."""

from __future__ import annotations

import numpy as np
import pytest

from central_differences import LOSSES, assert_is_gradient, away_from_kinks, loss_case
from op_cases import POSITIVE_TARGETS
from reference import network
from tolerances import assert_close_to_scale, sum_tolerance


def small_residual(rng):
    """Return what is inside a residual over 4 units, another one in it."""
    inner = [{"layer": "dense", "weight": rng.normal(size=(3, 3)), "bias": None}, {"layer": "tanh"}]
    return [
        {"layer": "dense", "weight": rng.normal(size=(3, 4)), "bias": rng.normal(size=3)},
        {"layer": "prelu", "alpha": rng.uniform(0.1, 0.5, 3)},
        {"layer": "residual", "step": -0.3, "layers": inner},
        {"layer": "dense", "weight": rng.normal(size=(4, 3)), "bias": rng.normal(size=4)},
    ]


def small_network(rng, *, alphas):
    """Return layers of every kind for inputs of shape (rows, 2, 3) and 3 outputs."""
    return [
        {"layer": "rescaling", "scale": 0.5, "offset": 0.25},
        {"layer": "flatten"},
        {"layer": "dense", "weight": rng.normal(size=(5, 6)), "bias": rng.normal(size=5)},
        {"layer": "prelu", "alpha": rng.uniform(0.1, 0.5, alphas)},
        {"layer": "dense", "weight": rng.normal(size=(4, 5)), "bias": None, "activation": "tanh"},
        {"layer": "residual", "step": 0.5, "layers": small_residual(rng)},
        {"layer": "silu"},
        {"layer": "dense", "weight": rng.normal(size=(3, 4)), "bias": rng.normal(size=3)},
    ]


@pytest.mark.parametrize("alphas", [1, 5])
@pytest.mark.parametrize("name", LOSSES)
def test_network_gradients_are_the_derivatives(rng, name, alphas):
    layers, x = small_network(rng, alphas=alphas), rng.standard_normal((4, 2, 3))
    outputs = network.forward(layers, x)[-1]
    _, targets = loss_case(name, rng, *outputs.shape)
    free = name not in ("sigmoid_cross_entropy", *POSITIVE_TARGETS)
    if targets.dtype == np.float64 and free:
        targets = outputs - away_from_kinks(rng, outputs.shape)
    _, _, gradients = network.loss_and_gradients(layers, x, targets, loss=name)
    assert list(gradients) == list(network.parameters(layers))
    for parameter, gradient in gradients.items():

        def value(values, parameter=parameter):
            changed = network.with_parameters(layers, {parameter: values})
            return network.loss_and_gradients(changed, x, targets, loss=name)[1]

        start = network.parameters(layers)[parameter]
        assert_is_gradient(gradient, value, start, roundings=outputs.size + 40)


def test_network_grad_x_is_the_derivative(rng):
    layers, x = small_network(rng, alphas=5), rng.standard_normal((4, 2, 3))
    values = network.forward(layers, x)
    grad_outputs = rng.standard_normal(values[-1].shape)
    grad_x, _ = network.backward(layers, values, grad_outputs)
    assert grad_x.shape == x.shape
    assert_is_gradient(
        grad_x,
        lambda v: float((grad_outputs * network.forward(layers, v)[-1]).sum()),
        x,
        roundings=grad_outputs.size + 40,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "sgd", "learning_rate": 0.1},
        {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "l2": 0.01},
        {"optimizer": "adam", "learning_rate": 0.05, "weight_decay": 0.01},
        {"optimizer": "sgd", "learning_rate": 0.1, "clip_value": 0.5, "clip_norm": 1.0},
    ],
)
def test_training_lowers_the_loss(rng, options):
    layers, x = small_network(rng, alphas=1), rng.standard_normal((6, 2, 3))
    batches = [(x, rng.integers(3, size=6))] * 20
    losses, history = network.train(layers, batches, loss="softmax_cross_entropy", **options)
    assert len(losses) == len(history) == 20
    assert losses[-1] < losses[0]
    moved = [not np.array_equal(history[0][name], history[-1][name]) for name in history[0]]
    assert all(moved)


def test_training_takes_the_plain_steps(rng):
    layers, x = small_network(rng, alphas=1), rng.standard_normal((6, 2, 3))
    labels, weights = rng.integers(3, size=6), rng.uniform(size=6)
    _, history = network.train(
        layers,
        [(x, labels, weights)],
        loss="softmax_cross_entropy",
        optimizer="sgd",
        learning_rate=0.5,
        l2=0.25,
    )
    _, _, gradients = network.loss_and_gradients(
        layers, x, labels, loss="softmax_cross_entropy", sample_weight=weights
    )
    for name, start in network.parameters(layers).items():
        l2 = 0.25 if name.endswith("weight") else 0.0
        expected = start - 0.5 * (gradients[name] + l2 * start)
        assert_close_to_scale(history[0][name], expected, sum_tolerance(4, np.float64))
