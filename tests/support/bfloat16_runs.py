"""Training of "mixed_bfloat16" models, whose bits an order of sums determines.

``PRELUNET_BF16=amx python bfloat16_runs.py results.npz 1 3`` writes what 1 and 3 threads compute.
"""

from __future__ import annotations

import sys

import numpy as np

import prelunet as pn

RATE = 2.0**-10
# Rows of a batch, then the widths of the network: one off those of a group, a panel and a tile.
# Steps on fewer than 16 rows are float32.
SIZES = [
    (16, 80, 81, 95),
    (17, 96, 65, 97),
    (31, 97, 64, 80),
    (32, 79, 96, 65),
    (33, 100, 80, 81),
    (70, 65, 129, 64),
    (65, 64, 64, 65),
]


def case(rows, features, *units):
    """Return a model, X and targets; all layers are wide."""
    rng = np.random.default_rng(rows)
    layers = [pn.Dense(units[0]), pn.PReLU("channel"), pn.Dense(units[-1], use_bias=False)]
    layers = [pn.Dense(features), pn.ReLU(), *layers]
    model = pn.Sequential(layers, input_shape=(features,), dtype="mixed_bfloat16", seed=rows)
    model.set_parameters(
        {n: rng.standard_normal(v.shape) for n, v in model.parameters().items() if "bias" in n}
    )
    model.compile(pn.SGD(RATE), "half_squared_error")
    X = rng.standard_normal((rows, features)).astype(np.float32)
    return model, X, rng.standard_normal((rows, units[-1])).astype(np.float32)


def steps():
    """Return what a step on each case computes."""
    found = {}
    for sizes in SIZES:
        model, X, y = case(*sizes)
        name = "x".join(map(str, sizes))
        found[f"{name} predict"] = model.predict(X)
        _, gradients = model.loss_and_gradients(X, y)
        found |= {f"{name} gradient of {key}": value for key, value in gradients.items()}
        model.train_on_batch(X, y)
        found |= {f"{name} {key}": value.copy() for key, value in model.parameters().items()}
    return found


def network(*, clip_norm=None):
    """Return a model with every kind of layer beside Dense layers in bfloat16."""
    inner = pn.Residual([pn.Dense(64), pn.GELU(), pn.Dense(70)], step=0.5)
    layers = [
        *(pn.Rescaling(1 / 255), pn.Conv2D(8, 3), pn.ReLU(), pn.MaxPool2D(2), pn.Flatten()),
        *(pn.Dense(70), pn.PReLU("shared"), pn.Dropout(0.1), inner),
        *(pn.Dense(65, activation="tanh"), pn.Dense(10)),
    ]
    model = pn.Sequential(layers, input_shape=(9, 8, 2), dtype="mixed_bfloat16", seed=3)
    model.compile(pn.Adam(1e-3, clip_norm=clip_norm), metrics=["accuracy"])
    return model


def runs():
    """Return what whole runs compute: fused and clipped updates, batches of several blocks."""
    rng = np.random.default_rng(0)
    X = rng.integers(256, size=(600, 9, 8, 2)).astype(np.uint8)
    y = rng.integers(10, size=600)
    found = {}
    for name, clip_norm, batch_size in [("one", None, None), ("few", None, 280), ("clip", 1.0, 41)]:
        model = network(clip_norm=clip_norm)
        epochs = 1 if batch_size == 41 else 2
        history = model.fit(X, y, epochs=epochs, batch_size=batch_size, verbose=False)
        found |= {f"{name} {key}": value.copy() for key, value in model.parameters().items()}
        found[f"{name} loss"] = np.array(history["loss"])
        found[f"{name} predict"] = model.predict(X[:300])
    return found


if __name__ == "__main__":
    config = pn.show_config(mode="dicts")
    bundle = {name: np.array(config[name]) for name in ("bfloat16_order", "bfloat16_runs_on")}
    for threads in map(int, sys.argv[2:]):
        pn.set_num_threads(threads)
        bundle |= {f"{threads} threads {n}": a for n, a in (steps() | runs()).items()}
    np.savez(sys.argv[1], **bundle)
