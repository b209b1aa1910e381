"""Lambda: a layer written in Python, beside the engine's own."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import prelunet as pn
from network_models import dense, inputs, labelled, parameter_copies
from subprocesses import run_code
from tolerances import assert_close_to_scale, sum_tolerance


def relu(x):
    return np.where(x > 0, x, 0)


def relu_backward(grad_y, x, y):
    assert grad_y.shape == x.shape == y.shape
    return np.where(x > 0, grad_y, 0)


def network(layer, *, dtype="float64", outputs=5):
    model = pn.Sequential(
        [dense(17), layer, dense(outputs)], input_shape=(19,), dtype=dtype, seed=2
    )
    model.compile(pn.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 300])
def test_it_trains_as_the_layer_it_imitates(rng, rows, dtype):
    X, y = labelled(rng, rows)
    trained = []
    for layer in (pn.Lambda(relu, relu_backward), pn.ReLU()):
        model = network(layer, dtype=dtype)
        history = model.fit(X, y, epochs=3, batch_size=64)
        trained.append((history["loss"], parameter_copies(model), model.predict(X)))
    (loss, parameters, outputs), (own_loss, own, own_outputs) = trained
    assert loss == own_loss
    for name, values in own.items():
        np.testing.assert_array_equal(parameters[name], values)
    np.testing.assert_array_equal(outputs, own_outputs)


def test_shapes_of_its_own_inside_a_residual_and_first(rng):
    fold = pn.Lambda(
        lambda x: x[:, :, 0] + x[:, :, 1],
        lambda grad_y, x, y: np.repeat(grad_y[:, :, np.newaxis], 2, axis=2),
        output_shape=(4,),
    )
    half = pn.Lambda(lambda x: x / 2, lambda grad_y, x, y: grad_y / 2, name="half")
    model = pn.Sequential(
        [fold, pn.Residual([half, dense(4)], 0.5), dense(2)],
        input_shape=(4, 2),
        dtype="float64",
        seed=1,
    )
    model.compile("sgd", "mean_squared_error")
    X, y = inputs(rng, 9, (4, 2)), rng.standard_normal((9, 2))
    assert pn.check_gradients(model, X, y).passed
    outputs, backward = model.vjp(X)
    grad_x, _ = backward(np.ones((9, 2)))
    assert grad_x.shape == X.shape
    step = 1e-6
    moved = X.copy()
    moved[3, 2, 1] += step
    slope = (model.predict(moved) - outputs).sum() / step
    assert_close_to_scale(grad_x[3, 2, 1], slope, sum_tolerance(9, np.float32))
    assert "half" in repr(model)


def test_what_a_function_raises_comes_out_and_harms_nothing(rng):
    calls = []

    def fails_later(x):
        calls.append(len(x))
        if len(calls) > 3:
            raise ArithmeticError("no more")
        return x

    model = network(pn.Lambda(fails_later, lambda grad_y, x, y: grad_y))
    X, y = labelled(rng, 64)
    with pytest.raises(ArithmeticError, match="no more"):
        model.fit(X, y, batch_size=16, shuffle=False)
    calls.clear()
    after_three = network(pn.Lambda(lambda x: x, lambda grad_y, x, y: grad_y))
    after_three.fit(X[:48], y[:48], batch_size=16, shuffle=False)
    for name, values in after_three.parameters().items():
        np.testing.assert_array_equal(model.parameters()[name], values)
    assert model.steps_trained == 3
    assert model.predict(X[:1]).shape == (1, 5)  # usable again


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (
            lambda x: x[:, :3],
            ValueError,
            r"Lambda \(layer 1\): forward must return shape \(16, 17\), got",
        ),
        (
            lambda x: x.astype(complex),
            TypeError,
            r"Lambda \(layer 1\): forward must return real numbers, got",
        ),
        (lambda x: None, (TypeError, ValueError), r"Lambda \(layer 1\): forward must return"),
    ],
)
def test_what_forward_returns_is_checked(rng, result, error, message):
    model = network(pn.Lambda(result, relu_backward))
    with pytest.raises(error, match=message):
        model.predict(inputs(rng, 16))


def test_what_backward_returns_is_checked(rng):
    model = network(pn.Lambda(relu, lambda grad_y, x, y: grad_y[:1]))
    before = parameter_copies(model)
    with pytest.raises(
        ValueError, match=r"Lambda \(layer 1\): backward must return shape \(16, 17\), got"
    ):
        model.fit(*labelled(rng, 16))
    for name, values in model.parameters().items():
        np.testing.assert_array_equal(values, before[name])


def test_integers_and_lists_are_taken(rng):
    model = network(pn.Lambda(lambda x: (x > 0).tolist(), lambda grad_y, x, y: np.zeros_like(x)))
    hidden = model.trace(inputs(rng, 4))["1.a"]
    assert set(np.unique(hidden)) == {0.0, 1.0}


def test_copies_have_its_functions_and_files_cannot(rng, tmp_path):
    model = network(pn.Lambda(relu, relu_backward))
    X = inputs(rng, 3)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
    with pytest.raises(TypeError, match="save: layer 1 is a Lambda; its functions cannot be saved"):
        model.save(tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


def test_it_is_a_record_but_for_json():
    layer = pn.Lambda(relu, relu_backward, (4,), name="mine")
    assert layer == pickle.loads(pickle.dumps(layer)) == copy.deepcopy(layer)
    assert layer != pn.Lambda(relu, relu_backward, (4,), name="other")
    assert repr(layer).startswith("Lambda(forward=<function relu at ")
    with pytest.raises(AttributeError, match="forward cannot be changed"):
        layer.forward = relu_backward


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1, relu_backward), TypeError, "Lambda: forward must be callable, got 1"),
        ((relu, None), TypeError, "Lambda: backward must be callable, got None"),
        ((relu, relu_backward, ()), ValueError, "Lambda: output_shape must be None or a tuple"),
        ((relu, relu_backward, 3), TypeError, "Lambda: output_shape must be None or a tuple"),
        ((relu, relu_backward, (0,)), ValueError, "Lambda: an entry of output_shape must be"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        pn.Lambda(*arguments)


def test_an_interrupt_comes_out_as_it_is():
    """One that arrives while the engine works: Python must not be called with it pending."""
    run_code(
        """
        import os, signal, threading
        import numpy as np
        import prelunet as pn

        model = pn.Sequential(
            [pn.Dense(400), pn.Lambda(lambda x: x, lambda g, x, y: g), pn.Dense(400), pn.Dense(3)],
            input_shape=(400,),
            dtype="float64",
        )
        model.compile("sgd", "mean_squared_error")
        X, y = np.ones((4000, 400)), np.ones((4000, 3))
        for _ in range(10):
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                model.fit(X, y, batch_size=256, epochs=1000)
            except KeyboardInterrupt:
                continue
            raise SystemExit("not interrupted")
        """
    )


def test_a_model_that_its_functions_refer_to_is_freed():
    class Owner:
        def __init__(self):
            layer = pn.Lambda(self.forward, lambda grad_y, x, y: grad_y)
            self.model = pn.Sequential([pn.Dense(2), layer], input_shape=(3,))

        def forward(self, x):
            return x

    owner = Owner()
    owner.model.predict(np.zeros((1, 3)))
    network = weakref.ref(owner.model)
    del owner
    gc.collect()
    assert network() is None
