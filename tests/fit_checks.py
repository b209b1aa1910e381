"""What the tests of fit assert again and again."""

from __future__ import annotations

import pytest

from network_models import mlp, parameter_copies
from tolerances import assert_same_bits


def assert_same_models(one, other):
    """Assert that two models have made as many steps and have the same parameters."""
    assert one._network.steps == other._network.steps
    for name, values in one.parameters().items():
        assert_same_bits(other.parameters()[name], values, name)


def assert_refused(data, error, message, **arguments):
    """Assert that fit refuses the arguments before anything has moved."""
    model = mlp()
    before = parameter_copies(model)
    with pytest.raises(error, match=message):
        model.fit(*data, **arguments)
    assert model._network.steps == model.epochs_trained == 0
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name], name)
