"""Losses: value and gradient in one call, under the rulings of the design."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from op_cases import LOSS_OPTIONS, POSITIVE_TARGETS, TARGET_KINDS, loss_targets, normal
from reference import softmax_cross_entropy as softmax_oracle
from reference.network import loss_function
from tolerances import (
    assert_close_to_scale,
    assert_same_bits,
    assert_within,
    elementary_roundings,
    sum_tolerance,
)

CASES = [(name, kind) for name in pn.ops.LOSSES for kind in TARGET_KINDS.get(name, ("rows",))]
LABELLED = [name for name, kind in CASES if kind == "labels"]
SUMMED = ["half_squared_error"]  # the others are means over the rows
ROWS = [1, 2, 7, 8, 9, 17, 19, 64, 290]
OUTPUTS = [1, 2, 3, 4, 5, 8, 10, 15, 16, 17, 33, 64, 65, 100]


def loss(name, outputs, targets, **more):
    return getattr(pn.ops, name)(outputs, targets, **more)


def deviance_terms(name, outputs, targets):
    """Return a bound of the terms of the losses and gradients of single outputs."""
    y, t = outputs.astype(np.float64), targets.astype(np.float64)
    logs = np.abs(y) + np.abs(np.log(np.where(t > 0, t, 1.0)))
    mean, factor = (np.exp(y), t) if name == "poisson" else (t * np.exp(-y), t * np.exp(-y))
    return float((1 + mean + t + (1 + factor) * logs).max())


def assert_agrees(name, outputs, targets, weights=None, **options):
    """Assert that loss and gradient are the oracle's.

    A few roundings in the dtype for each term, float64 for their sum. The terms of cross-entropies
    are as large as the logits and one, from which targets are taken away: hence their scale. The
    terms of deviances grow with the exponential of the outputs.
    """
    dtype = outputs.dtype
    value, grad = loss(name, outputs, targets, sample_weight=weights, **options)
    expected, expected_grad = loss_function(name)(outputs, targets, weights, **options)
    assert type(value) is float
    assert grad.dtype == dtype
    label = f"{name} {outputs.shape} {options}"
    tolerance = sum_tolerance(2 * elementary_roundings(dtype) + 8, dtype)
    in_float64 = sum_tolerance(outputs.size, np.float64)
    entropy = "cross_entropy" in name
    terms = abs(expected) + (1 + np.abs(outputs).max() if entropy else 0)
    assert_within(value, expected, (tolerance + in_float64) * terms, label)
    factor = np.ones(len(outputs)) if weights is None else weights.astype(np.float64)
    total = 1 if name in SUMMED or not factor.sum() else factor.sum()
    scale = np.abs(expected_grad).max()
    if entropy:
        mass = 1 if targets.ndim == 1 else max(1, float(targets.sum(axis=1).max()))
        scale = max(scale, mass * factor.max() / total)
    if name in POSITIVE_TARGETS:
        largest = deviance_terms(name, outputs, targets)
        terms += largest
        scale = max(scale, largest * factor.max() / total / outputs.shape[1])
    assert_within(grad, expected_grad, tolerance * scale, label)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_agrees_with_the_oracle(rng, dtype, name, kind):
    for rows in ROWS:
        for outputs in OUTPUTS:
            values = 3 * normal(rng, (rows, outputs), dtype)
            targets = loss_targets(name, kind, rng, rows, outputs, dtype)
            assert_agrees(name, values, targets)


def test_deviances_are_half_of_scikit_learns(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    values, weights = rng.standard_normal(30), rng.uniform(size=30)
    theirs = {"poisson": metrics.mean_poisson_deviance, "gamma": metrics.mean_gamma_deviance}
    for name, deviance in theirs.items():
        targets = loss_targets(name, "rows", rng, 30, 1, np.float64)
        value, _ = loss(name, values[:, np.newaxis], targets, sample_weight=weights)
        expected = deviance(targets[:, 0], np.exp(values), sample_weight=weights) / 2
        assert_close_to_scale(value, expected, sum_tolerance(64, np.float64))
        exact = np.log(np.maximum(targets, 0.5))
        assert loss(name, exact, np.exp(exact))[0] < sum_tolerance(16, np.float64)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_weights_and_options(rng, dtype, name, kind):
    for rows in ROWS:
        values = 3 * normal(rng, (rows, 10), dtype)
        targets = loss_targets(name, kind, rng, rows, 10, dtype)
        weights = rng.uniform(0.1, 3.0, rows).astype(dtype)
        weights[1::3] = 0
        assert_agrees(name, values, targets, weights)
        assert_agrees(name, values, targets, weights, **LOSS_OPTIONS.get(name, {}))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_weights_of_one_are_no_weights(rng, dtype, name, kind):
    values, targets = normal(rng, (9, 10), dtype), loss_targets(name, kind, rng, 9, 10, dtype)
    plain, plain_grad = loss(name, values, targets)
    value, grad = loss(name, values, targets, sample_weight=np.ones(9, dtype))
    assert value == plain
    assert_same_bits(grad, plain_grad)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_weight_of_two_is_a_row_twice(rng, dtype, name, kind):
    values, targets = normal(rng, (9, 10), dtype), loss_targets(name, kind, rng, 9, 10, dtype)
    twice = np.repeat(np.arange(9), 2)
    weights = np.full(9, 2, dtype)
    value, grad = loss(name, values, targets, sample_weight=weights)
    repeated, repeated_grad = loss(name, values[twice], targets[twice])
    assert_close_to_scale(value, repeated, sum_tolerance(18, np.float64))
    assert_close_to_scale(grad, 2 * repeated_grad[::2], sum_tolerance(4, dtype))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_weights_that_sum_to_zero(rng, dtype, name, kind):
    values, targets = normal(rng, (9, 10), dtype), loss_targets(name, kind, rng, 9, 10, dtype)
    value, grad = loss(name, values, targets, sample_weight=np.zeros(9, dtype))
    assert value == 0.0
    assert not grad.any()


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_the_loss_adds_the_rows_in_order(rng, dtype, name, kind):
    rows = 64  # a power of two, so that the mean rounds nothing
    values, targets = normal(rng, (rows, 10), dtype), loss_targets(name, kind, rng, rows, 10, dtype)
    total = 0.0
    for i in range(rows):
        total += loss(name, values[i : i + 1], targets[i : i + 1])[0]
    assert loss(name, values, targets)[0] == (total if name in SUMMED else total / rows)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_nan_stays_in_its_row(rng, dtype, name, kind):
    values, targets = normal(rng, (9, 17), dtype), loss_targets(name, kind, rng, 9, 17, dtype)
    values[4, 16] = np.nan
    value, grad = loss(name, values, targets)
    assert np.isnan(value)
    assert np.isnan(grad[4]).any()
    assert not np.isnan(np.delete(grad, 4, axis=0)).any()


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize("label_dtype", [np.int32, np.int64, np.uint8])
def test_labels_of_any_integer_type(rng, dtype, name, label_dtype):
    values, labels = normal(rng, (9, 10), dtype), rng.integers(10, size=9)
    value, grad = loss(name, values, labels.astype(label_dtype))
    expected, expected_grad = loss(name, values, labels)
    assert value == expected
    assert_same_bits(grad, expected_grad)


def test_a_label_is_its_one_hot_row(rng, dtype):
    values, labels = normal(rng, (9, 10), dtype), rng.integers(10, size=9)
    value, grad = loss("softmax_cross_entropy", values, labels)
    expected, expected_grad = loss("softmax_cross_entropy", values, np.eye(10, dtype=dtype)[labels])
    assert value == expected
    assert_same_bits(grad, expected_grad)


def test_softmax_of_rows_that_do_not_sum_to_one(rng, dtype):
    values = normal(rng, (9, 10), dtype)
    targets = rng.uniform(size=(9, 10)).astype(dtype)
    targets[3] = 0
    for smoothing in (0.0, 0.3):
        assert_agrees("softmax_cross_entropy", values, targets, label_smoothing=smoothing)
    _, grad = loss("softmax_cross_entropy", values, targets)
    assert not grad[3].any()


@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_cross_entropies_of_huge_logits_are_finite(dtype, scale):
    logits = np.array([[scale, -scale, 0.0]], dtype)
    largest = float(logits[0, 0])
    value, grad = loss("softmax_cross_entropy", logits, np.array([0]))
    assert (value, grad.tolist()) == (0.0, [[0.0, 0.0, 0.0]])
    value, grad = loss("softmax_cross_entropy", logits, np.array([1]))
    assert (value, grad.tolist()) == (2 * largest, [[1.0, -1.0, 0.0]])
    targets = np.array([[0.0, 1.0, 0.5]], dtype)
    assert_agrees("sigmoid_cross_entropy", logits, targets)


def test_softmax_of_minus_infinity_is_a_class_that_cannot_be(dtype):
    logits = np.array([[0.0, -np.inf, 0.0]], dtype)
    value, grad = loss("softmax_cross_entropy", logits, np.array([0]))
    assert_close_to_scale(value, np.log(2.0), sum_tolerance(4, dtype))
    assert grad.tolist() == [[-0.5, 0.0, 0.5]]
    assert loss("softmax_cross_entropy", logits, np.array([1]))[0] == np.inf


def test_ties(dtype):
    same = np.full((2, 3), 1.5, dtype)
    value, grad = loss("mean_absolute_error", same, same)
    assert (value, grad.any()) == (0.0, False)
    outputs, targets = np.array([[0.5, -0.5, 2.0]], dtype), np.zeros((1, 3), dtype)
    _, grad = loss("huber", outputs, targets, delta=0.5)
    assert_close_to_scale(grad, [[0.5 / 3, -0.5 / 3, 0.5 / 3]], sum_tolerance(2, dtype))


def test_softmax_forward(rng, dtype):
    for rows in [0, *ROWS]:
        for columns in OUTPUTS:
            x = 3 * normal(rng, (rows, columns), dtype)
            p = pn.ops.softmax_forward(x)
            tolerance = sum_tolerance(2 * elementary_roundings(dtype) + 8, dtype)
            assert p.dtype == dtype
            assert_within(p, softmax_oracle.softmax_forward(x), tolerance, f"{x.shape}")


def test_softmax_forward_of_a_row_alone(rng, dtype):
    x = normal(rng, (20, 37), dtype)
    whole = pn.ops.softmax_forward(x)
    for i in range(20):
        assert_same_bits(pn.ops.softmax_forward(x[i : i + 1])[0], whole[i])


@pytest.mark.parametrize("columns", [17, 20, 40, 64])
def test_softmax_of_rows_as_lanes_has_the_bits_of_rows_one_by_one(rng, dtype, columns):
    """Columns of minus infinity make rows too wide for lanes, and change nothing else."""
    rows = 70
    narrow = 3 * normal(rng, (rows, columns), dtype)
    wide = np.full((rows, 65), -np.inf, dtype)
    wide[:, :columns] = narrow
    labels = rng.integers(columns, size=rows)
    value, grad = loss("softmax_cross_entropy", narrow, labels)
    wide_value, wide_grad = loss("softmax_cross_entropy", wide, labels)
    assert_same_bits(np.float64(value), np.float64(wide_value))
    assert_same_bits(grad, np.ascontiguousarray(wide_grad[:, :columns]))
    p = pn.ops.softmax_forward(narrow)
    assert_same_bits(p, np.ascontiguousarray(pn.ops.softmax_forward(wide)[:, :columns]))


def test_softmax_forward_extremes(dtype):
    x = np.array([[1e4, 0.0, -1e4], [-np.inf, 0.0, 0.0], [np.nan, 0.0, 1.0]], dtype)
    p = pn.ops.softmax_forward(x)
    assert p[:2].tolist() == [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]
    assert np.isnan(p[2]).all()


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_row_does_not_depend_on_its_neighbours(rng, dtype, name, kind):
    for outputs in OUTPUTS:
        values = normal(rng, (17, outputs), dtype)
        targets = loss_targets(name, kind, rng, 17, outputs, dtype)
        values[3, 0] = np.nan
        weights = np.eye(17, dtype=dtype)
        for row in (0, 3, 8, 16):  # the weights leave one row, and the mean is over it alone
            value, grad = loss(name, values, targets, sample_weight=weights[row])
            alone, alone_grad = loss(name, values[[row]], targets[[row]])
            assert_same_bits(np.float64(value), np.float64(alone))
            assert_same_bits(grad[[row]], alone_grad)
