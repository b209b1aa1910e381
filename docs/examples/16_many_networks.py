"""
Sixty networks in one call
==========================

How sure is a network away from its data? Networks that were trained on other samples of the same
rows disagree there. `fit_many` trains all of them in one call.
"""

# %%
# Each network gets a bootstrap sample: as many rows as there are, drawn with replacement. The rows
# exist once; `rows` holds their numbers.

import matplotlib.pyplot as plt
import numpy as np

import prelunet as pn

NETWORKS = 60
points = pn.data.moons(rows=200, noise=0.2, seed=0)
x, y = points.x_train, points.y_train
rng = np.random.default_rng(0)
samples = [rng.integers(0, len(x), len(x)) for _ in range(NETWORKS)]


def network(seed):
    """Return a compiled network."""
    model = pn.Sequential([pn.Dense(32), pn.PReLU(), pn.Dense(2)], seed=seed)
    model.compile(pn.Adam(0.02), loss="softmax_cross_entropy")
    return model


models = [network(seed) for seed in range(NETWORKS)]
histories = pn.fit_many(models, x, y, rows=samples, epochs=100, verbose=False)

# %%
# Every network has the bits of training it alone.

alone = network(7)
alone.fit(x[samples[7]], y[samples[7]], epochs=100)
print(np.array_equal(alone.parameters_vector(), models[7].parameters_vector()))

# %%
# Where the networks disagree
# ---------------------------
#
# `predict_many` computes the outputs of all networks for a grid of points. The mean of their
# probabilities is the ensemble's answer, and the standard deviation shows where they disagree: on
# the boundary, and beyond the data.

steps = np.linspace(-1.8, 2.8, 120, dtype=np.float32), np.linspace(-1.6, 2.1, 100, dtype=np.float32)
grid = np.stack(np.meshgrid(*steps), axis=-1)
outputs = pn.predict_many(models, grid.reshape(-1, 2))
chances = pn.ops.softmax_forward(outputs.reshape(-1, 2))[:, 1].reshape(NETWORKS, *grid.shape[:2])

figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
shown = (("mean", chances.mean(axis=0), "RdBu"), ("disagreement", chances.std(axis=0), "viridis"))
for panel, (name, values, colors) in zip(panels, shown, strict=True):
    image = panel.pcolormesh(*steps, values, cmap=colors, shading="auto")
    panel.scatter(*x.T, c=y, cmap="RdBu", edgecolors="white", s=18, linewidths=0.6)
    panel.set(title=name)
    figure.colorbar(image, ax=panel)

# %%
# The histories of all networks, and their mean:

losses = np.array([history["loss"] for history in histories])
figure, panel = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
panel.plot(losses.T, color="0.8", linewidth=0.7)
panel.plot(losses.mean(axis=0), color="#0072B2")
panel.set(xlabel="epoch", ylabel="loss", yscale="log")
