"""What every description must do, whatever its family: one check that the families' tests share."""

from __future__ import annotations

import copy
import inspect
import json
import pickle

import pytest


def assert_covers_the_family(family, examples):
    """Assert that there is an example of each concrete class that the library has in `family`."""
    own = [c for c in family._family.values() if c.__module__.startswith("prelunet.")]
    there = {c for c in own if not inspect.isabstract(c)}
    assert {type(example) for example in examples} >= there


def assert_is_a_record(family, example, names):
    """Assert that `example` survives JSON, pickle, copies and repr, and that it cannot change.

    `names` is what its repr may use.
    """
    config = example.config()
    assert config["class"] == type(example).__name__
    assert set(config) - {"class"} == set(inspect.signature(type(example)).parameters)
    others = [
        family.from_config(json.loads(json.dumps(config))),
        pickle.loads(pickle.dumps(example)),
        copy.deepcopy(example),
        eval(repr(example), dict(names)),
    ]
    for other in others:
        assert type(other) is type(example)
        assert other == example
        assert hash(other) == hash(example)
        assert other.config() == config
    for argument in set(config) - {"class"}:
        with pytest.raises(AttributeError, match=f"{argument} cannot be changed"):
            setattr(example, argument, None)
    with pytest.raises(ValueError, match="unknown argument 'nonsense'"):
        family.from_config(config | {"nonsense": 1})
    with pytest.raises(ValueError, match=r"class must be one of .*, got 'Nonsense'"):
        family.from_config(config | {"class": "Nonsense"})
