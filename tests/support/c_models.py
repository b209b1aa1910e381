"""Networks to export to C: those of other exports, of tables, and random ones."""

from __future__ import annotations

import numpy as np

import prelunet as pn
from interop_models import STACKS, network, samples
from network_models import ACTIVATIONS, activation_layer, conv2d, dense


def piecewise_network(version):
    """Return a function that makes layers over different numbers of bins."""
    bins = [np.cumsum(1.0 + np.arange(2 + f % 4) * f / 3) - 3 for f in range(6)]
    return lambda: [
        pn.PiecewiseLinearEmbeddings(bins, 3, activation=version == "A", version=version),
        dense(2),
    ]


_TABLE = [
    ("codes", [pn.Embedding(7, 3), dense(4, activation="tanh")], [5, 0]),
    ("plain", [], slice(1, 3)),
    ("deep", [pn.Residual([dense(3)]), pn.Columns([("all", [pn.SELU()], [2, 0, 1])])], [4, 1, 2]),
]
TABLES = {
    "columns": lambda: [pn.Columns(_TABLE, remainder="passthrough"), dense(5)],
    "no outer copy": lambda: [pn.Residual([pn.Residual([pn.Dropout(0.5)])], 0.3)],
    "embedding": lambda: [pn.Embedding(7, 2), pn.PReLU("shared")],
    "gaps": lambda: [
        pn.Imputation([0.5, 1.0, -2.0, 0.0, 3.0, 1e-3]),
        pn.Rescaling([0.1, 2.0, 1 / 3, -1.0, 7.0, 1e3], 0.3),
        pn.Rescaling(0.7, [0.1, 2.0, 1 / 3, -1.0, 7.0, 1e3]),
        dense(3),
    ],
    "one-hot": lambda: [
        pn.OneHot([[0, 1, 2, 3, 4, 5, 6], [1.5], [6, 0, 2], [3], [0, 1], [2, 4]]),
        pn.Residual([pn.OneHot([[1, 0]] * 16), dense(16)]),
    ],
    "pbld": lambda: [pn.PeriodicEmbeddings(3, n_frequencies=19), dense(2)],
    **{f"piecewise {version}": piecewise_network(version) for version in "AB"},
    "plr": lambda: [pn.PeriodicEmbeddings(2, n_frequencies=5, kind="plr"), dense(2)],
}
_CODES = {"columns": [5, 0], "embedding": [0, 1, 2, 3, 4, 5], "one-hot": [0, 2, 3, 4, 5]}


def every_network(rng, dtype):
    """Return models by name, and rows of each: every layer that C computes."""
    models = {f"m{number}": network(name, dtype) for number, name in enumerate(STACKS)}
    rows = {name: samples(rng, model) for name, model in models.items()}
    for number, (key, make) in enumerate(TABLES.items()):
        name = f"t{number}"
        models[name] = pn.Sequential(make(), input_shape=(6,), dtype=np.dtype(dtype).name, seed=1)
        rows[name] = 3 * samples(rng, models[name])
        values = models[name].parameters()
        if key == "piecewise B":  # its weight begins at 0
            models[name].set_parameters({"0.weight": rng.standard_normal(values["0.weight"].shape)})
        for column in _CODES.get(key, ()):
            rows[name][:, column] = rng.integers(7, size=len(rows[name]))
        if key == "gaps":
            rows[name][rng.random(rows[name].shape) < 0.3] = np.nan
    return models, rows


def random_networks(count):
    """Return models by name, and rows of each: sizes 1 to 33, both dtypes, every activation."""
    rng = np.random.default_rng(count)
    names = [*ACTIVATIONS, *(f"parametric-{name}" for name in pn.ops.ACTIVATIONS)]
    models, rows = {}, {}
    for number in range(count):
        chosen = [activation_layer(names[(5 * number + place) % len(names)]) for place in range(5)]
        dtype = "float64" if number % 3 == 2 else "float32"
        name = f"r{number}"
        layers, shape = _layers(rng, chosen)
        models[name] = pn.Sequential(layers, input_shape=shape, dtype=dtype, seed=number)
        rows[name] = samples(rng, models[name], 5)
    return models, rows


def _layers(rng, activations):
    layers, shape = [], (int(rng.integers(1, 34)),)
    if rng.random() < 0.5:
        shape = tuple(int(n) for n in rng.integers([5, 5, 1], [10, 10, 4]))
        filters, size, stride = (int(n) for n in rng.integers([1, 1, 1], [34, 4, 3]))
        padding = str(rng.choice(["valid", "same"]))
        layers = [conv2d(filters, size, stride=stride, padding=padding), activations[0]]
        layers.append(pn.Residual([conv2d(filters, 3, padding="same"), activations[1]], 0.3))
        layers += [pn.MaxPool2D(2, 1, "same"), pn.Flatten()]
    units = int(rng.integers(1, 34))
    layers += [dense(units), activations[2], pn.Dropout(0.2)]
    inside = [dense(int(rng.integers(1, 34))), activations[3], dense(units)]
    layers += [pn.Residual(inside), pn.Scale(0.7), activations[4]]
    return [*layers, dense(int(rng.integers(1, 34)))], shape


def export(folder, models, **options):
    """Write the header of each model."""
    for name, model in models.items():
        model.to_c(folder / f"{name}.h", name=name, **options)
