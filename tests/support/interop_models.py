"""Networks of every layer, for the tests of what other libraries make of them."""

from __future__ import annotations

import numpy as np

import prelunet as pn
from network_models import ACTIVATIONS, activation_layer, conv2d, dense
from prelunet.layers.stacking import all_layers
from tolerances import PORTED_OUTPUTS, assert_close_to_scale

FEATURES, IMAGE = (6,), (9, 8, 3)


def _of_features(*layers):
    return FEATURES, lambda: [dense(6), *(make() for make in layers), dense(4)]


def _of_images(*layers):
    return IMAGE, lambda: [*(make() for make in layers), pn.Flatten(), dense(4)]


def _activation(name):
    return lambda: activation_layer(name)


def _layer_norm(axes=-1):
    normal = pn.initializers.Normal(stddev=0.5)
    return lambda: pn.LayerNorm(axes, gamma_init=normal, beta_init=normal)


def _columns():
    """Return layers that read codes, some columns twice, and pass the others."""
    branches = [
        ("codes", [pn.Embedding(4, 3), pn.Scale(pn.initializers.Normal(stddev=0.5))], [0, 5]),
        ("deep", [dense(5, activation="silu"), pn.Residual([dense(5)])], slice(1, 4)),
        ("one", [pn.Rescaling(0.5, 1.0)], 2),
    ]
    return [pn.Columns(branches, remainder="passthrough"), pn.Parametric("tanh", init=0.75)]


STACKS = {
    "dense": _of_features(lambda: dense(5, use_bias=False)),
    "dense with an activation": _of_features(lambda: dense(5, activation=pn.PReLU())),
    "dropout": _of_features(lambda: pn.Dropout(0.5)),
    "rescaling": _of_features(lambda: pn.Rescaling(0.3, -0.7)),
    "factor": _of_features(lambda: pn.Rescaling(0.3)),
    "residual": _of_features(lambda: pn.Residual([dense(6, activation="prelu")])),
    "nested residuals": _of_features(
        lambda: pn.Residual(
            [dense(6), pn.Residual([pn.Rescaling(0.5), dense(6, activation="silu")], step=0.2)],
            step=-0.5,
        ),
        lambda: pn.Residual([pn.Rescaling(0.5)]),
        lambda: pn.Residual([pn.GELU()]),
    ),
    **{name: _of_features(_activation(name)) for name in ACTIVATIONS},
    "parametric": _of_features(_activation("parametric-selu"), _activation("parametric-mish")),
    "parametric of channels": _of_images(
        _activation("parametric-elu"), lambda: conv2d(5, 3), _activation("parametric-tanh")
    ),
    "embedding": (FEATURES, lambda: [pn.Embedding(4, 3), dense(5)]),
    "columns": (FEATURES, lambda: [*_columns(), activation_layer("silu"), dense(3)]),
    "columns in columns": (
        FEATURES,
        lambda: [pn.Columns([("a", _columns(), [5, 4, 3, 2, 1, 0]), ("b", [], 0)]), dense(3)],
    ),
    "clip": _of_features(lambda: pn.Clip(-0.25, 0.5)),
    "scale": _of_features(lambda: pn.Scale(pn.initializers.Normal(stddev=0.5))),
    "scale of channels": _of_images(
        lambda: pn.Scale(pn.initializers.Normal(stddev=0.5)),
        lambda: conv2d(5, 3),
        lambda: pn.Scale(pn.initializers.Normal(stddev=0.5)),
    ),
    "layer_norm": _of_features(_layer_norm()),
    "layer_norm, no parameters": _of_features(
        lambda: pn.LayerNorm(epsilon=0.25, center=False, scale=False)
    ),
    "layer_norm of channels": _of_images(_layer_norm(), lambda: conv2d(5, 3), _layer_norm()),
    "layer_norm of images": _of_images(lambda: conv2d(5, 3), _layer_norm((-3, -2, -1))),
    "layer_norm of two axes": ((3, 4), lambda: [_layer_norm((-2, -1))(), pn.Flatten(), dense(2)]),
    "one flat output": (FEATURES, lambda: [pn.Tanh()]),
    "nothing but dropout": (FEATURES, lambda: [pn.Dropout(0.5)]),
    "flatten": (IMAGE, lambda: [pn.Flatten(), dense(4)]),
    "two axes": ((3, 4), lambda: [activation_layer("prelu-channel"), pn.Flatten(), dense(2)]),
    "conv2d": _of_images(lambda: conv2d(5, 3)),
    "conv2d, same": _of_images(lambda: conv2d(5, (2, 5), padding="same", use_bias=False)),
    "conv2d, strides": _of_images(lambda: conv2d(5, 4, stride=(3, 2), padding="same")),
    "conv2d, one channel": _of_images(lambda: conv2d(1, 3)),
    "conv2d, one pixel": _of_images(lambda: conv2d(5, (9, 8))),
    "max_pool2d": _of_images(lambda: pn.MaxPool2D(2)),
    "max_pool2d, same": _of_images(lambda: pn.MaxPool2D((3, 5), stride=2, padding="same")),
    "images throughout": _of_images(
        lambda: pn.Rescaling(2.0, 0.1),
        lambda: activation_layer("prelu-channel"),
        lambda: conv2d(4, 3, activation=activation_layer("prelu-channel")),
        lambda: pn.Residual(
            [activation_layer("prelu-shared"), conv2d(4, 3, padding="same"), pn.Dropout(0.2)]
        ),
        lambda: pn.MaxPool2D(2, 1, "same"),
        lambda: activation_layer("prelu-shared"),
    ),
    "a convolution inside alone": _of_images(
        lambda: pn.Residual([conv2d(3, 3, padding="same")], step=0.5),
        lambda: activation_layer("prelu-channel"),
    ),
}


def network(name, dtype="float32", seed=3):
    """Return a model of `STACKS`."""
    shape, make = STACKS[name]
    return pn.Sequential(make(), input_shape=shape, dtype=np.dtype(dtype).name, seed=seed)


# Of random networks: a fixed list, so that a new activation does not change the networks drawn.
DRAWN = ["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"]
DRAWN += ["prelu-channel", "prelu-shared"]


def random_network(rng, dtype="float32"):
    """Return a network of some layers drawn at random: convolutions, then Dense layers."""
    layers, shape = [], FEATURES
    if rng.random() < 0.6:
        shape = tuple(int(n) for n in rng.integers([5, 5, 1], [12, 12, 4]))
        layers = [pn.Rescaling(rng.uniform(0.5, 2), rng.uniform(-1, 1)), *_image_layers(rng)]
        layers.append(pn.Flatten())
    for _ in range(rng.integers(1, 4)):
        layers += [dense(int(rng.integers(2, 30))), _some_activation(rng), pn.Dropout(0.1)]
        if rng.random() < 0.5:
            units = layers[-3].units
            layers.append(pn.Residual([dense(units), _some_activation(rng)], rng.uniform(-1, 1)))
    layers.append(dense(int(rng.integers(1, 6))))
    seed = int(rng.integers(1000))
    return pn.Sequential(layers, input_shape=shape, dtype=np.dtype(dtype).name, seed=seed)


def _image_layers(rng):
    for _ in range(rng.integers(1, 3)):
        padding = str(rng.choice(["valid", "same"]))
        filters, size, stride = (int(n) for n in rng.integers([1, 1, 1], [8, 4, 3]))
        yield conv2d(filters, size, stride=stride, padding=padding)
        yield _some_activation(rng)
        yield pn.Residual([conv2d(filters, size, padding="same"), _some_activation(rng)])
        yield pn.MaxPool2D(2, int(rng.integers(1, 3)), "same")


def _some_activation(rng):
    return activation_layer(str(rng.choice(DRAWN)))


def samples(rng, model, rows=7):
    """Return rows that a model takes; all are codes if any are."""
    if any(isinstance(layer, pn.Embedding) for _, layer in all_layers(model.layers)):
        return rng.integers(4, size=(rows, *model.input_shape)).astype(model.dtype)
    return rng.standard_normal((rows, *model.input_shape)).astype(model.dtype)


def assert_ported(actual, expected, label=""):
    """Assert that another library's outputs are ours, as far as the project promises it."""
    assert actual.dtype == expected.dtype
    assert_close_to_scale(actual, expected, PORTED_OUTPUTS[expected.dtype], label)
