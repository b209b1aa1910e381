"""Initializers: their moments, their bounds, and that a seed fixes them."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

import prelunet as pn
from description_checks import assert_covers_the_family, assert_is_a_record
from prelunet import initializers
from prelunet.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    Normal,
    Orthogonal,
    TruncatedNormal,
    UndefinedInitializer,
    Uniform,
    Zeros,
)
from tolerances import assert_same_bits, assert_within, sum_tolerance

FAN_IN, FAN_OUT = 300, 100
COUNT = 40_000
STANDARD_ERRORS = 6  # a right sampler leaves them for two seeds in a thousand million

# What is left of the variance of a normal distribution cut at two standard deviations:
# 1 - 2 c phi(c) / (2 Phi(c) - 1) for c = 2.
DENSITY_AT_2 = math.exp(-2.0) / math.sqrt(2 * math.pi)
TRUNCATED_VARIANCE = 1 - 4 * DENSITY_AT_2 / math.erf(math.sqrt(2.0))

# Each with its mean and standard deviation.
RANDOM = [
    (Normal(), 0.0, 0.05),
    (Normal(1.5, 0.1), 1.5, 0.1),
    (TruncatedNormal(), 0.0, 0.05 * math.sqrt(TRUNCATED_VARIANCE)),
    (TruncatedNormal(-2.0, 0.3), -2.0, 0.3 * math.sqrt(TRUNCATED_VARIANCE)),
    (Uniform(), 0.0, 0.1 / math.sqrt(12)),
    (Uniform(1.0, 3.0), 2.0, 2.0 / math.sqrt(12)),
    (GlorotUniform(), 0.0, math.sqrt(2 / (FAN_IN + FAN_OUT))),
    (GlorotNormal(), 0.0, math.sqrt(2 / (FAN_IN + FAN_OUT))),
    (HeUniform(), 0.0, math.sqrt(2 / FAN_IN)),
    (HeNormal(), 0.0, math.sqrt(2 / FAN_IN)),
]
UNDEFINED = {"class": "Mine", "a": 1, "module": "mine", "family": "Initializer"}
EXAMPLES = [
    *(initializer for initializer, _, _ in RANDOM),
    Orthogonal(2.0),
    Zeros(),
    Constant(-0.5),
]


def draw(initializer, shape=(COUNT,), seed=1):
    return initializer.draw(np.random.default_rng(seed), shape, FAN_IN, FAN_OUT)


@pytest.mark.parametrize(("initializer", "mean", "stddev"), RANDOM, ids=str)
def test_moments(initializer, mean, stddev):
    values = draw(initializer)
    centred = values - mean
    assert abs(centred.mean()) <= STANDARD_ERRORS * stddev / math.sqrt(COUNT)
    of_squares = (centred**2).std() / math.sqrt(COUNT)
    assert abs((centred**2).mean() - stddev**2) <= STANDARD_ERRORS * of_squares


@pytest.mark.parametrize(
    ("initializer", "low", "high"),
    [
        (Uniform(1.0, 3.0), 1.0, 3.0),
        (GlorotUniform(), -math.sqrt(6 / 400), math.sqrt(6 / 400)),
        (HeUniform(), -math.sqrt(6 / 300), math.sqrt(6 / 300)),
    ],
    ids=str,
)
def test_uniform_fills_its_range_and_stays_in_it(initializer, low, high):
    shares, _ = np.histogram(draw(initializer), bins=10, range=(low, high))
    assert shares.sum() == COUNT
    assert np.all(np.abs(shares - COUNT / 10) <= STANDARD_ERRORS * math.sqrt(COUNT * 0.09))


def test_truncated_normal_redraws_beyond_two_deviations():
    values = draw(TruncatedNormal(0.0, 1.0))
    assert np.abs(values).max() <= 2.0
    assert len(np.unique(values)) == COUNT  # values moved to the bound would meet there
    # Redrawing keeps the shape of what is left: the share within one deviation grows by 1 / kept.
    share = math.erf(math.sqrt(0.5)) / math.erf(math.sqrt(2.0))
    error = math.sqrt(share * (1 - share) / COUNT)
    assert abs(np.mean(np.abs(values) < 1.0) - share) <= STANDARD_ERRORS * error


def test_truncated_normal_is_not_rescaled():
    values, standard = draw(TruncatedNormal(0.5, 0.25)), draw(Normal(0.0, 1.0))
    kept = np.abs(standard) <= 2.0
    assert_same_bits(values[kept], 0.5 + 0.25 * standard[kept])


def test_draws_are_scaled_standard_draws():
    # Each operation rounded, as NumPy does it: the same bits whatever the compiler fuses.
    standard = np.random.default_rng(1).standard_normal(COUNT)
    uniform = np.random.default_rng(1).random(COUNT)
    assert_same_bits(draw(Normal(0.25, 0.1)), 0.25 + 0.1 * standard)
    assert_same_bits(draw(HeNormal()), math.sqrt(2 / FAN_IN) * standard)
    assert_same_bits(draw(Uniform(-1.0, 2.0)), -1.0 + 3.0 * uniform)


@pytest.mark.parametrize(
    "shape", [(5, 70), (70, 5), (66, 66), (1, 1), (1, 9), (9, 1), (8, 3, 2, 3)]
)
def test_orthogonal_matrices(shape):
    gain = 1.5
    matrix = draw(Orthogonal(gain), shape).reshape(shape[0], -1)  # filters are flattened
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    count, length = wide.shape
    # A reflection subtracts from a row r, of norm 1, the multiple s v of a vector v, s = 2 r.v /
    # v.v, abs(s v) <= 2. A sum of n numbers, added pairwise, meets log2(n) roundings, each product
    # one more. s v errs by 2 (2 log2(n) + 7) roundings, the difference by one. Each of two rows
    # meets `count` reflections; the product of two rows is a sum of `length` terms.
    roundings = 4 * math.ceil(math.log2(length)) + 15
    tolerance = gain**2 * sum_tolerance(2 * count * roundings + length, np.float64)
    assert_within(wide @ wide.T, gain**2 * np.eye(count), tolerance)


def test_orthogonal_matrices_are_uniformly_distributed():
    # Entries of a uniform orthogonal matrix of n rows have mean 0 and variance 1 / n, the trace
    # has mean 0 and variance 1. A QR decomposition without the signs of R fails the latter.
    rng, n, count = np.random.default_rng(3), 3, 2000
    drawn = np.stack([Orthogonal().draw(rng, (n, n), n, n) for _ in range(count)])
    error = STANDARD_ERRORS / math.sqrt(count)
    assert np.all(np.abs(drawn.mean(axis=0)) <= error / math.sqrt(n))
    # 3 / (n (n + 2)) - 1 / n^2 is the variance of a squared entry
    deviation = math.sqrt(3 / (n * (n + 2)) - 1 / n**2)
    assert np.all(np.abs((drawn**2).mean(axis=0) - 1 / n) <= error * deviation)
    assert abs(np.trace(drawn, axis1=1, axis2=2).mean()) <= error


def test_orthogonal_matrices_have_the_same_bits_on_every_machine():
    drawn = [draw(Orthogonal(math.sqrt(2)), shape) for shape in ((70, 40), (3, 3, 3, 8), (65, 65))]
    assert hashlib.sha256(b"".join(map(bytes, drawn))).hexdigest() == (
        "289e84ac1938715026535fe2a2ed29456afec3119e08020170d3c1d57a3cb363"
    )


def test_orthogonal_needs_two_axes():
    with pytest.raises(
        ValueError, match=r"Orthogonal: a parameter must have two .* axes, got \(7,"
    ):
        pn.Sequential([pn.Dense(7, bias_init="orthogonal")], input_shape=(3,))


@pytest.mark.parametrize("initializer", EXAMPLES, ids=str)
def test_a_seed_fixes_the_draw(initializer):
    first = draw(initializer, (30, 7), seed=5)
    assert first.dtype == np.float64
    assert first.shape == (30, 7)
    assert first.flags.c_contiguous
    assert first.flags.writeable
    assert_same_bits(draw(initializer, (30, 7), seed=5), first)


@pytest.mark.parametrize(("initializer", "mean", "stddev"), RANDOM, ids=str)
def test_the_generator_moves_on(initializer, mean, stddev):
    rng = np.random.default_rng(5)
    assert not np.any(initializer.draw(rng, (50,), 3, 4) == initializer.draw(rng, (50,), 3, 4))


@pytest.mark.parametrize(("initializer", "value"), [(Zeros(), 0.0), (Constant(-0.5), -0.5)])
def test_constants_leave_the_generator_alone(initializer, value):
    rng = np.random.default_rng(5)
    assert_same_bits(initializer.draw(rng, (2, 3), 3, 2), np.full((2, 3), value))
    assert rng.random() == np.random.default_rng(5).random()


def test_uniform_may_have_one_value():
    assert_same_bits(draw(Uniform(0.3, 0.3), (4,)), np.full(4, 0.3))


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_is_a_record(example):
    assert_is_a_record(Initializer, example, vars(initializers))


def test_examples_cover_the_family():
    assert_covers_the_family(Initializer, [*EXAMPLES, UndefinedInitializer(UNDEFINED)])


def test_an_initializer_that_is_not_defined_keeps_its_configuration():
    assert Initializer.from_config(UNDEFINED) == UndefinedInitializer(UNDEFINED)
    assert UndefinedInitializer(UNDEFINED).config() == UNDEFINED
    with pytest.raises(ValueError, match="'Mine' of module 'mine' is not defined"):
        UndefinedInitializer(UNDEFINED).draw(np.random.default_rng(0), (2, 3), 3, 2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("normal", Normal()),
        ("truncated_normal", TruncatedNormal()),
        ("uniform", Uniform()),
        ("glorot_uniform", GlorotUniform()),
        ("glorot_normal", GlorotNormal()),
        ("he_uniform", HeUniform()),
        ("he_normal", HeNormal()),
        ("orthogonal", Orthogonal()),
        ("zeros", Zeros()),
    ],
)
def test_get_by_name(name, expected):
    assert initializers.get(name) == expected


def test_get_of_an_initializer_or_a_number():
    mine = Normal(stddev=0.2)
    assert initializers.get(mine) is mine
    assert initializers.get(0.25) == Constant(0.25)
    assert initializers.get(np.float32(0.25)) == Constant(0.25)
    assert initializers.get(0) == Constant(0.0)


@pytest.mark.parametrize("value", [None, True, [0.1], Normal])
def test_get_refuses_other_types(value):
    with pytest.raises(TypeError, match=r"initializers\.get: value \(unless .* must be .* number"):
        initializers.get(value)


def test_get_refuses_unknown_names_and_numbers_that_are_not_finite():
    with pytest.raises(ValueError, match=r"initializers\.get: .*'he_normal'.* got 'he'"):
        initializers.get("he")
    with pytest.raises(ValueError, match=r"initializers\.get: .* must be a finite number, got nan"):
        initializers.get(math.nan)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(stddev=-0.1), "Normal: stddev must be a finite number >= 0, got -0.1"),
        (lambda: Normal(stddev=math.nan), "Normal: stddev must be a finite number >= 0, got nan"),
        (lambda: Normal(mean=math.inf), "Normal: mean must be a finite number, got inf"),
        (lambda: TruncatedNormal(stddev=-1), "TruncatedNormal: stddev must be .* >= 0, got -1"),
        (lambda: Orthogonal(-1.0), "Orthogonal: gain must be a finite number >= 0, got -1"),
        (lambda: Uniform(0.2, 0.1), r"Uniform: high must be a finite number >= 0.2, got 0.1"),
        (lambda: Uniform(-math.inf, 0.1), "Uniform: low must be a finite number, got -inf"),
        (lambda: Constant(math.inf), "Constant: value must be a finite number, got inf"),
    ],
)
def test_bad_values(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal("a"), "Normal: mean must be a finite number, got 'a'"),
        (lambda: TruncatedNormal(None), "TruncatedNormal: mean must be a finite number, got None"),
        (lambda: Uniform(True), "Uniform: low must be a finite number, got True"),
        (lambda: Constant([1.0]), r"Constant: value must be a finite number, got \[1.0\]"),
    ],
)
def test_bad_types(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_the_base_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Initializer()
