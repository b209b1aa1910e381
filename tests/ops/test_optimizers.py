"""SGD, Adam and clipping against their equations."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from op_cases import normal
from reference.adam import adam_update
from reference.clip import clip_by_norm, clip_by_value
from reference.sgd import sgd_update
from tolerances import assert_same_bits, assert_within, sum_tolerance

SIZES = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100, 1000]
PENALTIES = [{}, {"l2": 0.01}, {"weight_decay": 0.1}, {"l2": 0.01, "weight_decay": 0.1}]
# Each new number is a sum of at most four products of at most four factors, the hyperparameters
# rounded to dtype among them, a square root and a quotient.
ROUNDINGS = 16


def assert_updated(actual, before, expected, dtype, label):
    """Assert that every array is as the oracle says, relative to the largest number involved."""
    largest = max(float(np.abs(a).max(initial=1.0)) for a in (*before, *expected))
    for got, wanted in zip(actual, expected, strict=True):
        assert_within(got, wanted, sum_tolerance(ROUNDINGS, dtype) * largest, label)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_sgd_without_momentum(rng, dtype, penalty):
    for size in SIZES:
        p, g = normal(rng, (size,), dtype), normal(rng, (size,), dtype)
        expected, _ = sgd_update(p, g, np.zeros(size), learning_rate=0.3, **penalty)
        before = p.copy()
        assert pn.ops.sgd_update(p, g, learning_rate=0.3, **penalty) is None
        assert_updated([p], [before, g], [expected], dtype, f"size {size}")


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_sgd_with_momentum(rng, dtype, penalty, nesterov):
    options = {"learning_rate": 0.3, "momentum": 0.9, "nesterov": nesterov, **penalty}
    for size in SIZES:
        p, g, v = (normal(rng, (size,), dtype) for _ in range(3))
        expected = sgd_update(p, g, v, **options)
        before = [p.copy(), g, v.copy()]
        pn.ops.sgd_update(p, g, v, **options)
        assert_updated([p, v], before, expected, dtype, f"size {size}")


@pytest.mark.parametrize("step", [1, 2, 10, 1000, 1_000_000])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_adam(rng, dtype, penalty, step):
    options = {"step": step, "learning_rate": 0.03, **penalty}
    for size in SIZES:
        p, g, m = (normal(rng, (size,), dtype) for _ in range(3))
        v = rng.uniform(0.1, 2.0, size).astype(dtype)
        expected = adam_update(p, g, m, v, **options)
        before = [p.copy(), g, m.copy(), v.copy()]
        assert pn.ops.adam_update(p, g, m, v, **options) is None
        assert_updated([p, m, v], before, expected, dtype, f"size {size}")


def test_adam_hyperparameters(rng, dtype):
    options = {"step": 3, "learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.1}
    p, g, m = (normal(rng, (50,), dtype) for _ in range(3))
    v = rng.uniform(0.1, 2.0, 50).astype(dtype)
    expected = adam_update(p, g, m, v, **options)
    before = [p.copy(), g, m.copy(), v.copy()]
    pn.ops.adam_update(p, g, m, v, **options)
    assert_updated([p, m, v], before, expected, dtype, "")


def test_adam_from_nothing_moves_by_the_rate(dtype):
    g = np.array([1e-3, -2.0, 0.0], dtype)
    p, m, v = (np.zeros(3, dtype) for _ in range(3))
    pn.ops.adam_update(p, g, m, v, step=1, learning_rate=0.5, epsilon=1e-12)
    tolerance = sum_tolerance(ROUNDINGS, dtype) + 1e-12 / 1e-3  # epsilon's share of sqrt(v)
    assert_within(p, [-0.5, 0.5, 0.0], tolerance)


def test_an_update_is_elementwise(rng, dtype):
    p, g, m = (normal(rng, (100,), dtype) for _ in range(3))
    v = rng.uniform(0.1, 2.0, 100).astype(dtype)
    whole = [a.copy() for a in (p, m, v)]
    pn.ops.adam_update(whole[0], g, *whole[1:], step=2, learning_rate=0.1)
    parts = [a.copy() for a in (p, m, v)]
    for begin, end in [(0, 1), (1, 18), (18, 51), (51, 100)]:
        part = [a[begin:end] for a in parts]
        pn.ops.adam_update(part[0], g[begin:end], *part[1:], step=2, learning_rate=0.1)
    for got, expected in zip(parts, whole, strict=True):
        assert_same_bits(got, expected)


def test_updates_of_any_shape(rng, dtype):
    p, g = normal(rng, (3, 4, 5), dtype), normal(rng, (3, 4, 5), dtype)
    flat = p.ravel().copy()
    pn.ops.sgd_update(p, g, learning_rate=0.1)
    pn.ops.sgd_update(flat, g.ravel(), learning_rate=0.1)
    assert_same_bits(p.ravel(), flat)


def test_clip_by_value(rng, dtype):
    for size in SIZES:
        g = normal(rng, (size,), dtype)
        expected = clip_by_value(g, float(dtype(0.7)))
        assert pn.ops.clip_by_value(g, 0.7) is None
        assert_same_bits(g, expected.astype(dtype), f"size {size}")


def test_clip_by_value_special_values(dtype):
    g = np.array([np.nan, np.inf, -np.inf, -0.0, 1.0, -1.0] * 7, dtype)
    pn.ops.clip_by_value(g, 1.0)
    assert_same_bits(g, np.array([np.nan, 1.0, -1.0, -0.0, 1.0, -1.0] * 7, dtype))


@pytest.mark.parametrize("limit", [0.5, 10.0, 1e6])
def test_clip_by_norm(rng, dtype, limit):
    for size in [1, 17, 1000, 5000]:
        gradients = [normal(rng, (size,), dtype), normal(rng, (3, size), dtype)]
        before = [g.copy() for g in gradients]
        expected, norm = clip_by_norm(gradients, limit)
        assert_within(
            pn.ops.clip_by_norm(gradients, limit),
            norm,
            sum_tolerance(4 * size + 2, np.float64) * norm,
            f"size {size}",
        )
        for got, wanted, original in zip(gradients, expected, before, strict=True):
            bound = sum_tolerance(2, dtype) + sum_tolerance(4 * size + 2, np.float64)
            assert_within(got, wanted, bound * np.abs(wanted), f"size {size}")
            if norm <= limit:
                assert_same_bits(got, original)


def test_clip_by_norm_of_the_norm_itself_changes_nothing(dtype):
    gradients = [np.array([3.0], dtype), np.array([[4.0]], dtype)]
    assert pn.ops.clip_by_norm(gradients, 5.0) == 5.0
    assert [g.tolist() for g in gradients] == [[3.0], [[4.0]]]
    assert pn.ops.clip_by_norm(gradients, 2.5) == 5.0
    assert [g.tolist() for g in gradients] == [[1.5], [[2.0]]]


def test_clip_by_norm_of_zeros_and_of_nothing(dtype):
    zeros = np.zeros(5, dtype)
    assert pn.ops.clip_by_norm([zeros], 1.0) == 0.0
    assert not zeros.any()
    assert pn.ops.clip_by_norm([], 1.0) == 0.0


def test_clip_by_norm_does_not_overflow_in_float32():
    g = np.full(4, 1e30, np.float32)
    assert_within(pn.ops.clip_by_norm([g], 1.0), 2e30, 2e30 * sum_tolerance(4, np.float32))
    assert_within(g, np.full(4, 0.5), sum_tolerance(4, np.float32))
