"""`scale` and `parametric`, forward and backward, with one weight or one for each channel."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from op_cases import normal
from reference.parametric import parametric_backward, parametric_forward
from reference.scale import scale_backward, scale_forward
from tolerances import assert_same_bits, assert_within, sum_tolerance

SHAPES = [(0, 3), (1, 1), (9, 17), (3, 5, 8), (40, 33)]
ROUNDINGS = 20  # of an element: a few operations and elementary functions


def shared_or_not(rng, shape, kind, dtype):
    return normal(rng, (1 if kind == "shared" else shape[-1],), dtype)


def assert_agrees(forward, backward, expected_forward, expected_backward, rng, dtype, kind):
    """Compare with the oracle; errors are relative to the terms, abs(f(x)) <= 1 + 2 abs(x)."""
    for shape in SHAPES:
        x, grad = normal(rng, shape, dtype), normal(rng, shape, dtype)
        weight = shared_or_not(rng, shape, kind, dtype)
        y = forward(x, weight)
        size = (1 + np.abs(weight)) * (1 + 3 * np.abs(x))
        assert_within(y, expected_forward(x, weight), sum_tolerance(ROUNDINGS, dtype) * size)
        grad_x, grad_weight = backward(grad, x, weight)
        expected_x, expected_weight = expected_backward(grad, x, weight)
        size = np.abs(grad) * (1 + 3 * np.abs(x)) * (1 + np.abs(weight))
        assert_within(grad_x, expected_x, sum_tolerance(ROUNDINGS, dtype) * size)
        sums = size.sum(axis=tuple(range(x.ndim - 1)))
        if kind == "shared":
            expected_weight, sums = expected_weight.sum(keepdims=True), sums.sum(keepdims=True)
        terms = x.size // weight.size + ROUNDINGS
        assert_within(grad_weight, expected_weight, sum_tolerance(terms, dtype) * sums)
        assert y.dtype == grad_x.dtype == grad_weight.dtype == dtype
        assert grad_weight.shape == weight.shape


@pytest.mark.parametrize("kind", ["shared", "channel"])
def test_scale_agrees_with_the_oracle(rng, dtype, kind):
    ours = pn.ops.scale_forward, pn.ops.scale_backward
    assert_agrees(*ours, scale_forward, scale_backward, rng, dtype, kind)


@pytest.mark.parametrize("kind", ["shared", "channel"])
@pytest.mark.parametrize("name", pn.ops.ACTIVATIONS)
def test_parametric_agrees_with_the_oracle(rng, dtype, kind, name):
    constant = 0.3 if pn.ops.ACTIVATIONS[name] else None
    assert_agrees(
        lambda x, weight: pn.ops.parametric_forward(x, weight, name, parameter=constant),
        lambda *given: pn.ops.parametric_backward(*given, name, parameter=constant),
        lambda x, weight: parametric_forward(x, weight, name, constant),
        lambda *given: parametric_backward(*given, name, constant),
        rng,
        dtype,
        kind,
    )


def test_layers_have_the_bits_of_the_ops(rng, dtype):
    x, weight = normal(rng, (9, 7), dtype), normal(rng, (7,), dtype)
    for layer, expected in (
        (pn.Scale(), pn.ops.scale_forward(x, weight)),
        (pn.Parametric("mish"), pn.ops.parametric_forward(x, weight, "mish")),
        (
            pn.Parametric(pn.ELU(0.5)),
            pn.ops.parametric_forward(x, weight, "elu", parameter=0.5),
        ),
    ):
        model = pn.Sequential([layer], input_shape=(7,), dtype=np.dtype(dtype).name)
        model.set_parameters({"0.weight": weight})
        assert_same_bits(model.predict(x), expected)


def test_with_relu_parametric_is_prelu(rng, dtype):
    x = normal(rng, (9, 7), dtype)
    weight = np.array([0.75], dtype)
    expected = pn.ops.prelu_forward(x, 1 - weight)
    actual = pn.ops.parametric_forward(x, weight, "relu")
    assert_within(actual, expected, sum_tolerance(3, dtype) * np.abs(x))


def test_refusals():
    x, weight = np.ones((2, 3)), np.ones(3)
    with pytest.raises(ValueError, match="parametric_forward: activation must be one of"):
        pn.ops.parametric_forward(x, weight, "prelu")
    for function, given in (
        (pn.ops.parametric_forward, (x, weight)),
        (pn.ops.parametric_backward, (x, x, weight)),
    ):
        with pytest.raises(ValueError, match=r"parameter must be None for 'tanh', got 0\.5"):
            function(*given, "tanh", parameter=0.5)
    with pytest.raises(ValueError, match=r"scale_forward: out must not overlap .*weight"):
        pn.ops.scale_forward(np.ones((1, 3)), weight, out=weight.reshape(1, 3))
