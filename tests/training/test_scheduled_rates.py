"""Schedules of weight decay and of dropout rates."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp
from tolerances import assert_same_bits

ROWS, SIZE, EPOCHS = 26, 8, 3
STEPS = 4 * EPOCHS


@pytest.fixture
def data(rng):
    return labelled(rng, ROWS)


def same_parameters(first, second):
    for name, values in first.parameters().items():
        assert_same_bits(values, second.parameters()[name], name)


def dropping(*rates, optimizer=None, dtype="float64"):
    """Return a compiled model with dropout, also inside a residual."""
    inside = pn.Residual([pn.Dense(11, "tanh"), pn.Dropout(rates[-1])])
    layers = [pn.Dense(11, "relu"), pn.Dropout(rates[0]), pn.Dropout(0.1), inside, pn.Dense(5)]
    model = pn.Sequential(layers, input_shape=(19,), dtype=dtype, seed=5)
    model.compile(optimizer or pn.SGD(0.1), "softmax_cross_entropy")
    return model


def fits(model, data, **options):
    model.fit(*data, batch_size=SIZE, epochs=EPOCHS, **options)
    return model


def cubes(outputs, targets):
    """Return a loss in Python."""
    wanted = np.eye(outputs.shape[1])[targets]
    return ((outputs - wanted) ** 2).sum(axis=1), 2 * (outputs - wanted)


@pytest.mark.parametrize("optimizer", [pn.SGD, pn.Adam, pn.AdamW])
@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_each_update_has_its_weight_decay(data, optimizer, clip_norm):
    schedule = pn.schedules.FlatCosine(0.5)
    options = {"clip_norm": clip_norm, "decay_all": True}
    model = fits(mlp(optimizer=optimizer(0.05, weight_decay=schedule, **options)), data)
    other = mlp(optimizer=optimizer(0.05, weight_decay=0.0, **options))
    # The same updates one by one, with a new optimizer that has the state of the old one.
    values = schedule.spanning(STEPS)(np.arange(STEPS))
    decays = iter(values)
    plain = mlp(optimizer=optimizer(0.05, weight_decay=lambda step: next(decays), **options))
    for epoch in range(EPOCHS):
        order = pn._core.row_order(plain.seed, epoch, ROWS)
        for start in range(0, ROWS, SIZE):
            rows = order[start : start + SIZE]
            plain.train_on_batch(data[0][rows], data[1][rows])
    same_parameters(model, plain)
    fits(other, data)
    assert any((other.parameters()[n] != v).any() for n, v in model.parameters().items())


def test_a_constant_schedule_is_the_number(data):
    constant = pn.schedules.Constant
    pairs = [(0.2, 0.3), (constant(0.2), constant(0.3)), (constant(0.2), 0.3)]
    models = [
        fits(dropping(rate, optimizer=pn.AdamW(0.01, weight_decay=decay)), data)
        for decay, rate in pairs
    ]
    same_parameters(models[0], models[1])
    same_parameters(models[0], models[2])


@pytest.mark.parametrize("hooks", [False, True])
def test_each_update_has_its_dropout_rates(data, hooks):
    schedule = pn.schedules.FlatCosine(0.4, 0.2)
    callbacks = [pn.LambdaCallback(on_train_batch_end=lambda *given: None)] if hooks else []
    model = fits(dropping(schedule, 0.3), data, callbacks=callbacks)
    rates = schedule.spanning(STEPS)(np.arange(STEPS))
    other = dropping(lambda step: rates[step], lambda step: 0.3)
    for epoch in range(EPOCHS):
        order = pn._core.row_order(other.seed, epoch, ROWS)
        for start in range(0, ROWS, SIZE):
            rows = order[start : start + SIZE]
            other.train_on_batch(data[0][rows], data[1][rows])
    same_parameters(model, other)
    steady = fits(dropping(0.4, 0.3), data)
    assert (steady.parameters()["0.weight"] != model.parameters()["0.weight"]).any()


def test_gradients_and_tapes_have_the_rates_of_the_next_update(data):
    X, y = data
    model, steady = dropping(lambda step: (0.2, 0.6)[step]), dropping(0.6)
    model.train_on_batch(X, y)
    steady.set_parameters(model.parameters())
    steady.engine.core.steps = 1
    for found, expected in zip(
        model.loss_and_gradients(X, y)[1].values(),
        steady.loss_and_gradients(X, y)[1].values(),
        strict=True,
    ):
        assert_same_bits(found, expected)
    outputs, backward = model.vjp(X, training=True)
    expected, expected_backward = steady.vjp(X, training=True)
    assert_same_bits(outputs, expected)
    model.learning_rate = 0.2  # the tape keeps its rates
    assert_same_bits(backward(outputs)[0], expected_backward(outputs)[0])
    assert_same_bits(model.predict(X), steady.predict(X))


def test_a_trace_in_a_callback_has_the_rates_of_the_next_update(data):
    X, y = data
    found = []

    class Tracing(pn.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            found.append((self.model.trace(X, y), self.model.vjp(X, training=True)[0]))

    fits(dropping(pn.schedules.CosLog(0.4)), data, callbacks=[Tracing()])
    for traced, outputs in found:
        assert_same_bits(traced["4.z"], outputs)


def test_a_loss_in_python_has_them_too(data):
    models = []
    for rates, decay in (((0.2, 0.5), 0.1), ((lambda step: 0.2, lambda step: 0.5), lambda s: 0.1)):
        model = dropping(*rates)
        model.compile(pn.SGD(0.01, weight_decay=decay), cubes)
        models.append(fits(model, data))
    same_parameters(*models)


@pytest.mark.parametrize("threads", [1, 3])
def test_bits_do_not_depend_on_threads(data, threads):
    before = pn.get_num_threads()
    models = []
    try:
        for count in (1, threads):
            pn.set_num_threads(count)
            optimizer = pn.Adam(0.01, weight_decay=pn.schedules.CosLog(0.3))
            models.append(fits(dropping(pn.schedules.CosLog(0.3), optimizer=optimizer), data))
    finally:
        pn.set_num_threads(before)
    same_parameters(*models)


def test_compiling_again_forgets_the_decay(data):
    model, other = (mlp(optimizer=pn.SGD(0.1, weight_decay=d)) for d in (lambda step: 0.9, 0.0))
    for one in (model, other):
        fits(one, data)
        one.set_parameters(mlp().parameters())
        one.compile(pn.SGD(0.1), "softmax_cross_entropy")
        one.epochs_trained = 0
        fits(one, data)
    same_parameters(model, other)


@pytest.mark.parametrize(("wrong", "told"), [(1.0, "1.0"), (-0.5, "-0.5"), (np.nan, "nan")])
def test_a_wrong_dropout_rate_is_refused_by_name(data, wrong, told):
    model = dropping(0.1, lambda step: 0.5 if step < 6 else wrong)
    message = rf"layer 3\.1 \(Dropout\): rate: the schedule .*, got {told} for update 6"
    with pytest.raises(ValueError, match=message):
        fits(model, data)


def test_a_wrong_weight_decay_is_refused_by_name(data):
    with pytest.raises(ValueError, match=r"weight_decay: the schedule .*, got -1.0 for update 0"):
        fits(mlp(optimizer=pn.SGD(0.1, weight_decay=lambda step: -1)), data)


def test_files(data, tmp_path):
    model = dropping(
        pn.schedules.CosLog(0.3), optimizer=pn.AdamW(weight_decay=pn.schedules.FlatCosine(0.1))
    )
    fits(model, data)
    model.save(tmp_path / "m.npz")
    other = pn.load(tmp_path / "m.npz")
    assert other.layers == model.layers
    same_parameters(fits(model, data), fits(other, data))
    with pytest.raises(TypeError, match="save: layer 1 is a Dropout; its functions"):
        dropping(lambda step: 0.1).save(tmp_path / "f.npz")
    plain = mlp(optimizer=pn.SGD(weight_decay=lambda step: 0.1))
    plain.save(tmp_path / "p.npz")
    assert pn.load(tmp_path / "p.npz").engine.compiled is None
