"""Residual: y = x + h f(x), its gradients, what is frozen, dropped out or refused inside it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import prelunet as pn
from gradient_checks import assert_agrees_with_the_oracle, assert_gradients_are_derivatives
from network_models import (
    ACTIVATIONS,
    activation_layer,
    dense,
    inputs,
    oracle_gradient_scales,
    oracle_loss_and_gradients,
    parameter_copies,
    roundings,
    targets,
)
from prelunet import _core
from tolerances import ORACLE_GRADIENT, assert_close_to_scale, assert_same_bits, sum_tolerance

ROWS = [1, 7, 8, 9, 257]  # about a chunk, and about a block
WIDTHS = [1, 15, 16, 17, 47, 48, 49]


def network(*stack, shape=(19,), outputs=3, dtype="float64", loss="softmax_cross_entropy"):
    """Return a compiled model of these layers and a Dense layer."""
    model = pn.Sequential([*stack, dense(outputs)], input_shape=shape, dtype=dtype, seed=6)
    model.compile(pn.SGD(0.1), loss)
    return model


def block(width, hidden=None, *, activation="prelu-channel", step=0.3):
    """Return a residual of one or of two Dense layers, each with an activation."""
    first = [dense(hidden or width), activation_layer(activation)]
    second = [dense(width, activation=activation_layer("tanh"))] if hidden else []
    return pn.Residual([*first, *second], step=step)


def nested(width):
    """Return residuals two deep."""
    inner = pn.Residual([dense(11), pn.PReLU("shared"), pn.Residual([pn.SiLU()]), dense(13)], -0.4)
    return pn.Residual([dense(13), inner, activation_layer("elu"), dense(width)], step=0.7)


# ---- gradients ---------------------------------------------------------------------------------


def assert_agrees(model, rng, rows):
    X, y = inputs(rng, rows, model.input_shape), targets(rng, rows, model.output_shape[0])
    weights = rng.uniform(0.5, 1.5, rows)
    assert_agrees_with_the_oracle(model, X, y, weights, tolerance=ORACLE_GRADIENT)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("width", WIDTHS)
def test_gradients_are_the_oracles(rng, width, rows):
    assert_agrees(network(block(width), block(width, 18), shape=(width,)), rng, rows)


def test_gradients_of_the_widest(rng):
    assert_agrees(network(dense(784), block(784), block(784)), rng, 33)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("step", [1.0, 0.1, -0.5, 0.0])
def test_gradients_of_every_activation_and_step(rng, activation, step):
    stack = [block(19, activation=activation, step=step), activation_layer(activation)]
    assert_agrees(network(*stack, pn.Residual([activation_layer(activation)], step)), rng, 30)


@pytest.mark.parametrize("rows", ROWS)
def test_gradients_of_residuals_in_residuals(rng, rows):
    assert_agrees(network(nested(19), dense(5), nested(5)), rng, rows)


@pytest.mark.parametrize("rows", [5, 530])
def test_gradients_of_images(rng, rows):
    shared = pn.Residual([pn.PReLU("shared", init=0.1), pn.Rescaling(0.5, 0.1)], step=2.0)
    model = network(shared, pn.Residual([pn.PReLU()]), pn.Flatten(), shape=(3, 4, 2))
    assert_agrees(model, rng, rows)


@pytest.mark.parametrize("width", [2, 4, 17])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "leaky_relu"])
def test_gradients_of_twenty_steps_to_a_sigmoid_with_half_squared_error(rng, activation, width):
    """Two classes told apart by a flow, all parameters drawn from N(0, 1)."""
    unit = pn.initializers.Normal(stddev=1.0)
    normal = {"weight_init": unit, "bias_init": unit}
    stack = [pn.Residual([pn.Dense(width, activation, **normal)], step=0.1) for _ in range(20)]
    output = pn.Dense(1, "sigmoid", **normal)
    model = pn.Sequential([*stack, output], input_shape=(width,), dtype="float64", seed=6)
    model.compile(pn.SGD(0.01), "half_squared_error")
    X, y = inputs(rng, 83, (width,)), rng.integers(2, size=(83, 1))
    weights = rng.uniform(0.5, 1.5, len(X))
    assert_agrees_with_the_oracle(model, X, y, weights, tolerance=ORACLE_GRADIENT)
    assert model.loss_and_gradients(X, y)[1]["0.0.weight"].any()


def test_gradients_in_float32(rng):
    model = network(block(19), nested(19), block(19, 33), dtype="float32")
    X, y = inputs(rng, 40, dtype=np.float32), targets(rng, 40, 3)
    tolerance = sum_tolerance(roundings(model, len(X)), np.float32)
    scales = oracle_gradient_scales(model, X, y)
    assert_agrees_with_the_oracle(model, X, y, None, tolerance=tolerance, scales=scales)


def test_gradients_are_derivatives(rng):
    inner = pn.Residual([dense(3), pn.PReLU("shared")], step=0.5)
    stack = [pn.Residual([dense(2, activation="silu"), dense(3), inner], step=-0.7), pn.Tanh()]
    model = network(*stack, shape=(3,))
    assert_gradients_are_derivatives(model, inputs(rng, 9, (3,)), targets(rng, 9, 3))


# ---- bits --------------------------------------------------------------------------------------


def test_the_result_is_one_scaled_sum(rng, dtype):
    X = inputs(rng, 9, dtype=dtype)
    f = pn.Sequential([dense(19, activation="tanh")], seed=1, dtype=np.dtype(dtype).name)
    model = pn.Sequential(
        [pn.Residual([dense(19, activation="tanh")], step=0.1)],
        seed=1,
        dtype=np.dtype(dtype).name,
    )
    assert_same_bits(model.predict(X), pn.ops.scaled_sum(f.predict(X), X, 0.1))


@pytest.mark.parametrize("threads", [1, 3])
def test_a_row_alone_is_predicted_as_among_others(rng, dtype, threads):
    pn.set_num_threads(threads)
    drops = pn.Residual([pn.Dropout(0.5)], step=0.5)
    model = network(block(19, 47), nested(19), drops, dtype=np.dtype(dtype).name)
    X = inputs(rng, 203)
    together = model.predict(X)
    alone = np.concatenate([model.predict(X[i : i + 1]) for i in range(len(X))])
    assert_same_bits(together, alone)
    assert model.predict(X[:0]).shape == (0, 3)


def test_training_computes_what_predict_does(rng, dtype):
    """The loss of a step is that of the predictions, though the way there is another."""
    model = network(block(19, 47), nested(19), dtype=np.dtype(dtype).name)
    X, y = inputs(rng, 100), targets(rng, 100, 3)
    evaluated = model.evaluate(X, y)["loss"]
    assert model.loss_and_gradients(X, y)[0] == evaluated


def apart(residual):
    """Return the same residual with products at neither end: sums and scales are passes then."""
    same = pn.Rescaling(1.0)
    inner = [apart(layer) if isinstance(layer, pn.Residual) else layer for layer in residual.layers]
    return pn.Residual([same, *inner, same], residual.step)


CHAINS = {
    "two of one product each": lambda width: [block(width, step=0.1), block(width, step=-0.5)],
    "two of two": lambda width: [block(width, 33), block(width, 5, step=0.0)],
    "no activation": lambda width: [pn.Residual([dense(width)], 0.3), block(width)],
    "no bias": lambda width: [
        pn.Residual([pn.Dense(width, use_bias=False)], step) for step in (0.3, 0.1)
    ],
    "an activation between": lambda width: [block(width), pn.SiLU(), block(width)],
    "products between": lambda width: [block(width), dense(width, activation="relu"), block(width)],
    "one that ends in one": lambda width: [
        pn.Residual([dense(width), block(width)], 0.7),
        pn.Residual([block(width), dense(width)], 0.2),
    ],
    "one in one": lambda width: [pn.Residual([block(width)], 0.7), block(width)],
    "a product at one end": lambda width: [
        pn.Residual([dense(width), pn.Rescaling(0.5)], 0.7),
        pn.Residual([pn.Tanh(), dense(width)], 0.2),
        block(width),
    ],
}


@pytest.mark.parametrize("clip", [None, 1e-3])
@pytest.mark.parametrize(("width", "rows"), [(1, 40), (19, 40), (65, 40), (130, 256)])
@pytest.mark.parametrize("chain", CHAINS)
def test_sums_in_products_give_the_bits_of_passes(rng, dtype, chain, width, rows, clip):
    """Also where an activation's backward pass is in the product of the step above."""
    stack = CHAINS[chain](width)
    separate = [apart(layer) if isinstance(layer, pn.Residual) else layer for layer in stack]
    first = dense(width, activation="tanh")
    X, y = inputs(rng, 2 * rows + 10, dtype=dtype), targets(rng, 2 * rows + 10, 3)
    models = [network(first, *layers, dtype=np.dtype(dtype).name) for layers in (stack, separate)]
    for model in models:
        model.compile(pn.Adam(0.01), "softmax_cross_entropy", clip_delta=clip)
        model.fit(X, y, epochs=2, batch_size=rows, verbose=0)
    together, passes = models
    assert_same_bits(together.predict(X), passes.predict(X))
    values = zip(together.parameters().values(), passes.parameters().values(), strict=True)
    for got, expected in values:
        assert_same_bits(got, expected)


@pytest.mark.parametrize(
    "stack", [[block(19, 33)], [nested(19)], [block(19), block(19), nested(19)]]
)
def test_fused_steps_inside_give_the_bits_of_plain_ones(monkeypatch, rng, dtype, stack):
    X, y = inputs(rng, 300), targets(rng, 300, 3)
    fused = network(*stack, dtype=np.dtype(dtype).name)
    engine = {"float32": _core.Engine32, "float64": _core.Engine64}[fused.dtype]
    monkeypatch.setattr("prelunet.engine.CORES", {fused.dtype: partial(engine, fuse=False)})
    plain = network(*stack, dtype=np.dtype(dtype).name)
    for model in (fused, plain):
        model.fit(X, y, epochs=2, batch_size=40)
    assert_same_bits(fused.predict(X), plain.predict(X))
    for name, values in fused.parameters().items():
        assert_same_bits(plain.parameters()[name], values, name)


# ---- dropout -----------------------------------------------------------------------------------


def test_dropout_inside(rng):
    """Layers count in the order in which they are written down, a residual before its own."""
    rate, rows, width, seed = 0.4, 30, 6, 9
    inner = pn.Residual([pn.Dropout(rate), dense(width)], step=0.5)
    stack = [dense(width), pn.Residual([dense(width, activation="tanh"), inner]), pn.Dropout(rate)]
    model = pn.Sequential([*stack, dense(3)], input_shape=(4,), dtype="float64", seed=seed)
    model.compile()
    X, y = inputs(rng, rows, (4,)), targets(rng, rows, 3)
    masks = [mask(rate, layer, rows, width, seed) for layer in (5, 7)]
    _, expected_loss, expected = oracle_loss_and_gradients(model, X, y, factors=masks)
    loss, gradients = model.loss_and_gradients(X, y)
    assert_close_to_scale(loss, expected_loss, ORACLE_GRADIENT, "loss")
    for name, gradient in gradients.items():
        assert_close_to_scale(gradient, expected[name], ORACLE_GRADIENT, name)
    without = oracle_loss_and_gradients(model, X, y)[0]
    assert_close_to_scale(model.predict(X), without, ORACLE_GRADIENT, "predict")


def mask(rate, layer, rows, units, seed):
    """Return what dropout multiplies by in the first step, by a network of nothing else."""
    place = [pn.Rescaling(1.0) for _ in range(layer)]
    alone = pn.Sequential([*place, pn.Dropout(rate), dense(1)], input_shape=(units,), seed=seed)
    alone.compile(loss="half_squared_error")
    factors = np.empty((rows, units))
    for row in range(rows):  # grad of the weight: the row's sum of products, all but one of them 0
        X = np.zeros((rows, units))
        X[row] = 1.0
        kept = alone.loss_and_gradients(X, np.zeros(rows))[1][f"{layer + 1}.weight"]
        factors[row] = np.where(kept[0] != 0, 1 / (1 - rate), 0.0)
    return factors


# ---- parameters --------------------------------------------------------------------------------


def test_names_draws_and_first_values_are_those_of_the_layers_in_a_row():
    layers = [pn.Dense(4, "prelu"), pn.Dense(5, name="out")]
    plain = pn.Sequential([pn.Dense(5), *layers, pn.Dense(2)], input_shape=(3,), seed=2)
    model = pn.Sequential([pn.Dense(5), pn.Residual(layers), pn.Dense(2)], input_shape=(3,), seed=2)
    assert list(model.parameters()) == [
        *("0.weight", "0.bias", "1.0.weight", "1.0.bias", "1.0.alpha"),
        *("1.out.weight", "1.out.bias", "2.weight", "2.bias"),
    ]
    values = zip(model.parameters().values(), plain.parameters().values(), strict=True)
    for got, expected in values:
        assert_same_bits(got, expected)


def test_parameters_inside_are_written(rng):
    model = network(pn.Residual([dense(19)], step=0.5, name="block"))
    X = inputs(rng, 4)
    zeros = {"block.0.weight": np.zeros((19, 19)), "block.0.bias": np.ones(19)}
    model.set_parameters(zeros)
    assert (model.parameters()["block.0.bias"] == 1).all()
    last = model.parameters()
    expected = (X + 0.5) @ last["1.weight"].T + last["1.bias"]
    assert_close_to_scale(model.predict(X), expected, sum_tolerance(30, np.float64))


def stack_with(**options):
    """Return a stack in which one residual holds another, with frozen parts as told."""
    inner = pn.Residual([dense(19)], trainable=options.get("inner", True))
    outer = [dense(19, trainable=options.get("first", True)), pn.PReLU(), inner]
    before = dense(19, trainable=options.get("before", True))
    return [before, pn.Residual(outer, trainable=options.get("outer", True))]


BEFORE = {"0.weight", "0.bias"}
FIRST = {"1.0.weight", "1.0.bias"}
ALPHA = {"1.1.alpha"}
INNER = {"1.2.0.weight", "1.2.0.bias"}
LAST = {"2.weight", "2.bias"}


@pytest.mark.parametrize(
    ("frozen", "stays"),
    [
        ({"outer": False}, FIRST | ALPHA | INNER),
        ({"inner": False}, INNER),
        ({"before": False, "first": False}, BEFORE | FIRST),
        ({"before": False, "outer": False}, BEFORE | FIRST | ALPHA | INNER),
    ],
)
def test_what_is_frozen_stays(rng, frozen, stays):
    every = BEFORE | FIRST | ALPHA | INNER | LAST
    model, free = network(*stack_with(**frozen)), network(*stack_with())
    X, y = inputs(rng, 300), targets(rng, 300, 3)
    _, gradients = model.loss_and_gradients(X, y)
    _, expected = free.loss_and_gradients(X, y)
    assert set(gradients) == every - stays
    for name, gradient in gradients.items():  # whatever needs no backward pass
        assert_same_bits(gradient, expected[name], name)
    before = parameter_copies(model)
    model.fit(X, y)
    moved = {n for n, values in model.parameters().items() if (values != before[n]).any()}
    assert moved == every - stays


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stack", "says"),
    [
        ([pn.Residual([dense(5)])], r"layer 0 \(Residual\): .*input, \(19,\), got \(5,\)"),
        ([pn.Residual([dense(5, activation="relu")])], r"layer 0 \(Residual\): .*, got \(5,\)"),
        (
            [pn.Dense(7, "relu"), pn.Residual([pn.Residual([dense(5)])], name="block")],
            r"layer block\.0 \(Residual\): .*input, \(7,\), got \(5,\)",
        ),
    ],
)
def test_shapes_that_do_not_agree_are_refused(stack, says):
    with pytest.raises(ValueError, match=says):
        network(*stack)


def test_shapes_of_images_that_do_not_agree_are_refused(rng):
    model = pn.Sequential([pn.Residual([pn.Flatten(), pn.Tanh()])])
    message = r"layer 0 \(Residual\): layers must give .*, \(2,3\), got \(6,\)"
    with pytest.raises(ValueError, match=message):
        model.predict(rng.standard_normal((4, 2, 3)))
    assert model.input_shape is None
    with pytest.raises(ValueError, match=r"layer 0\.1 \(Dense\): .*put Flatten before it"):
        pn.Sequential([pn.Residual([pn.Tanh(), pn.Dense(3)])], input_shape=(2, 3))
