"""What the tests of fit assert again and again."""

from __future__ import annotations

import pytest

import prelunet as pn
from network_models import mlp, parameter_copies
from tolerances import assert_same_bits


def assert_same_models(one, other):
    """Assert that two models have made as many steps and have the same parameters."""
    assert one.engine.core.steps == other.engine.core.steps
    for name, values in one.parameters().items():
        assert_same_bits(other.parameters()[name], values, name)


def assert_refused(data, error, message, **arguments):
    """Assert that fit refuses the arguments before anything has moved."""
    model = mlp()
    before = parameter_copies(model)
    with pytest.raises(error, match=message):
        model.fit(*data, **arguments)
    assert model.engine.core.steps == model.epochs_trained == 0
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)


def recorded(between, wanted=parameter_copies):
    """Return a callback and the list to which it adds (step, what is wanted of the model)."""
    seen = []
    callback = pn.LambdaCallback(
        on_steps=lambda steps, logs: seen.append((steps, wanted(callback.model))),
        steps_between=between,
    )
    return callback, seen


def lengths_of_calls(patch, model):
    """Return the list to which each call into C++ adds how many steps it makes."""
    lengths = []
    train = type(model.engine.core).train

    def counted(self, rows, targets, order, batch_size, rates, totals):
        lengths.append(len(rates))
        return train(self, rows, targets, order, batch_size, rates, totals)

    patch.setattr(type(model.engine.core), "train", counted)
    return lengths
