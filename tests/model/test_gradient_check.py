"""`check_gradients`: right gradients pass, wrong ones are named, kinks do no harm."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import LOSSES, conv2d, dense, inputs, labelled, mlp, parameter_copies, targets


@pytest.mark.parametrize("loss", LOSSES)
def test_right_gradients_pass(rng, loss):
    model = mlp(loss=loss, activation="tanh")
    X, y = inputs(rng, 12), targets(rng, 12, 5, loss=loss)
    errors = pn.check_gradients(model, X, y, sample_weight=rng.uniform(0.5, 1.5, 12))
    assert errors.passed
    assert list(errors) == [*model.parameters(), "X"]
    for error in errors.values():
        assert 0.0 < error.error <= error.allowed < error.largest
    lines = repr(errors).splitlines()
    assert all(line.endswith(" ok") for line in lines[1:])


def test_every_kind_of_layer(rng):
    stack = [
        *(pn.Rescaling(0.5), conv2d(3, 3, activation="prelu"), pn.MaxPool2D(2), pn.Flatten()),
        *(dense(8), pn.PReLU("shared"), pn.Dropout(0.4), pn.Residual([dense(8), pn.Tanh()], 0.2)),
        dense(3),
    ]
    model = pn.Sequential(stack, input_shape=(6, 6, 2), dtype="float32", seed=5)
    model.compile(pn.Adam(), "softmax_cross_entropy")
    before = parameter_copies(model)
    assert pn.check_gradients(model, inputs(rng, 10, (6, 6, 2)), targets(rng, 10, 3)).passed
    for name, values in model.parameters().items():
        np.testing.assert_array_equal(values, before[name])


def test_a_wrong_backward_is_found_below_it_and_not_above(rng):
    wrong = pn.Lambda(np.tanh, lambda grad_y, x, y: grad_y * (1 - y))  # 1 - y**2 is right
    model = pn.Sequential(
        [dense(9, name="below"), wrong, dense(5, name="above")], input_shape=(19,), seed=0
    )
    model.compile("sgd", "softmax_cross_entropy")
    errors = pn.check_gradients(model, *labelled(rng, 10))
    assert not errors.passed
    wrong_ones = {name for name, error in errors.items() if not error.passed}
    assert wrong_ones == {"below.weight", "below.bias", "X"}
    lines = repr(errors).splitlines()
    assert lines[0].split() == ["parameter", "largest", "error", "allowed", "tried"]
    assert len(lines) == 6
    assert lines[1].startswith("below.weight")
    assert lines[1].endswith("WRONG")
    assert lines[4].endswith("ok")


def test_a_slope_that_is_wrong_by_little_is_found(rng):
    almost = pn.Lambda(np.tanh, lambda grad_y, x, y: grad_y * (1 - y**2) * (1 + 1e-5))
    model = pn.Sequential([dense(9), almost, dense(5)], input_shape=(19,), seed=0)
    model.compile("sgd", "softmax_cross_entropy")
    assert not pn.check_gradients(model, *labelled(rng, 10)).passed
    assert pn.check_gradients(model, *labelled(rng, 10), tolerance=1e-4).passed


def test_kinks_do_no_harm(rng, monkeypatch):
    """Many ReLUs, on rows so small that some kinks lie within the first step."""
    model = pn.Sequential([pn.Dense(50), pn.ReLU(), pn.Dense(3)], input_shape=(4,), seed=1)
    model.compile("sgd", "softmax_cross_entropy")
    X, y = rng.standard_normal((200, 4)) * 1e-2, targets(rng, 200, 3)
    assert pn.check_gradients(model, X, y, entries=200).passed
    monkeypatch.setattr("prelunet.gradient_check._STEPS", (1.0,))
    assert not pn.check_gradients(model, X, y, entries=200).passed


def test_a_first_layer_without_anything_to_learn_below_it_is_checked(rng):
    wrong = pn.Lambda(np.tanh, lambda grad_y, x, y: grad_y * 1e6)
    model = pn.Sequential([wrong, dense(3)], input_shape=(19,))
    model.compile("sgd", "mean_squared_error")
    errors = pn.check_gradients(model, inputs(rng, 8), rng.standard_normal((8, 3)))
    assert [name for name, error in errors.items() if not error.passed] == ["X"]


def test_a_wrong_sign_does_not_hide_behind_the_rounding_of_the_loss(rng):
    """Twelve sigmoids leave a gradient of some 1e-9 of the loss."""
    wrong = pn.Lambda(np.tanh, lambda grad_y, x, y: -grad_y * (1 - y * y))
    right = pn.Lambda(np.tanh, lambda grad_y, x, y: grad_y * (1 - y * y))
    for layer in (wrong, right):
        stack = [pn.Dense(10), layer, *[pn.Dense(10, "sigmoid")] * 12, pn.Dense(3)]
        model = pn.Sequential(stack, input_shape=(4,), seed=1)
        model.compile("sgd", "softmax_cross_entropy")
        errors = pn.check_gradients(model, rng.standard_normal((20, 4)), np.arange(20) % 3)
        first = errors["0.weight"]
        assert str(first) == ("WRONG" if layer is wrong else "ok") or first.unclear
        assert errors.passed is False or layer is right
        assert errors["14.weight"].passed


def test_nan_is_wrong(rng):
    model = mlp()
    model.set_parameters({"0.bias": np.full(33, np.nan)})
    errors = pn.check_gradients(model, *labelled(rng, 4), entries=2)
    assert not any(error.passed for error in errors.values())


def test_fewer_entries_are_all_tried(rng):
    errors = pn.check_gradients(mlp(), *labelled(rng, 4), entries=7, seed=3)
    assert errors["0.weight"].tried == 7
    assert errors["4.bias"].tried == 5
    with pytest.raises(KeyError):
        errors["5.bias"]


def test_bad_input_is_refused(rng):
    X, y = labelled(rng, 4)
    with pytest.raises(TypeError, match="check_gradients: model must be a Sequential, got 3"):
        pn.check_gradients(3, X, y)
    with pytest.raises(ValueError, match="check_gradients: tolerance must be"):
        pn.check_gradients(mlp(), X, y, tolerance=0.0)
    with pytest.raises(ValueError, match="check_gradients: entries must be"):
        pn.check_gradients(mlp(), X, y, entries=0)
    with pytest.raises(RuntimeError, match="compile the model first"):
        pn.check_gradients(pn.Sequential([dense(5)]), X, y)
    with pytest.raises(ValueError, match="y must have as many rows as X"):
        pn.check_gradients(mlp(), X, y[:2])
