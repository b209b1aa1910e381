"""What layers' arguments do once they are in a model: names, first values, frozen layers, bits."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn


def parameter_names(*stack, input_shape=(4,)):
    return list(pn.Sequential(stack, input_shape=input_shape, seed=0).parameters())


def test_parameters_are_called_by_place_or_name():
    assert parameter_names(
        pn.Rescaling(2.0),
        pn.Dense(3, pn.PReLU(name="ignored")),
        pn.PReLU(name="slopes"),
        pn.Dense(3, use_bias=False, name="last"),
        pn.ReLU(),
    ) == ["1.weight", "1.bias", "1.alpha", "slopes.alpha", "last.weight"]


@pytest.mark.parametrize(
    "stack",
    [
        [pn.Dense(3, name="a"), pn.PReLU(name="a")],
        [pn.Dense(3, name="1"), pn.PReLU()],  # the second is called by its place, 1
    ],
)
def test_two_layers_of_one_name_are_refused(stack):
    with pytest.raises(ValueError, match=r"layers must differ in name, got '[a1]' twice"):
        pn.Sequential(stack)


def test_initializers_reach_their_parameters():
    model = pn.Sequential(
        [pn.Dense(3, pn.PReLU("shared", init=0.5), weight_init=2.0, bias_init=3.0)],
        input_shape=(4,),
    )
    values = {name: np.unique(array).tolist() for name, array in model.parameters().items()}
    assert values == {"0.weight": [2.0], "0.bias": [3.0], "0.alpha": [0.5]}
    assert {name: array.shape for name, array in model.parameters().items()} == {
        "0.weight": (3, 4),
        "0.bias": (3,),
        "0.alpha": (1,),
    }


@pytest.mark.parametrize(
    "activation_of", [*pn.ACTIVATION_LAYERS.values(), pn.PReLU], ids=lambda layer: layer.__name__
)
def test_an_activation_inside_dense_gives_the_bits_of_a_layer(activation_of, rng, dtype):
    X, y = rng.standard_normal((40, 4)), rng.integers(3, size=40)
    inside = pn.Sequential(
        [pn.Dense(6, activation_of()), pn.Dense(3)], seed=3, dtype=np.dtype(dtype).name
    )
    after = pn.Sequential(
        [pn.Dense(6), activation_of(), pn.Dense(3)], seed=3, dtype=np.dtype(dtype).name
    )
    for model in (inside, after):
        model.compile(pn.SGD(0.1, momentum=0.9))
        model.fit(X, y, epochs=2, batch_size=16)
    values = [list(model.parameters().values()) for model in (inside, after)]
    for one, other in zip(*values, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(inside.predict(X), after.predict(X))


def test_layers_that_are_not_trainable_stay(rng):
    X, y = rng.standard_normal((30, 4)), rng.integers(3, size=30)
    model = pn.Sequential(
        [
            pn.Dense(5, pn.PReLU(), trainable=False),  # its alpha is frozen with it
            pn.Dense(5, pn.PReLU(trainable=False)),
            pn.PReLU(trainable=False),
            pn.Dense(3),
        ],
        seed=0,
    )
    model.compile(pn.SGD(0.1))
    model.predict(X)
    before = {name: values.copy() for name, values in model.parameters().items()}
    _, gradients = model.loss_and_gradients(X, y)
    model.fit(X, y)
    moved = {n for n, values in model.parameters().items() if (values != before[n]).any()}
    assert moved == {"1.weight", "1.bias", "3.weight", "3.bias"}
    assert set(gradients) == moved


def test_flatten_is_in_c_order(rng):
    X = rng.standard_normal((2, 3, 4, 2))
    model = pn.Sequential([pn.Flatten(), pn.Rescaling(1.0)], dtype="float64")
    np.testing.assert_array_equal(model.predict(X), X.reshape(2, -1))


def test_rescaling_is_a_product_and_a_sum(rng):
    X = rng.integers(256, size=(5, 4)).astype(np.uint8)
    model = pn.Sequential([pn.Rescaling(0.5, -3.0)], dtype="float64")
    np.testing.assert_array_equal(model.predict(X), X * 0.5 - 3.0)
