"""Masked arrays: refused by name where elements are masked, since an array has no mask."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp, parameter_copies
from tolerances import assert_same_bits


def masked(values, rows=1):
    mask = np.zeros(np.shape(values), bool)
    mask[:rows] = True
    return np.ma.array(values, mask=mask)


@pytest.mark.parametrize("argument", ["X", "y", "sample_weight"])
@pytest.mark.parametrize(
    "method", ["fit", "train_on_batch", "train_epoch", "evaluate", "loss_and_gradients"]
)
def test_models_refuse_masked_elements(rng, method, argument):
    model = mlp()
    X, y = labelled(rng, 40)
    given = {"X": X, "y": y, "sample_weight": np.ones(40)}
    given[argument] = masked(given[argument])
    before = parameter_copies(model)
    with pytest.raises(ValueError, match=rf"{argument} must have no masked elements, got \d+"):
        getattr(model, method)(**given)
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name])


def test_other_methods_refuse_them(rng):
    model = mlp()
    X, y = labelled(rng, 40)
    outputs, backward = model.vjp(X)
    for call, argument in [
        (lambda: model.predict(masked(X)), "predict: X"),
        (lambda: model.vjp(masked(X)), "vjp: X"),
        (lambda: backward(masked(outputs)), "backward: grad_outputs"),
        (lambda: model.set_parameters({"4.bias": masked(np.zeros(5))}), "set_parameters: 4.bias"),
        (lambda: model.fit(X, y, validation_data=(masked(X), y)), "fit: validation_data: X"),
    ]:
        with pytest.raises(ValueError, match=f"{argument} must have no masked elements"):
            call()


@pytest.mark.parametrize("kind", [pn.MLPClassifier, pn.MLPRegressor])
def test_estimators_refuse_them(rng, kind):
    X, y = labelled(rng, 40)
    for given, argument in [((masked(X), y), "X"), ((X, masked(y)), "y")]:
        with pytest.raises(ValueError, match=f"fit: {argument} must have no masked elements"):
            kind().fit(*given)
    fitted = kind(max_iter=20, tol=1e9, n_iter_no_change=2).fit(X, y)
    with pytest.raises(ValueError, match="predict: X must have no masked elements"):
        fitted.predict(masked(X))


def test_ops_refuse_them():
    x = np.ones((3, 2))
    for call, argument in [
        (lambda: pn.ops.relu_forward(masked(x)), "relu_forward: x"),
        (lambda: pn.ops.gemm(x, masked(x)), "gemm"),
        (lambda: pn.ops.softmax_cross_entropy(x, masked(np.ones(3, int))), "targets"),
        (
            lambda: pn.ops.mean_squared_error(x, x, sample_weight=masked(np.ones(3))),
            "sample_weight",
        ),
    ]:
        with pytest.raises(ValueError, match=f"{argument}.* must have no masked elements"):
            call()


def test_a_mask_of_nothing_is_no_mask(rng):
    X, y = labelled(rng, 40)
    plain, model = mlp(), mlp()
    assert_same_bits(model.predict(np.ma.array(X, mask=False)), plain.predict(X))
    assert model.fit(np.ma.array(X), np.ma.array(y)) == plain.fit(X, y)
    assert_same_bits(pn.ops.relu_forward(np.ma.array(X)), pn.ops.relu_forward(X))
