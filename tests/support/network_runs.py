"""Whole training runs, whose every result must have the same bits wherever that is promised.

``PRELUNET_ISA=avx2 python network_runs.py results.npz 1 3`` writes what that ISA computes with 1
and with 3 threads; the entry "isa" names the ISA that ran.
"""

from __future__ import annotations

import sys

import numpy as np

import prelunet as pn
from network_models import ACTIVATIONS, activation_layer, conv2d, dense, targets
from prelunet import _core
from sparse_rows import Csr

ROWS = 330
FEATURES = 64
CATEGORIES = 50
WIDTHS = (97, 61, 10)  # large enough for a team even with the smallest batch below
DTYPES = ("float32", "float64")


def with_all_state(update):
    """Return an optimizer with the options on that make it keep all of its state."""
    described = pn.optimizers.get(update)
    states = next(row[1] for row in _core.ops.UPDATES if row[0] == update)
    options = {option for _, option in states if option}
    values = {o: True if isinstance(getattr(described, o), bool) else 0.5 for o in options}
    return type(described)(1e-3, **values, l2=1e-2, weight_decay=0.1)


RUNS = {
    "sgd": {"optimizer": pn.SGD(0.1)},
    "momentum": {"optimizer": pn.SGD(0.05, momentum=0.9, l2=1e-3), "batch_size": 41},
    "nesterov": {
        "optimizer": pn.SGD(0.05, momentum=0.8, nesterov=True, weight_decay=0.01),
        "activation": "prelu-shared",
    },
    "adam": {"optimizer": pn.Adam(2e-3, l2=1e-3, decay_all=True), "batch_size": 64},
    "adamw": {"optimizer": pn.AdamW(2e-3), "weighted": True},
    "clip-norm": {"optimizer": pn.SGD(0.2, clip_norm=0.3, l2=1e-2)},
    "clip-value": {"optimizer": pn.Adam(2e-3, clip_value=1e-2, clip_norm=0.2)},
    "clip-delta": {"optimizer": pn.SGD(0.1), "clip_delta": 0.2, "residuals": True},
    "clip-delta-convolution": {
        "optimizer": pn.Adam(2e-3),
        "clip_delta": 0.1,
        "convolves": True,
        "shape": (9, 8, 3),
        "batch_size": 300,
    },
    "cosine": {"optimizer": pn.SGD(pn.schedules.CosineDecay(0.2, 20))},
    "dropout": {"optimizer": pn.Adam(2e-3), "dropout": 0.3, "batch_size": 300},
    "large-batch": {"optimizer": pn.SGD(0.1), "batch_size": 300},
    "one-batch": {"optimizer": pn.SGD(0.1, momentum=0.5), "batch_size": None},
    "one-thread": {"optimizer": pn.SGD(0.1), "batch_size": 3},
    "in-order": {"optimizer": pn.SGD(0.1), "shuffle": False},
    "uint8": {"optimizer": pn.SGD(0.1), "data": np.uint8},
    "float64-data": {"optimizer": pn.SGD(0.1), "data": np.float64},
    "residual": {"optimizer": pn.Adam(2e-3), "residuals": True, "batch_size": 300},
    "residual-sgd": {"optimizer": pn.SGD(0.1), "residuals": True, "activation": "prelu-shared"},
    "convolution": {"optimizer": pn.Adam(2e-3), "convolves": True, "shape": (9, 8, 3)},
    "convolution-sgd": {
        "optimizer": pn.SGD(0.1, momentum=0.5),
        "convolves": True,
        "shape": (9, 8, 3),
        "activation": "prelu-shared",
        "batch_size": 300,
        "dropout": 0.2,
    },
    "columns": {"optimizer": pn.AdamW(2e-3), "embeds": True, "batch_size": 300},
    "columns-clip": {"optimizer": pn.SGD(0.05, momentum=0.5, clip_norm=0.5), "embeds": True},
    "layer-norm": {
        "optimizer": pn.AdamW(2e-3, clip_norm=0.5),
        "normalizes": True,
        "convolves": True,
        "shape": (9, 8, 3),
        "batch_size": 300,
    },
    "layer-norm-sgd": {"optimizer": pn.SGD(0.1, momentum=0.5, l2=1e-2), "normalizes": True},
    "parametric": {"optimizer": pn.Adam(2e-3), "activation": "parametric-selu"},
    "parametric-convolution": {
        "optimizer": pn.SGD(0.1, momentum=0.5),
        "activation": "parametric-mish",
        "convolves": True,
        "shape": (9, 8, 3),
        "batch_size": 300,
    },
    **{
        f"parametric-{name}": {
            "optimizer": pn.SGD(0.1, clip_norm=1.0),
            "activation": f"parametric-{name}",
            "epochs": 1,
            "batch_size": 110,
        }
        for name in ("elu", "relu", "tanh")
    },
    "scale": {"optimizer": pn.Adam(2e-3), "scales": True, "batch_size": 300},
    "scale-convolution": {
        "optimizer": pn.SGD(0.1, momentum=0.5, clip_norm=0.5),
        "scales": True,
        "convolves": True,
        "shape": (9, 8, 3),
    },
    "sparse": {"optimizer": pn.Adam(2e-3), "batch_size": 300, "sparse": True},
    "sparse-sgd": {"optimizer": pn.SGD(0.1, momentum=0.5), "batch_size": 41, "sparse": True},
    "sparse-clip": {"optimizer": pn.SGD(0.2, clip_norm=0.3), "dropout": 0.2, "sparse": True},
    "image": {"optimizer": pn.SGD(0.1), "shape": (4, 8, 2), "batch_size": 300},
    **{
        f"{name}-activation": {
            "optimizer": pn.SGD(0.1),
            "activation": name,
            "epochs": 1,
            "batch_size": 110,
        }
        for name in ACTIVATIONS
    },
    **{
        f"{name}-loss": {"optimizer": pn.SGD(1e-3), "loss": name, "epochs": 1, "batch_size": 110}
        for name in pn.ops.LOSSES
    },
    **{f"{name}-update": {"optimizer": pn.optimizers.get(name)} for name in pn.ops.UPDATES},
    **{f"{name}-update-all": {"optimizer": with_all_state(name)} for name in pn.ops.UPDATES},
}


def samples(rng, shape, data):
    """Return samples as users have them: pixels, or numbers about 0."""
    if data == np.uint8:
        return rng.integers(256, size=(ROWS, *shape)).astype(np.uint8)
    return rng.standard_normal((ROWS, *shape)).astype(data)


def residual(units, activation):
    """Return a residual with dropout and another residual in it."""
    inner = pn.Residual([dense(23), activation_layer(activation)], step=0.5)
    return pn.Residual(
        [dense(23), activation_layer(activation), pn.Dropout(0.2), inner, dense(units)], step=0.1
    )


def convolutions(activation):
    """Return layers over images, with windows that overlap, stick out and leave gaps."""
    return [
        *(conv2d(17, 3, padding="same"), activation_layer(activation), pn.MaxPool2D(2, 1)),
        *(conv2d(26, (2, 3), stride=2), activation_layer(activation)),
        *(pn.MaxPool2D(2, padding="same"), conv2d(9, 2, activation="tanh"), pn.Flatten()),
    ]


def piecewise(version, features):
    """Return piecewise linear embeddings with different numbers of bins."""
    bins = [np.linspace(-1, 1 + f / 8, 2 + (5 * f) % 13) for f in range(features)]
    return pn.PiecewiseLinearEmbeddings(bins, 5, activation=version == "A", version=version)


def gaps():
    """Return layers without parameters for two columns, which may have gaps."""
    return [pn.Imputation([0.5, -0.25]), pn.Rescaling([2.0, 0.3], [0.0, 1.0]), pn.Clip(-2, 1.5)]


def embeddings():
    """Return a layer whose first three columns hold codes, and others numbers to embed."""
    return pn.Columns(
        [
            ("codes", [pn.Embedding(CATEGORIES, 7)], slice(0, 3)),
            ("pbld", [pn.PeriodicEmbeddings(5, n_frequencies=21)], slice(3, 12)),
            ("plr", [pn.PeriodicEmbeddings(6, n_frequencies=9, kind="plr"), dense(30)], [40, 20]),
            ("pl", [piecewise("A", 6), dense(9), piecewise("B", 9)], slice(3, 21, 3)),
            ("gaps", gaps(), [30, 32]),
            ("one-hot", [pn.OneHot([[*range(9)], [3, 1]]), dense(3)], [0, 2]),
            ("deep", [dense(33), pn.PReLU(), dense(20)], slice(3, None, 2)),
        ],
        remainder="passthrough",
    )


def build(
    dtype, *, activation, dropout, residuals, convolves, normalizes, scales, embeds, data, shape
):
    """Return the model of a run."""
    layers = [pn.Rescaling(1 / 255)] if data == np.uint8 else []
    if scales:
        layers.append(pn.Scale(pn.initializers.Normal(stddev=0.5)))
    layers += [embeddings()] if embeds else []
    if normalizes:
        layers += [pn.LayerNorm(), pn.LayerNorm(tuple(range(-len(shape), 0)), center=False)]
    if convolves:
        layers += convolutions(activation)
    elif len(shape) > 1:
        layers += [activation_layer(activation), pn.Flatten()]
    for units in WIDTHS[:-1]:
        layers += [dense(units), activation_layer(activation)]
        if scales:
            layers += [pn.Scale(), dense(units), pn.Scale()]
        if normalizes:
            layers.append(pn.LayerNorm())
        if dropout:
            layers.append(pn.Dropout(dropout))
        if residuals:
            layers.append(residual(units, activation))
    return pn.Sequential([*layers, dense(WIDTHS[-1])], input_shape=shape, dtype=dtype, seed=11)


def train(
    dtype,
    *,
    optimizer,
    activation="prelu-channel",
    loss="softmax_cross_entropy",
    batch_size=37,
    epochs=2,
    data=np.float32,
    shape=(FEATURES,),
    dropout=0.0,
    residuals=False,
    convolves=False,
    normalizes=False,
    scales=False,
    embeds=False,
    weighted=False,
    shuffle=True,
    clip_delta=None,
    sparse=False,
    **fit_arguments,
):
    """Return {name: array}: what a run trains, reports and predicts."""
    rng = np.random.default_rng(4)
    X = samples(rng, shape, data)
    if sparse:
        X = Csr.of(np.where(X > 0.8, X, X.dtype.type(0)))
    if embeds:
        X[:, :3] = rng.integers(CATEGORIES, size=(ROWS, 3))
        X[::7, 30] = np.nan
    y = targets(rng, ROWS, WIDTHS[-1], loss=loss, kind="labels")
    weights = rng.uniform(size=ROWS) if weighted else None
    model = build(
        dtype,
        activation=activation,
        dropout=dropout,
        residuals=residuals,
        convolves=convolves,
        normalizes=normalizes,
        scales=scales,
        embeds=embeds,
        data=data,
        shape=shape,
    )
    model.compile(optimizer, loss, ["accuracy"], clip_delta=clip_delta)
    history = model.fit(
        *(X, y),
        epochs=epochs,
        batch_size=batch_size,
        shuffle=shuffle,
        sample_weight=weights,
        **fit_arguments,
    )
    results = {name: values.copy() for name, values in model.parameters().items()}
    for number, slot in enumerate(model.engine.core.state("test")[1]):
        for name, values in zip(model.parameters(), slot, strict=True):
            results[f"slot {number} of {name}"] = values.copy()
    results["loss"] = np.array(history["loss"])
    results["evaluate"] = np.array(list(model.evaluate(X, y, sample_weight=weights).values()))
    results["predict"] = model.predict(X)
    value, gradients = model.loss_and_gradients(X, y, sample_weight=weights)
    results["loss again"] = np.array(value)
    return results | {f"gradient of {name}": values for name, values in gradients.items()}


def all_runs(threads):
    """Return the results of every run in both dtypes with that many threads."""
    pn.set_num_threads(threads)
    return {
        f"{name} {dtype}: {result}": array
        for name, options in RUNS.items()
        for dtype in DTYPES
        for result, array in train(dtype, **options).items()
    }


if __name__ == "__main__":
    bundle = {"isa": np.array(pn.show_config(mode="dicts")["isa"])}
    for threads in map(int, sys.argv[2:]):
        bundle |= {f"{threads} threads, {name}": a for name, a in all_runs(threads).items()}
    np.savez(sys.argv[1], **{name.replace("/", "-"): array for name, array in bundle.items()})
