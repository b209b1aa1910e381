"""Schedules: their equations, their ends, and that a number and an array give the same bits."""

from __future__ import annotations

import math

import numpy as np
import pytest

import prelunet as pn
from description_checks import assert_covers_the_family, assert_is_a_record
from prelunet import schedules
from prelunet.schedules import (
    Constant,
    CosineDecay,
    CosLog,
    ExponentialDecay,
    FlatCosine,
    FunctionSchedule,
    Schedule,
    StepDecay,
    WarmUp,
)
from tolerances import assert_same_bits, assert_within, gamma

EXAMPLES = [
    Constant(0.1),
    StepDecay(0.1, 0.5, 10),
    ExponentialDecay(0.1, 0.96, 7),
    ExponentialDecay(0.1, 0.96, 7, staircase=True),
    CosineDecay(0.1, 50),
    CosineDecay(0.1, 50, final=0.01),
    CosLog(0.1, steps=100),
    CosLog(0.1, 2, steps=50),
    FlatCosine(0.1, steps=100),
    FlatCosine(0.1, 0.2, steps=50),
    WarmUp(CosineDecay(0.1, 50), 5),
    WarmUp(0.1, 5),
    WarmUp(WarmUp(StepDecay(0.3, 0.1, 20), 4), 3),
]
STEPS = np.arange(120)


@pytest.mark.parametrize("schedule", EXAMPLES, ids=str)
def test_numbers_and_arrays_agree_bit_for_bit(schedule):
    rates = schedule(STEPS)
    assert_same_bits(rates, np.array([schedule(int(step)) for step in STEPS]))
    assert_same_bits(schedule(STEPS[::-3]), rates[::-3])
    assert_same_bits(schedule(STEPS.astype(np.uint8).reshape(4, 30)), rates.reshape(4, 30))
    assert_same_bits(schedule(np.array(7)), rates[7].reshape(()))
    assert_same_bits(schedule(STEPS[:0]), rates[:0])
    for step in (3, np.int32(3)):
        assert type(schedule(step)) is float
        assert schedule(step) == rates[3]


def test_constant():
    assert_same_bits(Constant(0.1)(STEPS), np.full(120, 0.1))
    assert Constant(0)(10**12) == 0.0


def test_step_decay_is_a_product_of_factors():
    schedule = StepDecay(0.1, 0.3, 4)
    assert [schedule(step) for step in range(3, 9)] == [
        0.1,
        0.1 * 0.3,
        0.1 * 0.3,
        0.1 * 0.3,
        0.1 * 0.3,
        0.1 * (0.3 * 0.3),
    ]


@pytest.mark.parametrize("rate", [0.1, 0.96, 0.999999, 1.0, 1.02])
def test_exponential_decay(rate):
    schedule = ExponentialDecay(0.2, rate, 8)
    exponents = STEPS / 8
    # A power of `whole` costs that many roundings; log and exp some 60 operations, whose errors
    # the logarithm's size carries into the result.
    roundings = 15 + int(60 * (1 + abs(math.log(rate))))
    expected = 0.2 * rate**exponents
    assert_within(schedule(STEPS), expected, gamma(roundings, np.float64) * expected)


def test_exponential_decay_meets_whole_powers_and_stairs():
    smooth, stairs = (ExponentialDecay(0.2, 0.7, 8, staircase=s) for s in (False, True))
    steps = StepDecay(0.2, 0.7, 8)
    assert_same_bits(stairs(STEPS), steps(STEPS))
    assert_same_bits(smooth(STEPS[::8]), steps(STEPS[::8]))
    assert np.all(np.diff(smooth(STEPS)) < 0)


def test_exponential_decay_goes_to_zero():
    assert ExponentialDecay(0.2, 0.5, 1)(10**9) == 0.0


@pytest.mark.parametrize("final", [0.0, 0.01, 0.3])
def test_cosine_decay(final):
    schedule = CosineDecay(0.1, 50, final=final)
    t = np.minimum(STEPS / 50, 1)
    expected = final + (0.1 - final) * (1 + np.cos(np.pi * t)) / 2
    # Nine steps of Horner's rule with two operations each, and ten more around them.
    assert_within(schedule(STEPS), expected, gamma(28, np.float64) * (0.1 + final))
    assert schedule(0) == 0.1
    assert_same_bits(schedule(STEPS[50:]), np.full(70, final))


def test_warm_up_rises_in_equal_steps_and_hands_over():
    cosine = CosineDecay(0.1, 50)
    schedule = WarmUp(cosine, 4)
    assert [schedule(step) for step in range(4)] == [0.1 * 0.25, 0.1 * 0.5, 0.1 * 0.75, 0.1]
    assert_same_bits(schedule(STEPS[4:]), cosine(STEPS[:-4]))


def test_warm_up_of_one_step_is_a_repeated_first_rate():
    schedule = StepDecay(0.1, 0.5, 2)
    assert [WarmUp(schedule, 1)(step) for step in range(4)] == [0.1, 0.1, 0.1, 0.05]


def test_the_bits_are_these_on_every_machine():
    rates = [
        ExponentialDecay(0.1, 0.96, 7)(5),
        ExponentialDecay(0.1, 1e-3, 1000)(777),
        CosineDecay(0.1, 50)(13),
        CosineDecay(0.1, 50)(37),
        CosLog(0.1, steps=100)(13),
        CosLog(0.1, steps=100)(71),
    ]
    assert [rate.hex() for rate in rates] == [
        "0x1.8dd43fa3e638ap-4",
        "0x1.e953ec6ddc608p-12",
        "0x1.58fec886d4008p-4",
        "0x1.026b444b16647p-6",
        "0x1.8ae0ac4fc65b9p-4",
        "0x1.926c5c6ee02bep-4",
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_is_a_record(example):
    assert_is_a_record(Schedule, example, vars(schedules))


def test_examples_cover_the_family():
    assert_covers_the_family(Schedule, [*EXAMPLES, FunctionSchedule(abs)])


def test_a_schedule_of_ones_own():
    class Harmonic(Schedule):
        def __init__(self, learning_rate):
            self.learning_rate = learning_rate

        def at(self, step):
            return self.learning_rate / (step + 1)

    assert_same_bits(Harmonic(1.0)(np.arange(3)), np.array([1.0, 1 / 2, 1 / 3]))
    assert WarmUp(Harmonic(1.0), 2)(3) == 1 / 2


@pytest.mark.parametrize("cycles", [1, 2, 4])
def test_cos_log(cycles):
    schedule = CosLog(0.1, cycles, steps=2000)
    t = np.arange(2100) / 2000
    exact = 0.05 * (1 - np.cos(2 * np.pi * np.log2(1 + (2**cycles - 1) * np.minimum(t, 1.0))))
    assert_within(schedule(np.arange(2100)), exact, gamma(64 * 2**cycles, np.float64) * 0.1)
    assert schedule(0) == schedule(2000) == schedule(2001) == 0.0
    rates = schedule(np.arange(2001))
    highest = (rates[1:-1] > rates[:-2]) & (rates[1:-1] >= rates[2:])
    assert highest.sum() == cycles  # one highest rate for each cycle


@pytest.mark.parametrize("flat", [0.0, 0.25, 0.5])
def test_flat_cosine(flat):
    rates = FlatCosine(0.1, flat, steps=40)(np.arange(50))
    t = np.minimum(np.arange(50) / 40, 1.0)
    exact = 0.05 * (1 + np.cos(np.pi * np.maximum(0.0, t - flat) / (1 - flat)))
    assert_within(rates, exact, gamma(64, np.float64) * 0.1)
    assert (rates[t <= flat] == 0.1).all()
    assert (rates[40:] == 0.0).all()


@pytest.mark.parametrize("kind", [CosLog, FlatCosine])
def test_without_a_number_of_updates_a_schedule_spans_a_run(kind):
    schedule, steps = kind(0.1), np.arange(30)
    with pytest.raises(ValueError, match=f"{kind.__name__}: steps must be given outside fit"):
        schedule(3)
    assert_same_bits(schedule.spanning(20)(steps), kind(0.1, steps=20)(steps))
    assert kind(0.1, steps=7).spanning(20) == kind(0.1, steps=7)
    assert Constant(0.1).spanning(20) == Constant(0.1)
    assert WarmUp(schedule, 5).spanning(25) == WarmUp(kind(0.1, steps=20), 5)
    assert WarmUp(0.1, 5).spanning(25) == WarmUp(0.1, 5)


def test_a_function_is_a_schedule():
    schedule = schedules.get(lambda step: 1 / (step + 1))
    assert isinstance(schedule, FunctionSchedule)
    assert_same_bits(schedule(np.arange(3)), np.array([1.0, 1 / 2, 1 / 3]))
    assert schedules.get(lambda step: np.array(0.25)).at(0) == 0.25
    assert WarmUp(schedule, 3).holds_function
    assert not WarmUp(CosLog(0.1), 3).holds_function


def test_an_argument_must_be_stored():
    """Otherwise the schedule could train a model, but not be shown or saved."""

    class Hidden(Schedule):
        def __init__(self, learning_rate):
            self._rate = learning_rate

        def at(self, step):
            return self._rate

    class Stored(Hidden):
        def __init__(self, learning_rate):
            super().__init__(learning_rate)
            self.learning_rate = learning_rate

    message = "^Hidden: the constructor must store its argument 'learning_rate' as an attribute"
    with pytest.raises(TypeError, match=message):
        Hidden(0.1)
    assert repr(Stored(0.1)) == "Stored(learning_rate=0.1)"


def test_get():
    mine = CosineDecay(0.1, 5)
    assert schedules.get(mine) is mine
    assert schedules.get(0.1) == Constant(0.1)
    assert schedules.get(np.float64(0.1)) == Constant(0.1)
    with pytest.raises(TypeError, match=r"schedules\.get: value \(unless a Schedule\) .* got 'a'"):
        schedules.get("a")
    with pytest.raises(ValueError, match=r"schedules\.get: .* a finite number >= 0, got nan"):
        schedules.get(math.nan)


@pytest.mark.parametrize("step", [1.0, True, "1", None, np.arange(3.0), np.array([True])])
def test_a_step_must_be_an_integer(step):
    with pytest.raises(TypeError, match="Constant: step must be an"):
        Constant(0.1)(step)


@pytest.mark.parametrize("step", [-1, np.array([3, -1])])
def test_a_step_must_not_be_negative(step):
    with pytest.raises(ValueError, match=r"Constant: step must be .*>= 0.*, got -1"):
        Constant(0.1)(step)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(-0.1), "Constant: learning_rate must be a finite number >= 0, got -0.1"),
        (lambda: Constant(math.nan), "Constant: learning_rate must be .*, got nan"),
        (lambda: StepDecay(0.1, 0.0, 5), "StepDecay: factor must be a finite number > 0, got 0.0"),
        (lambda: StepDecay(0.1, 0.5, 0), "StepDecay: every must be an integer >= 1, got 0"),
        (lambda: ExponentialDecay(0.1, 0.0, 5), "ExponentialDecay: rate must be .* > 0, got 0.0"),
        (lambda: ExponentialDecay(0.1, 0.5, 0), "ExponentialDecay: steps must be .*, got 0"),
        (lambda: CosineDecay(math.inf, 5), "CosineDecay: learning_rate must be .*, got inf"),
        (lambda: CosineDecay(0.1, -5), "CosineDecay: steps must be an integer >= 1, got -5"),
        (lambda: CosineDecay(0.1, 5, -0.1), "CosineDecay: final must be .* >= 0, got -0.1"),
        (lambda: CosLog(-0.1), "CosLog: initial must be a finite number >= 0, got -0.1"),
        (lambda: CosLog(0.1, 0), "CosLog: cycles must be an integer >= 1 and <= 30, got 0"),
        (lambda: CosLog(0.1, steps=0), r"CosLog: steps \(unless None\) must be .*, got 0"),
        (lambda: FlatCosine(0.1, 1.0), "FlatCosine: flat must be .*, got 1.0"),
        (lambda: WarmUp(-0.1, 5), r"WarmUp: schedule .* must be a finite number >= 0, got -0.1"),
        (lambda: WarmUp(0.1, 0), "WarmUp: steps must be an integer >= 1, got 0"),
    ],
)
def test_bad_values(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant("0.1"), "Constant: learning_rate must be a finite number"),
        (lambda: StepDecay(0.1, 0.5, 2.5), "StepDecay: every must be an integer >= 1, got 2.5"),
        (lambda: StepDecay(0.1, None, 2), "StepDecay: factor must be .* got None"),
        (lambda: ExponentialDecay(0.1, 0.5, True), "ExponentialDecay: steps must be .* got True"),
        (lambda: ExponentialDecay(0.1, 0.5, 5, staircase=1), "staircase must be True or False"),
        (lambda: CosineDecay(0.1, "5"), "CosineDecay: steps must be an integer >= 1, got '5'"),
        (lambda: WarmUp(None, 5), r"WarmUp: schedule .* got None"),
        (lambda: pn.Dropout(CosLog), "Dropout: rate .* must be a finite number >= 0, got <class"),
        (lambda: pn.SGD(0.1, weight_decay=CosLog), "SGD: weight_decay .* got <class"),
        (lambda: schedules.get(lambda step: "1").at(7), "must return a .*, got '1' for update 7"),
        (
            lambda: schedules.get(lambda step: [1]).at(0),
            r"got \[1\] for update 0",
        ),
    ],
)
def test_bad_types(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_the_base_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Schedule()


def test_a_class_without_over_says_so():
    class Mine(schedules.Schedule):
        def at(self, step):
            return 0.1

    with pytest.raises(NotImplementedError, match=r"^Mine: a class with a name must define over"):
        Mine.over(0.1, 3)


def test_setting_the_rate_replaces_the_schedule_alone():
    model = pn.Sequential([pn.Dense(2)], input_shape=(3,), seed=0)
    model.compile(pn.Adam(lambda step: 0.5), metrics=["accuracy"], clip_delta=2.0)
    before = model.engine.compiled
    assert not before.fits_into_files
    model.learning_rate = np.float32(0.25)
    after = model.engine.compiled
    assert model.learning_rate == 0.25
    assert after.schedule == pn.schedules.Constant(0.25)
    assert before.schedule != after.schedule
    assert (after.optimizer, after.loss, after.clip_delta) == (before.optimizer, before.loss, 2.0)
    model.compile(pn.Adam(0.1))
    assert model.engine.compiled.fits_into_files
    model.learning_rate = lambda step: 0.5
    assert not model.engine.compiled.fits_into_files
    model.learning_rate = 0.1
    assert model.engine.compiled.fits_into_files
    for bad in (-1.0, float("nan"), "fast", None, True):
        with pytest.raises((TypeError, ValueError), match=r"^Sequential: learning_rate \(unless a"):
            model.learning_rate = bad
    assert model.learning_rate == 0.1
