"""A run of many steps in one call, in which a layer may keep its weight in a place of its own.

After it parameters and the optimizer's state are where they belong, with the bits of single steps.
"""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import activation_layer, dense, labelled, mlp
from prelunet.state import get_state
from tolerances import assert_same_bits

STEPS = 11
BATCH = 23
OPTIMIZERS = {
    "sgd": pn.SGD(0.1),
    "momentum": pn.SGD(0.05, momentum=0.9, l2=1e-2),
    "nesterov": pn.SGD(0.05, momentum=0.8, nesterov=True, weight_decay=0.1),
    "adam": pn.Adam(0.01),
    "adamw": pn.AdamW(0.01, weight_decay=0.3),
}


def assert_same_state(model, other):
    """Assert that parameters, slots and predictions have the same bits."""
    arrays, expected = (get_state(m.engine, "test", {})["arrays"] for m in (model, other))
    assert list(arrays) == list(expected)
    for name, values in expected.items():
        assert_same_bits(arrays[name], values, name)


def built(layers, features, dtype, optimizer):
    """Return a compiled model with weights of its own."""
    model = pn.Sequential(layers, input_shape=(features,), dtype=np.dtype(dtype).name, seed=2)
    model.compile(optimizer)
    return model


def one_by_one(model, X, y, batch):
    """Train a step a call, which is too short for a layer to take its parameters."""
    for begin in range(0, len(X), batch):
        model.train_on_batch(X[begin : begin + batch], y[begin : begin + batch])


@pytest.mark.parametrize("units", [1, 2, 8, 17, 50, 104])
@pytest.mark.parametrize("features", [1, 15, 16, 50, 97])
@pytest.mark.parametrize("threads", [1, 3])
def test_weights_of_all_widths(rng, dtype, units, features, threads):
    pn.set_num_threads(threads)
    X, y = labelled(rng, STEPS * BATCH, (features,), 3, dtype)
    for optimizer in (OPTIMIZERS["sgd"], OPTIMIZERS["adam"]):
        layers = [pn.Dense(units), pn.PReLU("channel"), pn.Dense(400), pn.ReLU(), pn.Dense(3)]
        models = [built(layers, features, dtype, optimizer) for _ in range(2)]
        models[0].fit(X, y, epochs=1, batch_size=BATCH, shuffle=False)
        one_by_one(models[1], X, y, BATCH)
        assert_same_state(*models)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("batch", [23, 300])  # 300 goes block by block
def test_every_optimizer(rng, dtype, name, batch):
    X, y = labelled(rng, STEPS * batch, (70,), 5, dtype)
    models = [mlp((70,), (97, 20, 5), dtype=np.dtype(dtype).name) for _ in range(2)]
    for model in models:
        model.compile(OPTIMIZERS[name])
    models[0].fit(X, y, epochs=1, batch_size=batch, shuffle=False)
    one_by_one(models[1], X, y, batch)
    assert_same_state(*models)


def test_optimizers_may_change_between_runs(rng):
    X, y = labelled(rng, STEPS * BATCH, (33,), 5, np.float32)
    models = [mlp((33,), (50, 5), dtype="float32") for _ in range(2)]
    for optimizer in (OPTIMIZERS["adam"], OPTIMIZERS["sgd"], OPTIMIZERS["momentum"]):
        for model in models:
            model.compile(optimizer)
        models[0].fit(X, y, epochs=1, batch_size=BATCH, shuffle=False)
        one_by_one(models[1], X, y, BATCH)
        assert_same_state(*models)


@pytest.mark.parametrize(
    "layers",
    [
        [pn.Dropout(0.2), dense(40, trainable=False), pn.ReLU(), dense(50), pn.Tanh(), dense(5)],
        [dense(33), pn.Residual([dense(33), activation_layer("relu")]), dense(5)],
        [pn.Residual([dense(33)]), dense(5)],
        [dense(5)],
    ],
    ids=["frozen below", "residual above", "residual first", "one layer"],
)
def test_nets_whose_lowest_layer_is_another(rng, layers):
    X, y = labelled(rng, STEPS * BATCH, (33,), 5, np.float32)
    models = [built(layers, 33, np.float32, pn.Adam(0.01)) for _ in range(2)]
    models[0].fit(X, y, epochs=1, batch_size=BATCH, shuffle=False)
    one_by_one(models[1], X, y, BATCH)
    assert_same_state(*models)


def test_callbacks_see_the_weight_of_their_step(rng):
    """They run between calls of the core, after which parameters are back."""
    X, y = labelled(rng, 40 * BATCH, (33,), 5, np.float32)
    models = [mlp((33,), (50, 5), dtype="float32") for _ in range(2)]
    seen = []

    class Watch(pn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs):
            seen.append({k: v.copy() for k, v in self.model.parameters().items()})

    for model in models:
        model.compile(pn.SGD(0.1))
    models[0].fit(X, y, epochs=3, batch_size=BATCH, shuffle=False, callbacks=[Watch()])
    for epoch in range(3):
        one_by_one(models[1], X, y, BATCH)
        for name, values in models[1].parameters().items():
            assert_same_bits(seen[epoch][name], values, f"{name} after epoch {epoch}")
