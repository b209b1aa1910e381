"""Gradients of models against the oracle, and against central differences of evaluate's loss."""

from __future__ import annotations

import numpy as np

from network_models import oracle_loss_and_gradients, parameter_copies, roundings
from tolerances import (
    assert_close_to_scale,
    assert_within,
    finite_difference_step,
    finite_difference_tolerance,
)


def assert_agrees_with_the_oracle(model, X, y, weights, *, tolerance, scales=None):
    """Assert that outputs, loss and gradients are the oracle's, to the scale of the largest."""
    outputs, loss, gradients = oracle_loss_and_gradients(model, X, y, weights)
    got_loss, got = model.loss_and_gradients(X, y, sample_weight=weights)
    assert_close_to_scale(model.predict(X), outputs, tolerance, "outputs")
    assert_close_to_scale(got_loss, loss, tolerance, "loss")
    evaluated = model.evaluate(X, y, sample_weight=weights)["loss"]
    assert_close_to_scale(evaluated, loss, tolerance, "evaluate")
    assert list(got) == list(model.parameters())
    assert set(got) == set(gradients)
    for name, gradient in got.items():
        assert gradient.dtype == model.dtype
        scale = np.abs(gradients[name]).max() if scales is None else scales[name]
        assert_within(gradient, gradients[name], tolerance * scale, name)


def central_differences(model, name, X, y, weights):
    """Return the gradient of evaluate's loss by one parameter."""
    start = model.parameters()[name].copy()
    gradient, step = np.zeros(start.shape), finite_difference_step()
    for where in np.ndindex(start.shape):
        losses, places = [], []
        for sign in (1.0, -1.0):
            moved = start.copy()
            moved[where] += sign * step
            model.set_parameters({name: moved})
            losses.append(model.evaluate(X, y, sample_weight=weights)["loss"])
            places.append(moved[where])
        gradient[where] = (losses[0] - losses[1]) / (places[0] - places[1])
    model.set_parameters({name: start})
    return gradient


def assert_gradients_are_derivatives(model, X, y, weights=None):
    """Assert that each gradient is the central difference of the loss."""
    loss, gradients = model.loss_and_gradients(X, y, sample_weight=weights)
    before = parameter_copies(model)
    for name, gradient in gradients.items():
        expected = central_differences(model, name, X, y, weights)
        scale = max(1.0, abs(loss), float(np.abs(expected).max()))
        bound = finite_difference_tolerance(scale, roundings(model, len(X)))
        assert_within(gradient, expected, bound, name)
    for name, values in model.parameters().items():
        assert np.array_equal(values, before[name])
