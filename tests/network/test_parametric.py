"""Parametric: gradients, its place in the epilogue of a Dense layer, and its two ends."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from gradient_checks import assert_agrees_with_the_oracle, assert_gradients_are_derivatives
from network_models import (
    activation_layer,
    conv2d,
    dense,
    inputs,
    labelled,
    mlp,
    parameter_copies,
)
from tolerances import ORACLE_GRADIENT, assert_close_to_scale, assert_same_bits

BLOCK_ROWS = 256  # of the engine
NAMES = [f"parametric-{name}" for name in pn.ops.ACTIVATIONS]


@pytest.mark.parametrize("name", NAMES)
def test_gradients_agree_with_the_oracle(rng, name):
    model = mlp(activation=name)
    for rows in (9, BLOCK_ROWS + 21):
        X, y = labelled(rng, rows)
        weights = rng.uniform(0.5, 1.5, rows)
        assert_agrees_with_the_oracle(model, X, y, weights, tolerance=ORACLE_GRADIENT)


@pytest.mark.parametrize("name", ["parametric-selu", "parametric-mish", "parametric-elu"])
def test_alone_in_a_residual_and_after_a_convolution(rng, name):
    layers = [activation_layer(name), conv2d(6, 3), activation_layer(name)]
    layers += [pn.Residual([activation_layer(name)], 0.5), pn.Flatten(), activation_layer(name)]
    model = pn.Sequential([*layers, dense(5)], input_shape=(5, 4, 2), dtype="float64", seed=3)
    model.compile(loss="softmax_cross_entropy")
    X, y = labelled(rng, 40, (5, 4, 2))
    assert_agrees_with_the_oracle(model, X, y, None, tolerance=ORACLE_GRADIENT)


def test_gradients_are_central_differences(rng):
    layers = [dense(4), activation_layer("parametric-mish"), dense(3)]
    model = pn.Sequential(layers, input_shape=(3,), dtype="float64", seed=3)
    model.compile(loss="softmax_cross_entropy")
    assert_gradients_are_derivatives(model, *labelled(rng, 9, (3,), outputs=3))


@pytest.mark.parametrize("name", pn.ops.ACTIVATIONS)
def test_a_weight_of_1_gives_f_and_of_0_the_identity(rng, dtype, name):
    X = inputs(rng, 9, (21,), dtype)
    f = activation_layer(name)
    for layer, expected in (
        (pn.Parametric(f), pn.Sequential([f], input_shape=(21,), dtype=str(X.dtype)).predict(X)),
        (pn.Parametric(f, init=0.0), X),
    ):
        model = pn.Sequential([layer], input_shape=(21,), dtype=str(X.dtype))
        assert np.array_equal(model.predict(X), expected)  # zeros may differ in sign


def test_with_relu_it_is_prelu(rng):
    X, y = labelled(rng, 50, (7,))
    models = [
        pn.Sequential([dense(12), layer, dense(5)], input_shape=(7,), dtype="float64", seed=3)
        for layer in (pn.Parametric("relu", init=0.75), pn.PReLU(init=0.25))
    ]
    for model in models:
        model.compile(pn.SGD(0.1), "softmax_cross_entropy")
        model.fit(X, y, epochs=3, batch_size=16)
    parametric, prelu = (model.parameters() for model in models)
    for name, values in prelu.items():
        if name == "1.alpha":
            assert_close_to_scale(1 - parametric["1.weight"], values, ORACLE_GRADIENT, name)
        else:
            assert_close_to_scale(parametric[name], values, ORACLE_GRADIENT, name)


@pytest.mark.parametrize("decay_all", [False, True])
def test_its_weight_decays_only_if_asked(rng, decay_all):
    X, y = labelled(rng, 40)
    after = []
    for rate in (0.0, 0.3):
        model = mlp(activation="parametric-mish")
        optimizer = pn.SGD(0.1, weight_decay=rate, decay_all=decay_all)
        model.compile(optimizer, "softmax_cross_entropy")
        model.train_on_batch(X, y)
        after.append(parameter_copies(model))
    assert (after[0]["1.weight"] != after[1]["1.weight"]).any() == decay_all


def test_a_file_and_a_summary_say_which_activation(rng, tmp_path):
    layers = [dense(4), pn.Parametric("mish"), pn.Parametric(pn.LeakyReLU(0.2))]
    model = pn.Sequential(layers, input_shape=(7,), seed=3)
    model.save(tmp_path / "m.npz")
    other = pn.load(tmp_path / "m.npz")
    assert other.layers == model.layers
    X = inputs(rng, 9, (7,), np.float32)
    assert_same_bits(other.predict(X), model.predict(X))
    summary = model.summary()
    assert "Parametric(Mish)" in summary
    assert "Parametric(LeakyReLU)" in summary


@pytest.mark.parametrize("wrong", ["prelu", pn.PReLU(), None, 3, pn.Dense(3)])
def test_another_layer_is_refused(wrong):
    with pytest.raises(TypeError, match="Parametric: activation must be a"):
        pn.Parametric(wrong)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="Parametric: activation must be one of"):
        pn.Parametric("swosh")


def test_dense_does_not_take_it_as_its_activation():
    """Its weight would have the name of the layer's own."""
    with pytest.raises(TypeError, match="activation must be a name or an activation layer"):
        pn.Dense(3, activation=pn.Parametric("mish"))
