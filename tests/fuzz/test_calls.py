"""The default run of the call fuzzer, and every call that it has found to fail."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp, parameter_copies
from tolerances import assert_same_bits


def test_no_call_crashes_hangs_or_fails_in_another_way():
    run = subprocess.run(
        [sys.executable, Path(__file__).with_name("calls.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=1000,
    )
    assert run.returncode == 0, run.stdout + run.stderr


# ---- found -------------------------------------------------------------------------------------


def wrong_shape(x):
    return x[:, :0]


@pytest.mark.parametrize(
    "call", ["predict", "evaluate", "fit", "train_on_batch", "train_epoch", "vjp", "trace"]
)
def test_a_first_call_that_fails_in_a_lambda_builds_nothing(call):
    """The shape of a sample stays unknown, and the next data may have another."""
    model = pn.Sequential([pn.Lambda(wrong_shape, wrong_shape), pn.Dense(2)], seed=0)
    model.compile()
    X, y = np.ones((4, 3)), np.zeros(4, int)
    arguments = (X,) if call in ("predict", "vjp") else (X, y)
    with pytest.raises(ValueError, match="Lambda"):
        getattr(model, call)(*arguments)
    assert model.input_shape is None
    assert not model.engine.is_built


def test_a_check_of_gradients_that_fails_leaves_the_model_unbuilt(monkeypatch):
    model = pn.Sequential([pn.Dense(4)], seed=0)
    model.compile(loss="mean_squared_error")
    sparse = pytest.importorskip("scipy.sparse").csr_array(np.ones((1, 6)))
    with pytest.raises(ValueError, match="check_gradients: X must be an array of rows"):
        pn.check_gradients(model, sparse, np.zeros((1, 4)))
    assert model.input_shape is None

    def no_memory(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr(model.engine, "copy", no_memory)
    with pytest.raises(MemoryError):
        pn.check_gradients(model, np.ones((1, 6)), np.zeros((1, 4)))
    assert model.input_shape is None


def test_a_fit_that_fails_after_an_update_keeps_it():
    def stop(epoch, logs):
        raise KeyboardInterrupt

    model = pn.Sequential([pn.Dense(2)], seed=0)
    model.compile()
    with pytest.raises(KeyboardInterrupt):
        model.fit(
            np.ones((4, 3)), np.zeros(4, int), callbacks=[pn.LambdaCallback(on_epoch_end=stop)]
        )
    assert model.steps_trained == 1


def test_rows_are_counted_before_targets_are_read(rng):
    X, _ = labelled(rng, 40)
    cases = (("softmax_cross_entropy", (2**55,)), ("mean_squared_error", (2**55, 5)))
    for (loss, shape), dtype in product(cases, (int, object)):
        model = mlp(loss=loss)
        before = parameter_copies(model)
        y = np.broadcast_to(np.zeros((), dtype), shape)
        for function in (model.train_on_batch, model.fit, model.loss_and_gradients):
            with pytest.raises(ValueError, match=f"y must have as many rows as X, 40, got {2**55}"):
                function(X, y)
        for name, values in model.parameters().items():
            assert_same_bits(values, before[name])


@pytest.mark.parametrize("logs", [1.5, None, [1.0], "loss", np.ones(3)])
def test_logs_of_a_history_are_mappings(logs):
    history = pn.history.History({"loss": [1.0]})
    for call in (history.append, history.extend):
        with pytest.raises(TypeError, match="logs must be a mapping by name, got"):
            call(logs)
    assert history.to_dict() == {"loss": [1.0]}


@pytest.mark.parametrize(("logs", "epoch"), [({"loss": 10**400}, None), ({"loss": 2.0}, "next")])
def test_a_value_or_an_epoch_that_is_refused_leaves_the_history(logs, epoch):
    history = pn.history.History({"loss": [1.0]})
    with pytest.raises(ValueError, match=r"within float64|invalid literal"):
        history.append(logs, epoch=epoch)
    assert history.to_dict() == {"loss": [1.0]}
    assert history.epochs == [0]


@pytest.mark.parametrize("y", [["a", "c"], ["a", "b"]])
def test_a_first_partial_fit_that_fails_leaves_nothing(y):
    clf = pn.MLPClassifier((3,), shuffle="maybe" if y[1] == "b" else True)
    before = dict(vars(clf))
    with pytest.raises((ValueError, TypeError)):
        clf.partial_fit(np.ones((2, 3)), y, classes=["a", "b"])
    assert vars(clf) == before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("scoring", [None, "loss"])
def test_held_out_targets_in_column_order(rng, scoring):
    X, y = rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    curves = []
    for order in "CF":
        reg = pn.MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, random_state=0, scoring=scoring)
        given = np.asarray(y, order=order)
        reg.fit(X, given, X_val=X, y_val=given)
        curves.append(reg.validation_loss_curve_)
    assert curves[0] == curves[1]


def test_held_out_targets_of_another_width_are_refused_before_training(rng):
    X, y = rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    reg = pn.MLPRegressor(hidden_layer_sizes=(3,), max_iter=3)
    for y_val in (y[:, 0], np.hstack([y, y])):
        with pytest.raises(ValueError, match=r"y_val must have outputs of shape \(2,\) as y, got"):
            reg.fit(X, y, X_val=X, y_val=y_val)
        assert not hasattr(reg, "coefs_")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_integers_beyond_float64_are_refused(rng):
    X, y = rng.standard_normal((4, 2)), [0, 1, 0, 1]
    large = [[10**400, 1.0]] * 4
    clf = pn.MLPClassifier((3,), max_iter=1, solver="lbfgs")
    with pytest.raises(ValueError, match="data must hold numbers within float64"):
        clf.fit(large, y)
    clf.fit(X, y)
    with pytest.raises(ValueError, match="data must hold numbers within float64"):
        clf.predict(large)
    clf.intercepts_ = [np.array([10**400] * 3), clf.intercepts_[1]]
    with pytest.raises(TypeError, match="must hold real numbers, got dtype object"):
        clf.predict(X)
