"""Networks of Conv2D and MaxPool2D: gradients, bits, shapes, and what is refused."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import prelunet as pn
from gradient_checks import assert_agrees_with_the_oracle, assert_gradients_are_derivatives
from network_models import (
    ACTIVATIONS,
    activation_layer,
    conv2d,
    dense,
    inputs,
    oracle_gradient_scales,
    roundings,
    targets,
)
from prelunet import _core
from reference.window2d import places
from tolerances import ORACLE_GRADIENT, assert_same_bits, sum_tolerance

PADDINGS = ("valid", "same")


def network(*stack, shape, outputs=3, dtype="float64", loss="softmax_cross_entropy"):
    """Return a compiled model of these layers, Flatten and a Dense layer."""
    layers = [*stack, pn.Flatten(), dense(outputs)]
    model = pn.Sequential(layers, input_shape=shape, dtype=dtype, seed=6)
    model.compile(pn.SGD(0.1), loss)
    return model


def small_cnn(activation="prelu-channel", **options):
    """Return the seed's kind of network, small, for images of 12 x 11 x 2."""
    return network(
        *(conv2d(7, 5, padding="same"), activation_layer(activation), pn.MaxPool2D(2)),
        *(conv2d(9, 3, padding="same"), activation_layer(activation), pn.MaxPool2D(3, 2, "same")),
        *(pn.Flatten(), dense(21), activation_layer(activation)),
        shape=(12, 11, 2),
        **options,
    )


# ---- gradients ---------------------------------------------------------------------------------


def assert_agrees(model, rng, rows):
    X, y = inputs(rng, rows, model.input_shape), targets(rng, rows, model.output_shape[0])
    weights = rng.uniform(0.5, 1.5, rows)
    assert_agrees_with_the_oracle(model, X, y, weights, tolerance=ORACLE_GRADIENT)


@pytest.mark.parametrize("rows", [1, 7, 8, 30, 259])
def test_gradients_are_the_oracles(rng, rows):
    assert_agrees(small_cnn(), rng, rows)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_of_every_activation(rng, activation):
    assert_agrees(small_cnn(activation), rng, 11)


def random_stack(rng, size):
    """Return two or three layers whose windows fit an image of that size, some with PReLU."""
    stack = []
    for _ in range(rng.integers(2, 4)):
        kernel = tuple(int(n) for n in rng.integers(1, 6, 2))
        stride = tuple(int(n) for n in rng.integers(1, 4, 2))
        padding = PADDINGS[rng.integers(2)]
        if padding == "valid":
            kernel = tuple(min(k, s) for k, s in zip(kernel, size, strict=True))
        if rng.random() < 0.3:
            stack.append(pn.MaxPool2D(kernel, stride, padding))
        else:
            options = {"stride": stride, "padding": padding, "use_bias": bool(rng.integers(2))}
            stack.append(conv2d(int(rng.integers(1, 20)), kernel, **options))
        walks = zip(size, kernel, stride, strict=True)
        size = tuple(places(*walk, padding)[0] for walk in walks)
        if rng.random() < 0.5:
            stack.append(activation_layer("prelu-channel"))
    return stack


@pytest.mark.parametrize("trial", range(40))
def test_gradients_of_random_networks(trial):
    rng = np.random.default_rng(trial)
    size = tuple(int(n) for n in rng.integers(1, 18, 2))
    stack = random_stack(rng, size)
    model = network(*stack, shape=(*size, int(rng.integers(1, 6))))
    assert_agrees(model, rng, int(rng.integers(1, 20)))


def test_gradients_in_float32(rng):
    model = small_cnn(dtype="float32")
    X, y = inputs(rng, 20, model.input_shape, np.float32), targets(rng, 20, 3)
    tolerance = sum_tolerance(roundings(model, len(X)) + 12 * 11 * len(X), np.float32)
    scales = oracle_gradient_scales(model, X, y)
    assert_agrees_with_the_oracle(model, X, y, None, tolerance=tolerance, scales=scales)


@pytest.mark.parametrize("padding", PADDINGS)
def test_gradients_are_derivatives(rng, padding):
    stack = [
        *(conv2d(3, (3, 2), padding=padding), activation_layer("silu")),
        *(conv2d(2, 2, stride=2, padding=padding), pn.Tanh()),
    ]
    model = network(*stack, shape=(5, 6, 2))
    assert_gradients_are_derivatives(model, inputs(rng, 9, (5, 6, 2)), targets(rng, 9, 3))


def test_a_residual_of_convolutions(rng):
    inner = [conv2d(4, 3, padding="same"), pn.PReLU(), conv2d(4, 1), pn.Tanh()]
    model = network(pn.Residual(inner, step=0.3), pn.MaxPool2D(2), shape=(6, 5, 4))
    assert_agrees(model, rng, 19)


# ---- bits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 3])
def test_an_image_alone_is_predicted_as_among_others(rng, dtype, threads):
    pn.set_num_threads(threads)
    model = small_cnn(dtype=np.dtype(dtype).name)
    X = inputs(rng, 75, model.input_shape)
    together = model.predict(X)
    alone = np.concatenate([model.predict(X[i : i + 1]) for i in range(len(X))])
    assert_same_bits(together, alone)
    assert model.predict(X[:0]).shape == (0, 3)


def test_training_computes_what_predict_does(rng, dtype):
    model = small_cnn(dtype=np.dtype(dtype).name)
    X, y = inputs(rng, 100, model.input_shape), targets(rng, 100, 3)
    evaluated = model.evaluate(X, y)["loss"]
    assert model.loss_and_gradients(X, y)[0] == evaluated


@pytest.mark.parametrize("activation", ["prelu-channel", "prelu-shared", "relu"])
def test_fused_steps_give_the_bits_of_plain_ones(monkeypatch, rng, dtype, activation):
    name = np.dtype(dtype).name
    fused = small_cnn(activation, dtype=name)
    X, y = inputs(rng, 90, fused.input_shape), targets(rng, 90, 3)
    engine = {"float32": _core.Engine32, "float64": _core.Engine64}[name]
    monkeypatch.setattr("prelunet.engine.CORES", {name: partial(engine, fuse=False)})
    plain = small_cnn(activation, dtype=name)
    for model in (fused, plain):
        model.fit(X, y, epochs=2, batch_size=40)
    assert_same_bits(fused.predict(X), plain.predict(X))
    for key, values in fused.parameters().items():
        assert_same_bits(plain.parameters()[key], values, key)


def test_a_large_batch_has_the_bits_of_its_blocks(rng, dtype):
    """A batch past the block of rows is one chain all the same: its gradients are those of one."""
    model = small_cnn(dtype=np.dtype(dtype).name)
    X, y = inputs(rng, 300, model.input_shape), targets(rng, 300, 3)
    frozen = np.zeros(300)
    frozen[:256] = 1.0  # the rows of the second block count nothing
    _, whole = model.loss_and_gradients(X, y, sample_weight=frozen)
    _, first = model.loss_and_gradients(X[:256], y[:256])
    for name, gradient in first.items():
        assert_same_bits(whole[name], gradient, name)


# ---- parameters --------------------------------------------------------------------------------


def test_shapes_and_names():
    model = pn.Sequential(
        [
            pn.Conv2D(4, (3, 2), activation=pn.PReLU("channel"), name="first"),
            *(pn.MaxPool2D(2), pn.Conv2D(5, 1, use_bias=False), pn.Flatten(), pn.Dense(2)),
        ],
        input_shape=(9, 8, 3),
    )
    shapes = {name: values.shape for name, values in model.parameters().items()}
    assert shapes == {
        "first.weight": (4, 3, 2, 3),
        "first.bias": (4,),
        "first.alpha": (4,),
        "2.weight": (5, 1, 1, 4),
        "4.weight": (2, 3 * 3 * 5),
        "4.bias": (2,),
    }


def test_first_values_have_the_fans_of_a_window():
    """Glorot's limit is sqrt(6 / (fan_in + fan_out)), fans counted over the window's pixels."""
    model = pn.Sequential([pn.Conv2D(64, 5), pn.Flatten()], input_shape=(8, 8, 32), seed=1)
    weight = model.parameters()["0.weight"]
    limit = np.sqrt(6 / (25 * 32 + 25 * 64))
    assert 0.99 * limit < abs(weight).max() <= limit


def test_what_is_frozen_stays(rng):
    stack = [conv2d(4, 3, trainable=False), pn.PReLU(), conv2d(5, 2, activation="prelu")]
    model = network(*stack, shape=(7, 7, 2))
    before = {name: values.copy() for name, values in model.parameters().items()}
    X, y = inputs(rng, 60, (7, 7, 2)), targets(rng, 60, 3)
    model.fit(X, y)
    moved = {n for n, values in model.parameters().items() if (values != before[n]).any()}
    assert moved == {"1.alpha", "2.weight", "2.bias", "2.alpha", "4.weight", "4.bias"}


def test_saves_and_loads(rng, tmp_path):
    model = small_cnn()
    X, y = inputs(rng, 40, model.input_shape), targets(rng, 40, 3)
    model.fit(X, y)
    model.save(tmp_path / "m.npz")
    loaded = pn.load(tmp_path / "m.npz")
    assert_same_bits(loaded.predict(X), model.predict(X))
    assert loaded.layers == model.layers
    for one in (model, loaded):
        one.fit(X, y)
    assert_same_bits(loaded.predict(X), model.predict(X))


def test_images_as_bytes_train_as_floats_do(rng):
    X = rng.integers(256, size=(70, 9, 9, 1)).astype(np.uint8)
    y = targets(rng, 70, 3)
    results = []
    for data in (X, X.astype(np.float32)):
        model = network(pn.Rescaling(1 / 255), conv2d(4, 3), shape=(9, 9, 1), dtype="float32")
        model.fit(data, y, epochs=2, batch_size=16)
        results.append(model.predict(X))
    assert_same_bits(*results)


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape", "says"),
    [
        (
            pn.Conv2D(3, 3),
            (9,),
            r"layer 0 \(Conv2D\): input must have shape \(height, width, channels\), got \(9,\)",
        ),
        (pn.MaxPool2D(2), (9, 8), r"layer 0 \(MaxPool2D\): input must have shape .*, got \(9,8\)"),
        (
            pn.Conv2D(3, (5, 2), name="a"),
            (4, 9, 1),
            r"layer a \(Conv2D\): input must have at least 5 rows and 2 columns, got \(4,9,1\)",
        ),
        (pn.MaxPool2D(4), (9, 3, 1), r"at least 4 rows and 4 columns, got \(9,3,1\); padding="),
    ],
)
def test_images_that_do_not_fit_are_refused(layer, shape, says):
    with pytest.raises(ValueError, match=says):
        pn.Sequential([layer, pn.Flatten()], input_shape=shape)


def test_outputs_of_several_axes_are_refused():
    with pytest.raises(ValueError, match="add Flatten"):
        pn.Sequential([pn.Conv2D(3, 3)], input_shape=(5, 5, 1))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"filters": 0}, "filters must be an integer >= 1, got 0"),
        ({"kernel_size": (3, 0)}, "kernel_size must be an integer >= 1, got 0"),
        ({"kernel_size": (3, 3, 3)}, "kernel_size must be an integer or two of them, got"),
        ({"stride": 0}, "stride must be an integer >= 1, got 0"),
        ({"padding": "full"}, "padding must be one of 'valid', 'same', got 'full'"),
    ],
)
def test_bad_configuration_is_refused(arguments, says):
    with pytest.raises(ValueError, match=f"Conv2D: {says}"):
        pn.Conv2D(**{"filters": 3, "kernel_size": 3} | arguments)


def test_bad_configuration_of_pooling_is_refused():
    with pytest.raises(TypeError, match=r"MaxPool2D: size must be an integer >= 1, got 2\.5"):
        pn.MaxPool2D(2.5)
    with pytest.raises(ValueError, match="MaxPool2D: padding must be one of"):
        pn.MaxPool2D(2, padding="Same")


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (pn.Conv2D(2**40, 1), (4, 4, 1)),
        (pn.Conv2D(2, (2**61, 1), padding="same"), (4, 4, 1)),
        (pn.Conv2D(2, 1), (2**29, 2**29, 1)),
    ],
)
def test_sizes_that_no_machine_has_are_refused_before_tables_are_made(layer, shape):
    with pytest.raises((MemoryError, ValueError)):
        pn.Sequential([layer, pn.Flatten()], input_shape=shape)


def test_strides_far_past_the_image(rng):
    """Pixels between the windows are in no sum, and their number does not count."""
    model = network(conv2d(3, 2, stride=2**40), shape=(300, 300, 1))
    assert_agrees(model, rng, 3)
    x = inputs(rng, 2, (300, 300, 1))
    weight = rng.standard_normal((4, 2, 2, 1))
    grad_out = rng.standard_normal((2, 1, 1, 4))
    grad_x, _, _ = pn.ops.conv2d_backward(grad_out, x, weight, stride=2**40)
    assert np.count_nonzero(grad_x) == 2 * 4
