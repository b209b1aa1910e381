"""Losses and loops of one's own: vjp, apply_gradients, copy_from."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

import prelunet as pn
from network_models import conv2d, dense, inputs, labelled, mlp, parameter_copies
from tolerances import (
    ORACLE_GRADIENT,
    assert_close_to_scale,
    assert_same_bits,
    assert_within,
    sum_tolerance,
)


def softmax_gradient(outputs, y):
    """Return the gradient of the mean cross-entropy by the logits."""
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    gradient = exponentials / exponentials.sum(axis=1, keepdims=True)
    gradient[np.arange(len(y)), y] -= 1
    return gradient / len(y)


# ---- vjp ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 8, 300])
def test_a_loss_of_ones_own_has_the_gradients_of_the_engines(rng, rows):
    model = mlp()
    X, y = labelled(rng, rows)
    outputs, backward = model.vjp(X)
    assert_same_bits(outputs, model.predict(X))
    _, gradients = backward(softmax_gradient(outputs, y))
    _, expected = model.loss_and_gradients(X, y)
    assert list(gradients) == list(expected)
    for name, gradient in gradients.items():
        assert_close_to_scale(gradient, expected[name], ORACLE_GRADIENT, name)


def test_grad_x_is_the_jacobians_product(rng):
    stack = [conv2d(3, 3, activation="tanh"), pn.Flatten(), dense(6), pn.Sigmoid(), dense(2)]
    model = pn.Sequential(stack, input_shape=(5, 5, 2), dtype="float64", seed=0)
    X, v = inputs(rng, 3, (5, 5, 2)), rng.standard_normal((3, 2))
    _, backward = model.vjp(X)
    grad_x, _ = backward(v)
    assert grad_x.shape == X.shape
    step = np.finfo(np.float64).eps ** (1 / 3)
    for place in [(0, 0, 0, 0), (1, 4, 2, 1), (2, 3, 3, 0)]:
        up, down = X.copy(), X.copy()
        up[place] += step
        down[place] -= step
        slope = ((model.predict(up) - model.predict(down)) * v).sum() / (up[place] - down[place])
        assert_close_to_scale(grad_x[place], slope, sum_tolerance(64, np.float32))


def test_layers_with_nothing_to_learn_pass_gradients_on(rng):
    model = pn.Sequential([pn.Rescaling(3.0), pn.Tanh()], input_shape=(4,), dtype="float64")
    X = inputs(rng, 5, (4,))
    outputs, backward = model.vjp(X)
    grad_x, gradients = backward(np.ones((5, 4)))
    assert gradients == {}
    assert_within(grad_x, 3 * (1 - outputs**2), sum_tolerance(8, np.float64) * 3)


def test_frozen_layers_have_no_gradients(rng):
    model = pn.Sequential([dense(4, trainable=False), dense(2)], input_shape=(3,))
    _, backward = model.vjp(inputs(rng, 2, (3,)))
    assert list(backward(np.ones((2, 2)))[1]) == ["1.weight", "1.bias"]


def test_backward_may_be_called_again_until_parameters_change(rng):
    model = mlp()
    X, _ = labelled(rng, 9)
    outputs, backward = model.vjp(X)
    X += 1  # the rows were read
    grad_outputs = rng.standard_normal(outputs.shape)
    (first_x, first), (second_x, second) = backward(grad_outputs), backward(grad_outputs)
    assert_same_bits(first_x, second_x)
    for name, gradient in first.items():
        assert_same_bits(gradient, second[name])
    for change in (
        lambda: model.set_parameters({"4.bias": np.zeros(5)}),
        lambda: model.apply_gradients(first),
        lambda: model.train_on_batch(*labelled(rng, 4)),
    ):
        _, backward = model.vjp(X)
        change()
        with pytest.raises(RuntimeError, match="backward: parameters have changed"):
            backward(grad_outputs)


def test_dropout_acts_where_asked_for(rng):
    model = pn.Sequential([pn.Dropout(0.5), dense(3)], input_shape=(40,), seed=1)
    model.compile("sgd", "mean_squared_error")
    X = inputs(rng, 6, (40,), np.float32)
    assert_same_bits(model.vjp(X)[0], model.predict(X))
    outputs, backward = model.vjp(X, training=True)
    grad_x, gradients = backward(outputs * 2 / outputs.size)
    assert ((grad_x == 0) == (np.abs(model.trace(X, np.zeros((6, 3)))["0.a"]) == 0)).all()
    _, expected = model.loss_and_gradients(X, np.zeros((6, 3)))
    for name, gradient in gradients.items():
        bound = sum_tolerance(6 + 40, np.float32)
        assert_close_to_scale(gradient, expected[name], bound, name)


def test_any_real_dtype_and_layout_goes_in(rng):
    model = mlp(dtype="float32")
    X = rng.integers(5, size=(19, 7)).astype(np.uint8)
    outputs, backward = model.vjp(X.T)
    assert_same_bits(outputs, model.predict(X.T.astype(np.float32)))
    grad_x, _ = backward(np.asfortranarray(np.ones((7, 5), np.int16)))
    assert_same_bits(grad_x, backward(np.ones((7, 5)))[0])


def test_bad_input_of_vjp_is_refused(rng):
    model = mlp()
    with pytest.raises(ValueError, match=r"vjp: X must have shape \(n, 19\)"):
        model.vjp(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="vjp: X must have at least one row"):
        model.vjp(np.zeros((0, 19)))
    with pytest.raises(TypeError, match="vjp: training must be"):
        model.vjp(np.zeros((2, 19)), training="yes")
    _, backward = model.vjp(np.zeros((2, 19)))
    with pytest.raises(ValueError, match=r"backward: grad_outputs must have shape \(n, 5\)"):
        backward(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="backward: grad_outputs must have 2 rows, got 3"):
        backward(np.zeros((3, 5)))


# ---- apply_gradients ---------------------------------------------------------------------------

OPTIMIZERS = {
    "sgd": pn.SGD(0.1),
    "nesterov": pn.SGD(0.1, momentum=0.9, nesterov=True, l2=0.01),
    "adamw": pn.AdamW(pn.schedules.CosineDecay(0.01, 5)),
    "clips": pn.Adam(0.01, clip_norm=0.1, clip_value=0.02),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_of_ones_own_are_the_engines(rng, optimizer, dtype):
    ours, engine = (mlp(optimizer=optimizer, dtype=dtype) for _ in range(2))
    for _ in range(4):
        X, y = labelled(rng, 30)
        engine.train_on_batch(X, y)
        ours.apply_gradients(ours.loss_and_gradients(X, y)[1])
        for name, values in engine.parameters().items():
            assert_same_bits(ours.parameters()[name], values, name)
        assert_same_bits(ours.predict(X), engine.predict(X))  # the panels were renewed
    assert ours.steps_trained == engine.steps_trained == 4


def test_bad_gradients_change_nothing(rng):
    model = mlp()
    X, y = labelled(rng, 5)
    _, good = model.loss_and_gradients(X, y)
    before = parameter_copies(model)
    some = dict(list(good.items())[1:])
    for bad, error, message in (
        (some, ValueError, "apply_gradients: gradients must hold '0.weight', which is missing"),
        (good | {"9.bias": 1.0}, ValueError, "apply_gradients: gradients must be among 0.weight"),
        (good | {"4.bias": [1.0]}, ValueError, r"4.bias must have shape \(5,\), got \(1,\)"),
        (good | {"4.bias": ["x"] * 5}, TypeError, "4.bias must hold real numbers"),
        (list(good), TypeError, "apply_gradients: gradients must be a mapping"),
    ):
        with pytest.raises(error, match=message):
            model.apply_gradients(bad)
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name])
    assert model.steps_trained == 0
    with pytest.raises(RuntimeError, match="apply_gradients: compile the model first"):
        pn.Sequential([dense(2)], input_shape=(3,)).apply_gradients({})


def test_gradients_that_are_not_finite_are_refused_on_request(rng):
    model = mlp()
    gradients = model.loss_and_gradients(*labelled(rng, 5))[1]
    before = parameter_copies(model)
    for value in (np.nan, np.inf):
        bad = gradients | {"2.bias": np.full_like(gradients["2.bias"], value)}
        with pytest.raises(ValueError, match=r"gradients must be finite, got .* in 2\.bias"):
            model.apply_gradients(bad, finite=True)
    huge = {name: np.full_like(values, 1e200) for name, values in gradients.items()}
    with pytest.raises(ValueError, match="must be finite, got a norm that overflows"):
        model.apply_gradients(huge, finite=True)
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name])
    assert model.steps_trained == 0
    norm = model.apply_gradients(gradients, finite=True)
    assert model.steps_trained == 1
    expected = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients.values()))
    elements = sum(g.size for g in gradients.values())
    assert_close_to_scale(norm, expected, sum_tolerance(elements, np.float64))


def test_gradients_by_inputs_alone(rng):
    model = mlp()
    outputs, backward = model.vjp(inputs(rng, 7))
    grad_outputs = rng.standard_normal(outputs.shape)
    grad_x, gradients = backward(grad_outputs)
    alone = backward(grad_outputs, parameters=False)
    assert_same_bits(alone[0], grad_x)
    assert alone[1] == {}
    for name, values in backward(grad_outputs)[1].items():
        assert_same_bits(values, gradients[name], name)
    with pytest.raises(TypeError, match="backward: parameters must be True or False, got 0"):
        backward(grad_outputs, parameters=0)


def test_frozen_parameters_take_no_gradient(rng):
    model = pn.Sequential([dense(4, trainable=False), dense(2)], input_shape=(3,), seed=0)
    model.compile(pn.SGD(1.0), "mean_squared_error")
    _, backward = model.vjp(inputs(rng, 2, (3,)))
    gradients = backward(np.ones((2, 2)))[1]
    before = parameter_copies(model)
    model.apply_gradients(gradients)
    assert_same_bits(model.parameters()["0.weight"], before["0.weight"])
    moved = before["1.bias"] - model.parameters()["1.bias"]
    assert_close_to_scale(moved, gradients["1.bias"], sum_tolerance(2, np.float32))
    with pytest.raises(ValueError, match=r"gradients must be among 1\.weight, 1\.bias, got"):
        model.apply_gradients(gradients | {"0.bias": np.zeros(4)})


# ---- copy_from ---------------------------------------------------------------------------------


@pytest.mark.parametrize("theirs", ["float32", "float64"])
def test_parameters_follow_another_models(rng, theirs):
    target, online = mlp(seed=1, dtype="float32"), mlp(seed=2, dtype=theirs)
    before = parameter_copies(target)
    target.copy_from(online, tau=0.25)
    for name, values in target.parameters().items():
        own, other = before[name].astype(np.float64), online.parameters()[name]
        expected = own + 0.25 * (other - own)
        eps = np.finfo(np.float32).eps  # of the difference and of the result
        assert np.all(abs(values - expected) <= eps * (abs(expected) + abs(other - own))), name
    X = inputs(rng, 4)
    assert_same_bits(target.predict(X), target.trace(X)["4.a"])
    target.copy_from(online)
    for name, values in target.parameters().items():
        assert_same_bits(values, online.parameters()[name].astype(np.float32))
    assert_same_bits(target.predict(X), target.trace(X)["4.a"])
    target.copy_from(mlp(seed=3), tau=0.0)
    for name, values in target.parameters().items():
        assert_same_bits(values, online.parameters()[name].astype(np.float32))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("widths", [(1,), (255, 3), (256, 1), (257, 40)])
def test_a_soft_update_leaves_equal_parameters_as_they_are(widths, dtype):
    models = [
        pn.Sequential([dense(w) for w in widths], input_shape=(2,), dtype=dtype, seed=seed)
        for seed in (1, 2)
    ]
    models[0].copy_from(models[1])
    expected = parameter_copies(models[1])
    for tau in (0.005, 0.3):
        models[0].copy_from(models[1], tau)
    models[0].copy_from(models[0], 0.5)
    for name, values in models[0].parameters().items():
        assert_same_bits(values, expected[name], name)


def test_bad_arguments_of_copy_from_are_refused():
    model = mlp()
    with pytest.raises(TypeError, match="copy_from: other must be a Sequential, got 1"):
        model.copy_from(1)
    with pytest.raises(ValueError, match="copy_from: tau must be"):
        model.copy_from(mlp(), tau=1.5)
    with pytest.raises(ValueError, match="copy_from: other must have parameters of the same"):
        model.copy_from(mlp(widths=(33, 17, 5)))


def test_backward_goes_on_in_the_child_of_a_fork(rng):
    pn.set_num_threads(2)
    model = pn.Sequential([dense(300), pn.ReLU(), dense(10)], input_shape=(300,), seed=0)
    outputs, backward = model.vjp(inputs(rng, 256, (300,)))
    child = os.fork()
    if child == 0:
        backward(outputs)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_a_refused_batch_leaves_the_model_unbuilt():
    model = pn.Sequential([pn.Dense(3)])
    with pytest.raises(ValueError, match="at least one row"):
        model.vjp(np.zeros((0, 5)))
    assert model.input_shape is None
