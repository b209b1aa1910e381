"""Networks with embeddings of numbers: PeriodicEmbeddings and PiecewiseLinearEmbeddings."""

from __future__ import annotations

import numpy as np

import prelunet as pn
from network_models import dense

# Of features with different numbers of bins; samples lie below the first and above the last edge.
BINS = [[-1.0, 1.0], [-1.5, -0.2, 0.9], [-1.0, -0.4, 0.0, 0.3, 1.7], np.linspace(-0.6, 0.7, 19)]


def periodic(kind, **options):
    return pn.PeriodicEmbeddings(4, n_frequencies=5, frequency_init_scale=0.4, kind=kind, **options)


def piecewise(version, **options):
    return pn.PiecewiseLinearEmbeddings(BINS, 5, version=version, **options)


PERIODIC = {
    "pbld": lambda: [periodic("pbld")],
    "plr": lambda: [periodic("plr")],
    "wide": lambda: [pn.PeriodicEmbeddings(19, n_frequencies=37), pn.Tanh()],
    "wide plr": lambda: [pn.PeriodicEmbeddings(7, n_frequencies=21, kind="plr")],
    "two periodic": lambda: [pn.Rescaling(0.3), periodic("pbld"), dense(6), periodic("plr")],
    "frozen periodic": lambda: [dense(3), periodic("pbld", trainable=False)],
}
PIECEWISE = {
    "A": lambda: [piecewise("A")],
    "A with ReLU": lambda: [piecewise("A", activation=True)],
    "B": lambda: [piecewise("B")],
    "two": lambda: [pn.Rescaling(0.9), piecewise("B"), dense(len(BINS)), piecewise("A"), pn.Tanh()],
    "a branch": lambda: [pn.Columns([("x", [piecewise("A")], slice(4))], "passthrough")],
    "frozen": lambda: [dense(len(BINS)), piecewise("B", trainable=False)],
}
STACKS = PERIODIC | PIECEWISE


def features(name):
    return 7 if name in PERIODIC else len(BINS)


def network(name, dtype="float64", **compiled):
    """Return a compiled model. Piecewise ones have no parameter that is 0, as B has at first."""
    layers = [*STACKS[name](), dense(3)]
    model = pn.Sequential(layers, input_shape=(features(name),), dtype=dtype, seed=4)
    if name in PIECEWISE:
        rng = np.random.default_rng(8)
        values = {key: 0.5 * rng.standard_normal(v.shape) for key, v in model.parameters().items()}
        model.set_parameters(values)
    model.compile(**{"loss": "softmax_cross_entropy", **compiled})
    return model
