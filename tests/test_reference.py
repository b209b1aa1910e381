"""The oracle against central differences, and against the plain cases one can do by hand."""

from __future__ import annotations

import inspect
import math
from functools import partial

import numpy as np
import pytest

from central_differences import LOSSES, assert_is_gradient, away_from_kinks, loss_case
from reference import activation, network
from reference.adam import adam_update
from reference.clip import clip_by_norm, clip_by_value
from reference.column_sums import column_sums
from reference.gemm import gemm
from reference.prelu import prelu_backward, prelu_forward
from reference.sgd import sgd_update
from reference.softmax_cross_entropy import softmax_cross_entropy, softmax_forward
from tolerances import assert_close_to_scale, sum_tolerance

ACTIVATIONS = sorted(
    name.removesuffix("_forward")
    for name, _ in inspect.getmembers(activation, inspect.isfunction)
    if name.endswith("_forward")
)


@pytest.mark.parametrize("parameter", [None, 0.3])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_backward_is_the_derivative(rng, name, parameter):
    x, grad_out = away_from_kinks(rng, (4, 5)), rng.standard_normal((4, 5))
    forward = getattr(activation, f"{name}_forward")
    grad_x = getattr(activation, f"{name}_backward")(grad_out, x, parameter)
    assert_is_gradient(
        grad_x, lambda v: float((grad_out * forward(v, parameter)).sum()), x, roundings=x.size + 8
    )


def test_activations_at_known_points():
    sqrt_half = math.sqrt(0.5)
    assert activation.relu_forward([-1.0, 0.0, 2.0]).tolist() == [0.0, 0.0, 2.0]
    assert np.isnan(activation.relu_forward([np.nan])).all()
    assert activation.relu_backward([1.0, 1.0], [0.0, 1.0]).tolist() == [0.0, 1.0]
    assert activation.leaky_relu_forward([-1.0, 3.0]).tolist() == [-0.01, 3.0]
    assert activation.leaky_relu_backward([1.0, 1.0], [0.0, 1.0]).tolist() == [0.01, 1.0]
    assert activation.elu_forward([-1.0, 3.0], 2.0).tolist() == [2 * math.expm1(-1), 3.0]
    tolerance = sum_tolerance(8, np.float64)
    points = {
        activation.gelu_forward: (1 + math.erf(sqrt_half)) / 2,
        activation.silu_forward: 1 / (1 + math.exp(-1)),
        activation.tanh_forward: math.tanh(1),
        activation.sigmoid_forward: 1 / (1 + math.exp(-1)),
    }
    for function, expected in points.items():
        assert_close_to_scale(function([1.0]), [expected], tolerance)
    assert activation.sigmoid_forward([-1e4, 0.0, 1e4]).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("alphas", [1, 3])
def test_prelu_backward_is_the_derivative(rng, alphas):
    x, grad_out = away_from_kinks(rng, (2, 4, 3)), rng.standard_normal((2, 4, 3))
    alpha = rng.uniform(-0.5, 0.5, alphas)
    grad_x, grad_alpha = prelu_backward(grad_out, x, alpha)

    def value(x, alpha):
        return float((grad_out * prelu_forward(x, alpha)).sum())

    assert_is_gradient(grad_x, lambda v: value(v, alpha), x, roundings=x.size + 2)
    assert_is_gradient(grad_alpha, lambda v: value(x, v), alpha, roundings=x.size + 2)


def test_prelu_at_zero():
    grad_x, grad_alpha = prelu_backward([[1.0, 2.0]], [[0.0, -3.0]], [0.25])
    assert grad_x.tolist() == [[0.25, 0.5]]
    assert grad_alpha.tolist() == [-6.0]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_gradient_is_the_derivative(rng, name, weighted):
    outputs, targets = loss_case(name, rng)
    weights = rng.uniform(0.5, 2.0, len(outputs)) if weighted else None
    loss = partial(network.loss_function(name), targets=targets, sample_weight=weights)
    assert_is_gradient(loss(outputs)[1], lambda v: loss(v)[0], outputs, roundings=outputs.size + 8)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}])
def test_softmax_cross_entropy_of_target_rows(rng, options):
    outputs, targets = rng.standard_normal((5, 4)), rng.uniform(size=(5, 4))
    loss = partial(softmax_cross_entropy, targets=targets, **options)
    assert_is_gradient(loss(outputs)[1], lambda v: loss(v)[0], outputs, roundings=40)
    labels = rng.integers(4, size=5)
    from_labels = softmax_cross_entropy(outputs, labels, **options)
    from_rows = softmax_cross_entropy(outputs, np.eye(4)[labels], **options)
    assert from_labels[0] == from_rows[0]
    assert np.array_equal(from_labels[1], from_rows[1])


def test_softmax_by_hand():
    expected = np.array([[1.0, 2.0, 5.0]]) / 8
    assert_close_to_scale(softmax_forward(np.log(8 * expected)), expected, sum_tolerance(8, float))
    assert softmax_forward([[1e4, 0.0]]).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("name", "plain", "weighted"),
    [
        ("mean_squared_error", (9 + 1 + 1 + 1) / 4, (3 * 5 + 1 * 1) / 4),
        ("batch_mean_squared_error", (10 + 2) / 2, (3 * 10 + 1 * 2) / 4),
        ("half_squared_error", (10 + 2) / 2, (3 * 10 + 1 * 2) / 2),
        ("mean_absolute_error", (4 + 2) / 4, (3 * 2 + 1 * 1) / 4),
        ("huber", (2.5 + 0.5 + 0.5 + 0.5) / 4, (3 * 1.5 + 1 * 0.5) / 4),
    ],
)
def test_reductions_by_hand(name, plain, weighted):
    loss = network.loss_function(name)
    outputs, targets = [[3.0, 1.0], [-1.0, 1.0]], np.zeros((2, 2))
    assert loss(outputs, targets)[0] == plain
    assert loss(outputs, targets, [3.0, 1.0])[0] == weighted
    value, gradient = loss(outputs, targets, [0.0, 0.0])
    assert value == 0.0
    assert not gradient.any()


def test_huber_delta():
    loss = network.loss_function("huber")
    assert loss([[3.0]], [[0.0]], delta=2.0)[0] == 4.0
    assert loss([[3.0]], [[0.0]], delta=4.0)[0] == 4.5


def test_gemm_and_column_sums_by_hand():
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [1.0, -9.0]])
    assert gemm(a, b).tolist() == [[2.0, -17.0], [4.0, -33.0]]
    assert gemm(a, b, transpose_a=True).tolist() == [[3.0, -26.0], [4.0, -34.0]]
    assert gemm(a, b, transpose_b=True).tolist() == [[2.0, -17.0], [4.0, -33.0]]
    rectified = gemm(a, b, bias=[1.0, 0.0], activation="relu")
    assert rectified.tolist() == [[3.0, 0.0], [5.0, 0.0]]
    assert gemm(a, b, activation="prelu", alpha=[0.5])[0].tolist() == [2.0, -8.5]
    assert column_sums(a).tolist() == [4.0, 6.0]


def test_sgd_by_hand():
    plain, velocity = sgd_update([1.0], [2.0], [0.0], learning_rate=0.5)
    assert (plain.tolist(), velocity.tolist()) == ([0.0], [-1.0])
    heavy, velocity = sgd_update([1.0], [2.0], [4.0], learning_rate=0.5, momentum=0.5)
    assert (heavy.tolist(), velocity.tolist()) == ([2.0], [1.0])
    ahead, velocity = sgd_update(
        [1.0], [2.0], [4.0], learning_rate=0.5, momentum=0.5, nesterov=True
    )
    assert (ahead.tolist(), velocity.tolist()) == ([0.5], [1.0])
    assert sgd_update([4.0], [2.0], [0.0], learning_rate=0.5, l2=0.5)[0].tolist() == [2.0]
    assert sgd_update([4.0], [2.0], [0.0], learning_rate=0.5, weight_decay=0.5)[0].tolist() == [2.0]


def test_adam_by_hand():
    options = {"learning_rate": 0.5, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.0}
    p, m, v = adam_update([1.0], [4.0], [0.0], [0.0], step=1, **options)
    # The first step is the rate times the sign of g.
    assert (p.tolist(), m.tolist(), v.tolist()) == ([0.5], [2.0], [4.0])
    p, m, v = adam_update(p, [0.0], m, v, step=2, **options)
    assert (m.tolist(), v.tolist()) == ([1.0], [3.0])
    expected = 0.5 - 0.5 * (1 / (1 - 0.5**2)) / math.sqrt(3 / (1 - 0.75**2))
    assert_close_to_scale(p, [expected], sum_tolerance(8, np.float64))
    decayed, *_ = adam_update([4.0], [4.0], [0.0], [0.0], step=1, weight_decay=0.5, **options)
    assert decayed.tolist() == [2.5]


def test_clipping_by_hand():
    assert clip_by_value([-3.0, 0.5, 3.0], 1.0).tolist() == [-1.0, 0.5, 1.0]
    clipped, norm = clip_by_norm([[3.0], [[4.0]]], 2.5)
    assert (norm, [g.tolist() for g in clipped]) == (5.0, [[1.5], [[2.0]]])
    kept, _ = clip_by_norm([[3.0], [[4.0]]], 5.0)
    assert [g.tolist() for g in kept] == [[3.0], [[4.0]]]
