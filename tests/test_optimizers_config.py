"""Optimizers as configuration: arguments, slots, records; the ops' tests have the arithmetic."""

from __future__ import annotations

import inspect
import math

import pytest

from description_checks import assert_covers_the_family, assert_is_a_record
from prelunet import initializers, optimizers, schedules
from prelunet.optimizers import SGD, Adam, AdamW, Optimizer
from prelunet.parameter_groups import ParameterGroup

COMMON = {
    "l2": 0.01,
    "weight_decay": 0.02,
    "clip_value": 1.5,
    "clip_norm": 2.5,
    "decay_all": True,
    "groups": (ParameterGroup("*.bias", learning_rate_factor=0.1, weight_decay_factor=0.0),),
}
EXAMPLES = [
    *(make() for make in Optimizer.named().values()),
    SGD(0.1, momentum=0.9, nesterov=True, **COMMON),
    SGD(schedules.WarmUp(schedules.CosineDecay(0.1, 100), 10)),
    SGD(schedules.Constant(0.1)),
    Adam(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-6, **COMMON),
    AdamW(schedules.StepDecay(0.1, 0.5, 10), beta_1=0.8, beta_2=0.99, epsilon=1e-6, **COMMON),
]
NAMES = vars(schedules) | vars(optimizers)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_is_a_record(example):
    assert_is_a_record(Optimizer, example, NAMES)


def test_examples_cover_the_family():
    assert_covers_the_family(Optimizer, EXAMPLES)


def test_a_nested_schedule_is_found_by_its_arguments():
    # There is a Constant among the initializers too.
    assert issubclass(initializers.Constant, initializers.Initializer)
    read = Optimizer.from_config(SGD(schedules.Constant(0.1)).config())
    assert isinstance(read.learning_rate, schedules.Constant)
    config = SGD().config()
    for nested, message in [
        ({"class": "Constant", "rate": 0.1}, "Constant: unknown argument 'rate'"),
        ({"class": "Nonsense"}, "SGD: learning_rate must have a known class, got 'Nonsense'"),
    ]:
        with pytest.raises(ValueError, match=message):
            Optimizer.from_config(config | {"learning_rate": nested})


@pytest.mark.parametrize("make", [SGD, Adam, AdamW])
def test_arguments_arrive(make):
    optimizer = make(0.25, **COMMON)
    assert optimizer.learning_rate == 0.25
    assert {name: getattr(optimizer, name) for name in COMMON} == COMMON
    parameters = list(inspect.signature(make).parameters.values())
    assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == ["learning_rate"]


def test_defaults():
    assert SGD().learning_rate == 0.01
    assert (SGD().momentum, SGD().nesterov) == (0.0, False)
    assert Adam().learning_rate == AdamW().learning_rate == 1e-3
    assert (Adam().beta_1, Adam().beta_2, Adam().epsilon) == (0.9, 0.999, 1e-8)
    assert (SGD().weight_decay, Adam().weight_decay, AdamW().weight_decay) == (0.0, 0.0, 0.01)
    for optimizer in (SGD(), Adam(), AdamW()):
        assert (optimizer.l2, optimizer.decay_all) == (0.0, False)
        assert (optimizer.clip_value, optimizer.clip_norm) == (None, None)


def test_slots():
    assert [SGD().slots, SGD(momentum=0.5).slots, Adam().slots, AdamW().slots] == [0, 1, 2, 2]


@pytest.mark.parametrize(("name", "make"), [("sgd", SGD), ("adam", Adam), ("adamw", AdamW)])
def test_get(name, make):
    assert optimizers.get(name) == make()
    assert make.name == name
    mine = make(0.3)
    assert optimizers.get(mine) is mine


def test_get_refuses_the_rest():
    with pytest.raises(ValueError, match=r"optimizers\.get: .*'sgd', 'adam'.*, got 'sgdd'"):
        optimizers.get("sgdd")
    for value in (None, 0.1, SGD):
        with pytest.raises(TypeError, match=r"optimizers\.get: value \(unless an Optimizer\)"):
            optimizers.get(value)


BAD_VALUES = [
    ("learning_rate", -0.1),
    ("learning_rate", math.nan),
    ("learning_rate", math.inf),
    ("l2", -1e-9),
    ("weight_decay", -1e-9),
    ("clip_value", 0.0),
    ("clip_norm", -1.0),
    ("clip_norm", math.inf),
]


@pytest.mark.parametrize("make", [SGD, Adam, AdamW])
@pytest.mark.parametrize(("argument", "value"), BAD_VALUES)
def test_bad_values(make, argument, value):
    message = rf"{make.__name__}: {argument} .*must be a finite number .*, got {value}"
    with pytest.raises(ValueError, match=message):
        make(**{argument: value})


@pytest.mark.parametrize("make", [SGD, Adam, AdamW])
@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("learning_rate", "0.1"),
        ("learning_rate", initializers.Constant(0.1)),
        ("learning_rate", None),
        ("l2", None),
        ("weight_decay", True),
        ("clip_value", "1"),
        ("decay_all", 1),
    ],
)
def test_bad_types(make, argument, value):
    with pytest.raises(TypeError, match=rf"{make.__name__}: {argument} .*must be"):
        make(**{argument: value})


@pytest.mark.parametrize("momentum", [-0.1, 1.0, math.nan])
def test_bad_momentum(momentum):
    with pytest.raises(ValueError, match="SGD: momentum must be a finite number >= 0 and < 1, got"):
        SGD(momentum=momentum)


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match="SGD: momentum must be above 0 when nesterov is True"):
        SGD(nesterov=True)
    with pytest.raises(TypeError, match="SGD: nesterov must be True or False, got 'yes'"):
        SGD(momentum=0.9, nesterov="yes")


@pytest.mark.parametrize("make", [Adam, AdamW])
@pytest.mark.parametrize(
    ("argument", "value"),
    [("beta_1", 1.0), ("beta_1", -0.1), ("beta_2", 1.0), ("epsilon", 0.0), ("epsilon", math.nan)],
)
def test_bad_adam(make, argument, value):
    with pytest.raises(ValueError, match=f"{make.__name__}: {argument} must be .*, got {value}"):
        make(**{argument: value})


def test_the_base_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Optimizer(0.1)
