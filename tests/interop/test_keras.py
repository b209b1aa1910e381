"""Keras models, where it is installed: the same outputs, or an error that names the layer."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from tolerances import PORTED_OUTPUTS, assert_close_to_scale

keras = pytest.importorskip("keras", reason="Keras is not installed")
layers = keras.layers

# Keras's own, on backends other than TensorFlow's, with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

IMAGE = (9, 8, 3)


def functional():
    """Return a functional model with another one and a Sequential inside."""
    inside = keras.Sequential([keras.Input((6,)), layers.Dense(5, "tanh"), layers.ReLU()])
    x = keras.Input((5,))
    other = keras.Model(x, layers.Dense(4, "elu")(x))
    x = keras.Input((6,))
    return keras.Model(x, other(inside(x)))


STACKS = {
    "dense": ((6,), lambda: [layers.Dense(4)]),
    "no bias": ((6,), lambda: [layers.Dense(4, use_bias=False)]),
    **{
        f"{name} in {kind}": ((6,), lambda name=name, kind=kind: _with_function(kind, name))
        for name in (
            *("linear", "relu", "leaky_relu", "elu", "gelu", "swish", "selu", "mish", "softsign"),
            *("tanh", "sigmoid"),
        )
        for kind in ("Dense", "Activation")
    },
    "relu": ((6,), lambda: [layers.Dense(6), layers.ReLU()]),
    "sloped relu": ((6,), lambda: [layers.Dense(6), layers.ReLU(negative_slope=0.3)]),
    "leaky relu": ((6,), lambda: [layers.Dense(6), layers.LeakyReLU()]),
    "elu": ((6,), lambda: [layers.Dense(6), layers.ELU(0.7)]),
    "prelu": ((6,), lambda: [layers.Dense(6), layers.PReLU()]),
    "shared prelu": ((6,), lambda: [layers.Dense(6), layers.PReLU(shared_axes=[1])]),
    "layer norm": (
        (6,),
        lambda: [
            *(layers.LayerNormalization(), layers.Dense(5)),
            layers.LayerNormalization(epsilon=0.25, scale=False),
            layers.LayerNormalization(center=False),
        ],
    ),
    "layer norm of axes": (
        IMAGE,
        lambda: [
            *(layers.LayerNormalization(axis=[-2, -1]), layers.Conv2D(12, 3)),
            *(layers.LayerNormalization(), layers.LayerNormalization(axis=[1, 2, 3])),
            *(layers.Flatten(), layers.Dense(4)),
        ],
    ),
    "dropout": ((6,), lambda: [layers.Dropout(0.3), layers.Dense(6)]),
    "nested": ((6,), lambda: [keras.Sequential([layers.Dense(5), layers.ReLU()]), layers.Dense(3)]),
    "flatten": (IMAGE, lambda: [layers.Rescaling(0.5, -1), layers.Flatten(), layers.Dense(4)]),
    "conv2d": (
        IMAGE,
        lambda: [
            *(layers.Conv2D(4, (3, 2), activation="relu"), layers.PReLU(shared_axes=[1, 2])),
            *(layers.Conv2D(5, 3, (2, 1), "same", use_bias=False), layers.MaxPooling2D()),
            *(layers.PReLU(shared_axes=[1, 2, 3]), layers.Flatten(), layers.Dense(4)),
        ],
    ),
    "max_pooling2d": (
        IMAGE,
        lambda: [layers.MaxPooling2D((3, 2), 2, "same"), layers.Flatten(), layers.Dense(4)],
    ),
}


def _with_function(kind, name):
    if kind == "Dense":
        return [layers.Dense(6, name)]
    return [layers.Dense(6), layers.Activation(name)]


@pytest.fixture
def precision(dtype):
    """Have Keras make layers of each dtype; return its name."""
    name = np.dtype(dtype).name
    if name == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX computes in float32 unless the whole process is told otherwise")
    keras.config.set_dtype_policy(name)
    yield name
    keras.config.set_dtype_policy("float32")


def drawn(model):
    """Return a model with weights and slopes of no special value."""
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(scale=0.3, size=w.shape) for w in model.get_weights()])
    return model


def built(stack, shape):
    return drawn(keras.Sequential([keras.Input(shape), *stack]))


def assert_equal(actual, expected, label=""):
    """Assert that outputs are Keras's; constants in TensorFlow are float32 in any precision."""
    assert_close_to_scale(actual, expected, PORTED_OUTPUTS[np.dtype(np.float32)], label)


@pytest.mark.parametrize("name", STACKS)
def test_outputs_are_those_of_keras(name, rng, precision):
    shape, make = STACKS[name]
    model = built(make(), shape)
    x = rng.standard_normal((7, *shape)).astype(precision)
    other = pn.from_keras(model)
    assert (other.dtype, other.input_shape) == (precision, shape)
    assert_equal(other.predict(x), keras.ops.convert_to_numpy(model(x)), name)


def test_functional_models_that_are_chains(rng):
    model = drawn(functional())
    other = pn.from_keras(model)
    assert [type(layer).__name__ for layer in other.layers] == [
        *("Dense", "Tanh", "ReLU", "Dense", "ELU")
    ]
    x = rng.standard_normal((7, 6)).astype(np.float32)
    assert_equal(other.predict(x), keras.ops.convert_to_numpy(model(x)))


@pytest.mark.parametrize("way", ["in Dense", "Activation", "Softmax"])
def test_a_softmax_at_the_end_becomes_predict_proba(way, rng):
    end = {
        "in Dense": lambda: [layers.Dense(5, "softmax")],
        "Activation": lambda: [layers.Dense(5), layers.Activation("softmax")],
        "Softmax": lambda: [layers.Dense(5), layers.Softmax()],
    }[way]
    model = built(end(), (6,))
    x = rng.standard_normal((7, 6)).astype(np.float32)
    other = pn.from_keras(model)
    assert_equal(other.predict_proba(x), keras.ops.convert_to_numpy(model(x)))
    assert list(other.evaluate(x, np.arange(7) % 5)) == ["loss", "accuracy"]
    plain = pn.from_keras(built([layers.Dense(5)], (6,)))
    with pytest.raises(RuntimeError, match="compile the model first"):
        plain.predict_proba(x)


def test_what_is_not_trainable_stays_so():
    model = built([layers.Dense(5), layers.PReLU(), layers.Dense(3)], (6,))
    model.layers[0].trainable = model.layers[1].trainable = False
    assert [layer.trainable for layer in pn.from_keras(model).layers] == [False, False, True]


# ---- what is refused ---------------------------------------------------------------------------


class Own(layers.Dense):
    def call(self, inputs):
        return 2 * super().call(inputs)


class Called(keras.Model):
    def call(self, inputs):
        return inputs


KINDS = {
    "BatchNormalization": lambda: layers.BatchNormalization(),
    "Own": lambda: Own(3),
    "Dense": lambda: type("Dense", (Own,), {})(3),
    "Called": lambda: Called(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_layers_of_another_kind_are_refused(kind):
    model = keras.Sequential([keras.Input((6,)), KINDS[kind]()])
    with pytest.raises(TypeError, match=rf"^from_keras: layer '.*' \({kind}\) must be "):
        pn.from_keras(model)


OPTIONS = {
    "a function": (
        lambda: layers.Dense(3, keras.ops.square),
        (6,),
        "activation must be one of lin",
    ),
    "another function": (
        lambda: layers.Activation("exponential"),
        (6,),
        "activation must be one of linear",
    ),
    "ReLU": (lambda: layers.ReLU(6.0), (6,), "max_value must be None, got 6.0"),
    "threshold": (lambda: layers.ReLU(threshold=1.0), (6,), "threshold must be 0.0, got 1.0"),
    "axis": (lambda: layers.Softmax(1), (6, 2), "axis must be -1, got 1"),
    "normalized axes": (
        lambda: layers.LayerNormalization(axis=1),
        (6, 2),
        r"axis must be the last axes, got \[?1",
    ),
    "noise_shape": (lambda: layers.Dropout(0.5, noise_shape=(1, 6)), (6,), "noise_shape must be"),
    "slopes of pixels": (
        layers.PReLU,
        IMAGE,
        r"one slope for each channel \(shared_axes=\[1, 2\]\), got slopes of shape \(9, 8, 3\)",
    ),
    "groups": (lambda: layers.Conv2D(3, 3, groups=3), IMAGE, "groups must be 1, got 3"),
    "dilation": (
        lambda: layers.Conv2D(3, 3, dilation_rate=2),
        IMAGE,
        r"dilation_rate must be \(1,",
    ),
    "data_format": (
        lambda: layers.MaxPooling2D(data_format="channels_first"),
        IMAGE,
        "data_format must be 'channels_last', got 'channels_first'",
    ),
    "features": (lambda: layers.Dense(3), (4, 6), r"input must have shape \(6,\), got \(4, 6\)"),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_options_that_no_layer_has_are_refused(option):
    make, shape, message = OPTIONS[option]
    model = keras.Sequential([keras.Input(shape), make()])
    kind = type(model.layers[0]).__name__
    with pytest.raises(ValueError, match=rf"^from_keras: layer '.*' \({kind}\): .*{message}"):
        pn.from_keras(model)


def test_softmax_in_the_middle_is_refused():
    model = built([layers.Dense(3, "softmax"), layers.Dense(2)], (6,))
    with pytest.raises(ValueError, match=r"\(Dense\): must not come after a softmax"):
        pn.from_keras(model)


def test_models_that_are_no_chain_are_refused():
    x = keras.Input((6,))
    dense = layers.Dense(6)
    same = keras.Model(x, dense(dense(x)))
    joined = keras.Model(x, layers.Add()([x, layers.Dense(6)(x)]))
    two = keras.Model(x, [layers.Dense(6)(x), layers.Dense(6)(x)])
    for model in (same, joined, two):
        with pytest.raises(ValueError, match=r"^from_keras: layer .* must be a chain of layers"):
            pn.from_keras(model)


def test_a_layer_that_another_model_uses_too_is_read(rng):
    x, dense = keras.Input((6,)), layers.Dense(6)
    model = drawn(keras.Model(x, dense(x)))
    dense(keras.Input((6,)))
    rows = rng.standard_normal((7, 6)).astype(np.float32)
    assert_equal(pn.from_keras(model).predict(rows), keras.ops.convert_to_numpy(model(rows)))


def test_what_has_no_shape_or_is_no_model_is_refused():
    for model in (keras.Sequential([layers.Dense(3)]), keras.Sequential([keras.Input((None,))])):
        with pytest.raises(ValueError, match=r"must know the shape of its input, got \(None,\)"):
            pn.from_keras(model)
    with pytest.raises(TypeError, match=r"^from_keras: model must be a keras.Model, got \[\]"):
        pn.from_keras([])
    mixed = [layers.Dense(3, dtype="float32"), layers.Dense(3, dtype="mixed_bfloat16")]
    with pytest.raises(ValueError, match="float32 or float64 alone, got bfloat16, float32"):
        pn.from_keras(built(mixed, (6,)))
