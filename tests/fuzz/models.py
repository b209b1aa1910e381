"""Small models, from which damaged files are made."""

from __future__ import annotations

import prelunet as pn


def models():
    """Return small models with every layer that a file can hold."""
    dense = [pn.Dense(5, activation="prelu", name="first"), pn.Dropout(0.2), pn.LayerNorm()]
    inside = pn.Residual([pn.Dense(5, activation=pn.layers.ELU(0.5)), pn.PReLU("shared")], 0.5)
    flat = pn.Sequential([*dense, inside, pn.Dense(3)], input_shape=(6,), seed=3)
    flat.compile(pn.Adam(pn.schedules.CosineDecay(0.1, 50)), metrics=["accuracy"])
    image = [pn.Rescaling(1 / 255), pn.Conv2D(3, 3, padding="same", activation="relu")]
    image += [pn.MaxPool2D(2), pn.Flatten(), pn.Dense(2, use_bias=False)]
    images = pn.Sequential(image, input_shape=(6, 5, 1), seed=1, dtype="float64")
    images.compile(pn.SGD(0.1, momentum=0.9), "mean_squared_error")
    plain = pn.Sequential(
        [pn.Scale(), pn.Dense(4), pn.Parametric(pn.GELU()), pn.Dense(2), pn.Clip(-9, 9)], seed=2
    )
    lines = pn.PiecewiseLinearEmbeddings([[0.0, 1.0, 4.0]], 2, activation=True, version="A")
    groups = [
        ("codes", [pn.Embedding(3, 2)], [0]),
        ("waves", [pn.PeriodicEmbeddings(3)], slice(2)),
        ("lines", [lines], 2),
        ("gaps", [pn.Imputation([0.5, 1.0]), pn.OneHot([[0.0, 1.0], [0.5]])], [0, 2]),
    ]
    table = pn.Sequential([pn.Columns(groups, "passthrough"), pn.Dense(2)], input_shape=(3,))
    return [flat, images, plain, table]
