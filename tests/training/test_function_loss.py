"""A loss that is a function of Python's, beside the engine's own of the same equation."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import prelunet as pn
from network_models import dense, inputs, labelled, mlp, parameter_copies
from tolerances import ORACLE_GRADIENT, assert_close_to_scale, assert_same_bits


def cross_entropy(outputs, labels):
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    total = np.exp(shifted).sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    losses = np.log(total[:, 0]) - shifted[rows, labels]
    grad_outputs = np.exp(shifted) / total
    grad_outputs[rows, labels] -= 1
    return losses, grad_outputs


def squared(outputs, targets):
    d = outputs - targets.reshape(outputs.shape)
    return (d**2).sum(axis=1), 2 * d


def pair(function, name, **options):
    """Return a model with the function and one with the engine's loss."""
    return mlp(loss=function, **options), mlp(loss=name, **options)


def assert_alike(ours, engine):
    for name, values in engine.parameters().items():
        assert_close_to_scale(ours.parameters()[name], values, ORACLE_GRADIENT, name)


@pytest.mark.parametrize("batch_size", [32, None])
@pytest.mark.parametrize("watched", [False, True])
def test_fit_is_the_engines(rng, batch_size, watched):
    X, y = labelled(rng, 75)
    ours, engine = pair(cross_entropy, "softmax_cross_entropy", optimizer=pn.Adam(0.01))
    weights = rng.uniform(0.0, 2.0, 75)
    options = {"epochs": 3, "batch_size": batch_size, "sample_weight": weights}
    options |= {"class_weight": {0: 3.0}}
    if watched:
        options |= {"validation_data": (X[:20], y[:20])}
    histories = [model.fit(X, y, **options) for model in (ours, engine)]
    assert_alike(ours, engine)
    assert list(histories[0]) == list(histories[1])
    for name, values in histories[1].items():
        assert_close_to_scale(histories[0][name], values, ORACLE_GRADIENT, name)
    assert ours.epochs_trained == 3
    assert ours.steps_trained == engine.steps_trained


def test_everything_else_is_the_engines(rng):
    X, y = labelled(rng, 40)
    weights = rng.uniform(0.5, 1.5, 40)
    ours, engine = pair(cross_entropy, "softmax_cross_entropy")
    for operation in ("evaluate", "train_on_batch", "evaluate"):
        got, expected = (
            getattr(model, operation)(X, y, sample_weight=weights) for model in (ours, engine)
        )
        assert got.keys() == expected.keys()
        for name, value in expected.items():
            assert_close_to_scale(got[name], value, ORACLE_GRADIENT, name)
    got, expected = (
        model.train_epoch(X, y, order=[3, 1, 2], batch_size=2) for model in (ours, engine)
    )
    assert_close_to_scale(got["loss"], expected["loss"], ORACLE_GRADIENT)
    assert_alike(ours, engine)
    traces = [model.trace(X, y, sample_weight=weights) for model in (ours, engine)]
    for name, values in traces[1].items():
        assert_close_to_scale(traces[0][name], values, ORACLE_GRADIENT, name)
    loss, gradients = ours.loss_and_gradients(X, y, sample_weight=weights)
    own_loss, own = engine.loss_and_gradients(X, y, sample_weight=weights)
    assert_close_to_scale(loss, own_loss, ORACLE_GRADIENT)
    for name, gradient in own.items():
        assert_close_to_scale(gradients[name], gradient, ORACLE_GRADIENT, name)
    assert pn.check_gradients(ours, X, y).passed


def test_targets_come_as_they_were_given(rng):
    seen = []

    def loss(outputs, targets):
        seen.append(targets)
        return squared(outputs, targets[:, 0])

    model = pn.Sequential([dense(1)], input_shape=(3,), dtype="float64", seed=0)
    model.compile("sgd", loss, ["accuracy"])
    targets = rng.standard_normal((6, 2, 2)).astype(np.float32)[:, :, :1]
    X = inputs(rng, 6, (3,))
    history = model.fit(X, targets[:, :1], batch_size=4, shuffle=False)
    assert [batch.shape for batch in seen] == [(4, 1, 1), (2, 1, 1)]
    assert_same_bits(np.concatenate(seen), targets[:, :1])
    assert list(history) == ["loss"]  # quantities are neither right nor wrong


def test_accuracy_of_one_output(rng):
    model = pn.Sequential([dense(1)], input_shape=(3,), dtype="float64", seed=0)
    model.compile("sgd", squared, ["accuracy"])
    X, y = inputs(rng, 30, (3,)), rng.integers(2, size=30)
    found = (model.predict(X)[:, 0] > 0.5) == y
    assert model.evaluate(X, y)["accuracy"] == found.mean()


def test_rows_without_weight_do_nothing(rng):
    ours, _ = pair(cross_entropy, "softmax_cross_entropy")
    X, y = labelled(rng, 6)
    before = parameter_copies(ours)
    assert ours.train_on_batch(X, y, sample_weight=np.zeros(6))["loss"] == 0.0
    for name, values in ours.parameters().items():
        assert_same_bits(values, before[name])


def test_copies_keep_it_and_files_the_network_alone(rng, tmp_path):
    X, y = labelled(rng, 9)
    model = mlp(loss=cross_entropy, optimizer=pn.Adam(0.01))
    model.train_on_batch(X, y)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert again.evaluate(X, y) == model.evaluate(X, y)
    model.save(tmp_path / "m.npz")
    loaded = pn.load(tmp_path / "m.npz")
    assert_same_bits(loaded.predict(X), model.predict(X))
    with pytest.raises(RuntimeError, match="evaluate: compile the model first"):
        loaded.evaluate(X, y)
    with pytest.raises(ValueError, match="the loss must be a cross-entropy, got 'function'"):
        model.predict_proba(X)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda outputs, y: 3.0, TypeError, "cannot unpack"),
        (
            lambda outputs, y: (outputs.sum(), outputs),
            ValueError,
            r"row losses must have shape \(9,",
        ),
        (lambda outputs, y: (outputs[:, 0], outputs[:, :2]), ValueError, r"shape \(9, 5\), got"),
        (lambda outputs, y: (["a"] * 9, outputs), TypeError, "row losses must be real numbers"),
    ],
)
def test_what_it_returns_is_checked(rng, function, error, message):
    model = mlp(loss=function)
    before = parameter_copies(model)
    with pytest.raises(error, match=message):
        model.fit(*labelled(rng, 9))
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name])


def test_bad_arguments_are_refused(rng):
    with pytest.raises(TypeError, match="FunctionLoss: function must be callable, got 3"):
        pn.losses.FunctionLoss(3)
    X, y = labelled(rng, 9)
    with pytest.raises(ValueError, match="y must have as many rows as X, 9, got 8"):
        mlp(loss=cross_entropy).fit(X, y[:8])
    with pytest.raises(ValueError, match="sample_weight"):
        mlp(loss=cross_entropy).fit(X, y, sample_weight=-np.ones(9))


def test_deltas_are_clipped_as_under_a_named_loss(rng):
    X, y = inputs(rng, 30, (3,)), 10 * rng.standard_normal((30, 2))
    weights = rng.uniform(0.0, 2.0, 30)
    trained = []
    for loss in (squared, "batch_mean_squared_error"):
        model = pn.Sequential(
            [dense(8), pn.Tanh(), dense(2)], input_shape=(3,), dtype="float64", seed=1
        )
        model.compile(pn.SGD(0.1), loss, clip_delta=0.01)
        model.fit(X, y, epochs=2, batch_size=8, sample_weight=weights)
        trained.append(model)
    assert_alike(*trained)


def test_rows_that_are_not_there_are_refused_before_anything_moves(rng):
    X, y = labelled(rng, 9)
    model = mlp(loss=cross_entropy)
    before = parameter_copies(model)
    for order in ([0, 1, 9], [-1, 0]):
        with pytest.raises(
            ValueError, match="train_epoch: order must hold row numbers from 0 to 8"
        ):
            model.train_epoch(X, y, order=order, batch_size=2)
    for name, values in model.parameters().items():
        assert_same_bits(values, before[name])


def test_a_loss_that_writes_into_outputs_does_not_change_the_accuracy(rng):
    def careless(outputs, labels):
        found = cross_entropy(outputs, labels)
        outputs[:] = 0
        return found

    X, y = labelled(rng, 40)
    assert mlp(loss=careless).evaluate(X, y) == mlp(loss=cross_entropy).evaluate(X, y)
    ours, other = (mlp(loss=loss).train_on_batch(X, y) for loss in (careless, cross_entropy))
    assert ours == other


def test_a_row_without_weight_may_be_anything(rng):
    X, y = labelled(rng, 6)
    weights = np.array([1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    X[2] = np.inf
    with np.errstate(all="ignore"):
        found = mlp(loss=cross_entropy).evaluate(X, y, sample_weight=weights)["loss"]
    assert np.isfinite(found)
