"""Scale in networks: gradients, the epilogue of a Dense layer, and what optimizers do to it."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from gradient_checks import assert_agrees_with_the_oracle, assert_gradients_are_derivatives
from network_models import conv2d, dense, inputs, labelled, names_that_decay
from tolerances import ORACLE_GRADIENT, assert_same_bits

NORMAL = pn.initializers.Normal(stddev=0.5)
BLOCK_ROWS = 256  # of the engine


def network(shape=(7,), units=12, **options):
    """Return a compiled network with a Scale at the bottom, after a Dense, and after another."""
    layers = [pn.Scale(NORMAL, **options), *([pn.Flatten()] if len(shape) > 1 else [])]
    layers += [dense(units), pn.Scale(NORMAL), pn.Scale(NORMAL), pn.SELU(), dense(5)]
    model = pn.Sequential(layers, input_shape=shape, dtype="float64", seed=3)
    model.compile(pn.SGD(0.1), "softmax_cross_entropy")
    return model


@pytest.mark.parametrize("rows", [1, 9, BLOCK_ROWS + 21])
@pytest.mark.parametrize("shape", [(7,), (1,), (70,), (4, 6), (3, 4, 5)])
def test_gradients_agree_with_the_oracle(rng, shape, rows):
    model = network(shape)
    weights = rng.uniform(0.5, 1.5, rows)
    X, y = labelled(rng, rows, shape)
    assert_agrees_with_the_oracle(model, X, y, weights, tolerance=ORACLE_GRADIENT)


def test_inside_a_residual_and_after_a_convolution(rng):
    layers = [conv2d(6, 3), pn.Scale(NORMAL), pn.Residual([pn.Scale(NORMAL), pn.Tanh()], 0.5)]
    layers += [pn.Flatten(), dense(5), pn.Scale(NORMAL)]
    model = pn.Sequential(layers, input_shape=(5, 4, 2), dtype="float64", seed=3)
    model.compile(loss="softmax_cross_entropy")
    X, y = labelled(rng, 40, (5, 4, 2))
    assert_agrees_with_the_oracle(model, X, y, None, tolerance=ORACLE_GRADIENT)


def test_gradients_are_central_differences(rng):
    model = network((2, 3), units=4)
    assert_gradients_are_derivatives(model, *labelled(rng, 9, (2, 3)))


def test_a_layer_starts_as_the_identity_and_multiplies_once(rng, dtype):
    X = inputs(rng, 9, (21,), dtype)
    model = pn.Sequential([pn.Scale()], input_shape=(21,), dtype=np.dtype(dtype).name)
    assert_same_bits(model.predict(X), X)
    weight = inputs(rng, 1, (21,), dtype)[0]
    model.set_parameters({"0.weight": weight})
    assert_same_bits(model.predict(X), X * weight)
    outputs, backward = model.vjp(X)
    grad_x, _ = backward(outputs)
    assert_same_bits(grad_x, outputs * weight)


def test_equals_a_rescaling_of_each_feature(rng):
    """The network after a frozen Scale trains as on the scaled data."""
    X, y = labelled(rng, 50, (7,))
    weight = rng.uniform(0.5, 2.0, 7)
    models = [network(trainable=False), network(trainable=False)]
    models[0].set_parameters({"0.weight": weight})
    models[1].set_parameters({"0.weight": np.ones(7)})
    for model, rows in zip(models, (X, X * weight), strict=True):
        model.fit(rows, y, epochs=2, batch_size=16)
    for name, values in models[0].parameters().items():
        if name != "0.weight":
            assert_same_bits(values, models[1].parameters()[name], name)
    assert_same_bits(models[0].parameters()["0.weight"], weight)


@pytest.mark.parametrize("decay_all", [False, True])
@pytest.mark.parametrize("penalty", ["l2", "weight_decay"])
def test_its_weight_decays_only_if_asked(rng, penalty, decay_all):
    found = names_that_decay(network, rng, penalty, decay_all)
    assert "1.weight" in found
    own = {"0.weight", "2.weight", "3.weight"}
    assert found & own == (own if decay_all else set())


def test_a_group_gives_it_a_rate_of_its_own(rng):
    X, y = labelled(rng, 40, (7,))
    model = network()
    groups = [pn.ParameterGroup("0.*", learning_rate_factor=6.0)]
    model.compile(pn.SGD(0.1, groups=groups), "softmax_cross_entropy")
    before = model.parameters()["0.weight"].copy()
    _, gradients = model.loss_and_gradients(X, y)
    model.train_on_batch(X, y)
    expected = before - (0.1 * 6.0) * gradients["0.weight"]
    assert np.allclose(model.parameters()["0.weight"], expected, rtol=ORACLE_GRADIENT)


def test_a_file_and_a_summary_keep_it(rng, tmp_path):
    model = network()
    model.save(tmp_path / "m.npz")
    other = pn.load(tmp_path / "m.npz")
    assert other.layers == model.layers
    X = inputs(rng, 9, (7,))
    assert_same_bits(other.predict(X), model.predict(X))
    assert "Scale" in model.summary()
