"""Distributions of actions: SciPy's densities, central differences, and the ends of float32."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from central_differences import assert_is_gradient
from prelunet.distributions import Categorical, Normal, SquashedNormal
from tolerances import (
    assert_close_to_scale,
    assert_same_bits,
    assert_within,
    elementary_roundings,
    sum_tolerance,
)

stats = pytest.importorskip("scipy.stats")
special = pytest.importorskip("scipy.special")

STANDARD_ERRORS = 6  # a right sampler leaves them for two seeds in a thousand million
ROWS, WIDTH = 5, 3
GAUSSIANS = [Normal, SquashedNormal]


def roundings(terms, dtype):
    """Return the roundings of a sum of terms, each with up to three exp, log or tanh."""
    return terms + 3 * elementary_roundings(dtype) + 12


def gaussian_case(rng, dtype=np.float64):
    """Return means, log standard deviations, and actions inside (-1, 1)."""
    mean = rng.standard_normal((ROWS, WIDTH)).astype(dtype)
    log_std = rng.uniform(-1, 0.5, (ROWS, WIDTH)).astype(dtype)
    return mean, log_std, np.tanh(rng.standard_normal((ROWS, WIDTH))).astype(dtype)


def dot(grad, values):
    return float((np.asarray(grad) * values).sum())


# ---- values ------------------------------------------------------------------------------------


def test_categorical_is_scipys(rng, dtype):
    logits = (4 * rng.standard_normal((ROWS, 7))).astype(dtype)
    actions = rng.integers(7, size=ROWS)
    policy = Categorical(logits)
    exact = special.log_softmax(logits.astype(np.float64), axis=1)
    tolerance = sum_tolerance(roundings(7, dtype), dtype) * np.abs(logits).max()
    assert policy.log_prob(actions).dtype == policy.entropy().dtype == dtype
    assert_within(policy.log_prob(actions), exact[np.arange(ROWS), actions], tolerance)
    expected = stats.entropy(np.exp(exact), axis=1)
    assert_within(policy.entropy(), expected, 7 * tolerance)
    assert_same_bits(policy.mode(), logits.argmax(axis=1))


def test_normal_is_scipys(rng, dtype):
    mean, log_std, actions = gaussian_case(rng, dtype)
    wide = stats.norm(mean.astype(np.float64), np.exp(log_std.astype(np.float64)))
    policy, tolerance = Normal(mean, log_std), sum_tolerance(roundings(WIDTH, dtype), dtype)
    assert policy.log_prob(actions).dtype == policy.entropy().dtype == dtype
    assert_close_to_scale(policy.log_prob(actions), wide.logpdf(actions).sum(axis=1), tolerance)
    assert_close_to_scale(policy.entropy(), wide.entropy().sum(axis=1), tolerance)
    assert_same_bits(policy.mode(), mean)


def test_squashed_normal_is_scipys_with_the_slope_of_tanh(rng, dtype):
    mean, log_std, actions = gaussian_case(rng, dtype)
    wide = actions.astype(np.float64)
    z = stats.norm(mean.astype(np.float64), np.exp(log_std.astype(np.float64)))
    expected = (z.logpdf(np.arctanh(wide)) - np.log1p(-wide * wide)).sum(axis=1)
    policy = SquashedNormal(mean, log_std)
    # An action's last bit moves artanh by up to 1 / (1 - a^2) of it, and z by 1 / std.
    gain = 1 / ((1 - wide * wide).min() * np.exp(log_std.min()))
    tolerance = gain * sum_tolerance(roundings(WIDTH, dtype), dtype)
    assert_close_to_scale(policy.log_prob(actions), expected, tolerance)
    assert_close_to_scale(policy.mode(), np.tanh(mean.astype(np.float64)), tolerance)
    assert not hasattr(policy, "entropy")


@pytest.mark.parametrize("distribution", GAUSSIANS)
def test_drawn_actions_have_the_density_of_log_prob(rng, dtype, distribution):
    mean, log_std, _ = gaussian_case(rng, dtype)
    policy = distribution(mean, log_std)
    state = rng.bit_generator.state
    actions, log_probs, _ = policy.sample_vjp(rng)
    rng.bit_generator.state = state
    assert_same_bits(policy.sample(rng), actions)
    assert actions.dtype == log_probs.dtype == dtype
    gain = 1 if distribution is Normal else 1 / (1 - np.abs(actions.astype(np.float64)).max() ** 2)
    tolerance = gain * sum_tolerance(roundings(WIDTH, dtype), dtype) / np.exp(log_std.min()) ** 2
    assert_close_to_scale(policy.log_prob(actions), log_probs, tolerance)


def test_moments_of_samples(rng):
    count = 40_000
    error = STANDARD_ERRORS / math.sqrt(count)
    p = np.array([0.5, 0.0, 0.3, 0.2])
    with np.errstate(divide="ignore"):
        drawn = Categorical(np.tile(np.log(p), (count, 1))).sample(rng)
    share = np.bincount(drawn, minlength=4) / count
    assert share[1] == 0
    assert np.all(np.abs(share - p) <= error * np.sqrt(p * (1 - p)))
    mean = np.tile([1.0, -2.0], (count, 1))
    drawn = Normal(mean, np.log([0.5, 2.0])).sample(rng)
    assert np.all(np.abs(drawn.mean(axis=0) - [1, -2]) <= error * np.array([0.5, 2.0]))
    # The variance of a squared standard normal number is 2.
    assert np.all(np.abs(((drawn - mean) ** 2 / [0.25, 4]).mean(axis=0) - 1) <= error * 2**0.5)


def test_samples_and_densities_have_the_same_bits_on_every_machine():
    rng = np.random.default_rng(1)
    mean, log_std = np.linspace(-2, 2, 12).reshape(4, 3), np.linspace(-1, 0, 3)
    found = []
    for dtype in (np.float32, np.float64):
        categorical = Categorical(mean.astype(dtype))
        drawn = categorical.sample(rng)
        found += [drawn, categorical.log_prob(drawn), categorical.entropy()]
        for distribution in GAUSSIANS:
            policy = distribution(mean.astype(dtype), log_std.astype(dtype))
            actions, log_probs, backward = policy.sample_vjp(rng)
            found += [actions, log_probs, *backward(actions, log_probs), policy.log_prob(actions)]
    assert hashlib.sha256(b"".join(map(bytes, found))).hexdigest() == (
        "2a9bd227ca2ea84bdbf1f6feee123ca226369b1d1812f93d1164a2afb0c62b93"
    )


# ---- gradients ---------------------------------------------------------------------------------


def test_gradients_of_categorical(rng):
    logits, actions = rng.standard_normal((ROWS, 4)), rng.integers(4, size=ROWS)
    grad, count = rng.uniform(-1, 1, ROWS), roundings(4 * ROWS, np.float64)
    log_probs, backward = Categorical(logits).log_prob_vjp(actions)
    assert_same_bits(log_probs, Categorical(logits).log_prob(actions))
    assert_is_gradient(
        backward(grad),
        lambda x: dot(grad, Categorical(x).log_prob(actions)),
        logits,
        roundings=count,
    )
    entropies, backward = Categorical(logits).entropy_vjp()
    assert_same_bits(entropies, Categorical(logits).entropy())
    assert_is_gradient(
        backward(grad), lambda x: dot(grad, Categorical(x).entropy()), logits, roundings=count
    )


def check_both(distribution, mean, log_std, value, gradients):
    """Compare gradients by mean and log_std with central differences of ``value(policy)``."""
    count, scale = roundings(4 * ROWS * WIDTH, np.float64), 8  # chains of tanh, log and squares
    for found, given, function in (
        (gradients[0], mean, lambda x: value(distribution(x, log_std))),
        (gradients[1], log_std, lambda x: value(distribution(mean, x))),
    ):
        assert found.shape == given.shape
        assert_is_gradient(found, function, given, roundings=scale * count)


@pytest.mark.parametrize("log_std_shape", [(ROWS, WIDTH), (WIDTH,), (ROWS, 1), ()])
@pytest.mark.parametrize("distribution", GAUSSIANS)
def test_gradients_of_gaussians(rng, distribution, log_std_shape):
    mean, _, actions = gaussian_case(rng)
    log_std = rng.uniform(-0.5, 0.5, log_std_shape)
    policy, grad = distribution(mean, log_std), rng.uniform(-1, 1, ROWS)
    log_probs, backward = policy.log_prob_vjp(actions)
    assert_same_bits(log_probs, policy.log_prob(actions))
    check_both(
        distribution, mean, log_std, lambda p: dot(grad, p.log_prob(actions)), backward(grad)
    )
    if distribution is Normal:
        entropies, backward = policy.entropy_vjp()
        assert_same_bits(entropies, policy.entropy())
        check_both(Normal, mean, log_std, lambda p: dot(grad, p.entropy()), backward(grad))

    grad_actions, state = rng.uniform(-1, 1, mean.shape), rng.bit_generator.state

    def through_the_draw(policy):
        rng.bit_generator.state = state
        actions, log_probs, _ = policy.sample_vjp(rng)
        return dot(grad_actions, actions) + dot(grad, log_probs)

    through_the_draw(policy)
    rng.bit_generator.state = state
    gradients = policy.sample_vjp(rng)[2](grad_actions, grad)
    check_both(distribution, mean, log_std, through_the_draw, gradients)


# ---- the ends of float32 -----------------------------------------------------------------------


def test_log_probs_of_saturated_actions_are_exact_in_float32():
    mean = np.float32([[-60.0], [-9.5], [1e-6], [9.5], [60.0]])  # tanh rounds to 1 beyond 9.02
    log_std = np.float32([-3.0])
    actions, log_probs, backward = SquashedNormal(mean, log_std).sample_vjp(
        np.random.default_rng(0)
    )
    noise = np.random.default_rng(0).standard_normal(mean.shape).astype(np.float32)
    u = mean.astype(np.float64) + np.exp(-3.0) * noise
    slope = 2 * (math.log(2) - np.abs(u) - np.log1p(np.exp(-2 * np.abs(u))))
    expected = (stats.norm.logpdf(noise.astype(np.float64)) + 3 - slope)[:, 0]
    tolerance = sum_tolerance(roundings(4, np.float32), np.float32)
    assert np.abs(actions[[0, 1, 3, 4]]).min() == 1
    assert_within(log_probs, expected, tolerance * np.maximum(np.abs(u[:, 0]), 4))
    grad_mean, grad_log_std = backward(np.ones_like(actions), np.ones_like(log_probs))
    assert np.isfinite(grad_mean).all()
    assert np.isfinite(grad_log_std).all()
    assert_within(grad_mean, np.exp(slope) + 2 * np.tanh(u), 2 * tolerance)


def test_actions_at_the_ends_and_near_zero():
    policy = SquashedNormal(np.zeros((4, 1), np.float32), np.zeros(1, np.float32))
    at_end, inside, small, minus = policy.log_prob(
        np.float32([[1.0], [np.nextafter(np.float32(1), np.float32(0))], [1e-30], [-1.0]])
    )
    assert at_end == inside == minus
    assert np.isfinite(at_end)
    tight = SquashedNormal(np.float32([[1e-6]]), np.float32([-14.0]))  # 1e-6 is 1.2 deviations
    expected = stats.norm.logpdf(np.arctanh(1e-6), 1e-6, np.exp(-14.0))
    tolerance = sum_tolerance(roundings(4, np.float32), np.float32)
    assert_close_to_scale(tight.log_prob(np.float32([[1e-6]])), [expected], tolerance)
    assert_close_to_scale(small, stats.norm.logpdf(0), tolerance)


def test_excluded_classes_and_huge_logits(dtype):
    policy = Categorical(np.array([[0.0, -np.inf, 0.0], [3e4, 0.0, -3e4]], dtype))
    assert policy.log_prob([1, 2]).tolist() == [-np.inf, -6e4]
    assert policy.log_prob([0, 0])[1] == 0
    entropies, backward = policy.entropy_vjp()
    assert_close_to_scale(entropies, [math.log(2), 0], sum_tolerance(roundings(3, dtype), dtype))
    assert np.isfinite(backward(np.ones(2))).all()
    assert policy.log_prob_vjp([0, 0])[1](np.ones(2)).tolist() == [[0.5, 0, -0.5], [0, 0, 0]]


def test_one_action_and_integers():
    rng = np.random.default_rng(0)
    policy = Categorical([0, 0])
    action = policy.sample(rng)
    assert action.shape == policy.log_prob(action).shape == policy.entropy().shape == ()
    policy = Normal([0], 0)
    assert policy.sample(rng).dtype == policy.log_prob([1]).dtype == np.float64
    assert policy.log_prob([1]).shape == ()
    _, backward = policy.log_prob_vjp([2])
    assert [part.tolist() for part in backward(1)] == [[2.0], 3.0]


def test_no_rows_and_several_axes(rng):
    for shape in ((0,), (2, 3), (2, 0, 3)):
        policy = Categorical(rng.standard_normal((*shape, 4)))
        actions = policy.sample(rng)
        log_probs, backward = policy.log_prob_vjp(actions)
        assert actions.shape == log_probs.shape == policy.mode().shape == shape
        assert backward(log_probs).shape == policy.entropy_vjp()[1](log_probs).shape == (*shape, 4)
        policy = SquashedNormal(rng.standard_normal((*shape, 4)), np.zeros(4))
        actions, log_probs, backward = policy.sample_vjp(rng)
        assert (actions.shape, log_probs.shape) == ((*shape, 4), shape)
        assert [part.shape for part in backward(actions, log_probs)] == [(*shape, 4), (4,)]


def test_several_axes_are_rows(rng):
    logits, actions = rng.standard_normal((2, 3, 4)), rng.integers(4, size=(2, 3))
    log_probs, backward = Categorical(logits).log_prob_vjp(actions)
    rows, backward_rows = Categorical(logits.reshape(6, 4)).log_prob_vjp(actions.ravel())
    assert_same_bits(log_probs.ravel(), rows)
    assert_same_bits(backward(log_probs).reshape(6, 4), backward_rows(rows))


def test_arrays_are_not_shared_with_the_caller():
    mean = np.zeros((2, 1))
    Normal(mean, 0.0).mode()[:] = 1
    assert not mean.any()


# ---- errors ------------------------------------------------------------------------------------

PAIR = (np.zeros((2, 3)), np.zeros(3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Categorical(1.0), ValueError, r"Categorical: logits must have at least one axis"),
        (lambda: Categorical(["a"]), TypeError, "Categorical: logits must hold real numbers, got"),
        (lambda: Categorical([0.0, math.nan]), ValueError, "logits must be finite, .* of nan"),
        (lambda: Categorical([math.inf, 0.0]), ValueError, "logits must be finite, .* of inf"),
        (lambda: Categorical([[-math.inf] * 2]), ValueError, "logits must be finite, .* of -inf"),
        (lambda: Categorical([0.0, 0.0]).log_prob(2), ValueError, "actions must be from 0 to 1,"),
        (lambda: Categorical([0.0, 0.0]).log_prob(-1), ValueError, "must be from 0 to 1, got -1"),
        (
            lambda: Categorical([0.0, 0.0]).log_prob(0.5),
            TypeError,
            "must be integers, got dtype fl",
        ),
        (lambda: Categorical([0.0, 0.0]).log_prob([0]), ValueError, r"must have shape \(\), got"),
        (lambda: Categorical([0.0, 0.0]).sample(0), TypeError, "Generator, got 0"),
        (lambda: Normal(PAIR[0], np.zeros(2)), ValueError, r"log_std must have shape \(2, 3\) or"),
        (lambda: Normal(np.zeros(3), PAIR[0]), ValueError, r"Normal: log_std must have shape \(3,"),
        (lambda: Normal([math.nan], 0.0), ValueError, "Normal: mean must be finite, got nan"),
        (lambda: SquashedNormal([0.0], math.inf), ValueError, "log_std must be finite, got inf"),
        (lambda: SquashedNormal(*PAIR).log_prob(np.ones(3)), ValueError, r"shape \(2, 3\), got"),
        (lambda: SquashedNormal([0.0], 0.0).log_prob([1.5]), ValueError, "from -1 to 1, got 1.5"),
        (lambda: SquashedNormal([0.0], 0.0).log_prob([math.nan]), ValueError, "got nan"),
        (
            lambda: Normal(*PAIR).entropy_vjp()[1](np.ones(3)),
            ValueError,
            "grad_entropies must have",
        ),
        (lambda: Normal(*PAIR).sample(np.random), TypeError, "Normal.sample: rng must be a numpy"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_arguments_are_copied():
    logits = np.zeros((1, 3))
    found = Categorical(logits)
    logits[0, 2] = 1.0
    assert found.mode().tolist() == [0]
