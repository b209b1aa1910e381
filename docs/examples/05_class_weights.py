"""
Rare classes: class weights
===========================

When one class is rare, a network may ignore it and still be right most of the time. Class weights
change what it is trained for.
"""

# %%
# 2,000 points, of which one in twenty belongs to the rare class. Think of broken parts among good
# ones: a broken part that is missed is worse than a good one that is checked twice.

import matplotlib.pyplot as plt
import numpy as np

import prelunet as pn

rng = np.random.default_rng(0)
rare = rng.random(2000) < 0.05
x = rng.normal(size=(2000, 2)) + np.where(rare, 1.5, 0.0)[:, None]
y = rare.astype(int)
print(f"{y.sum()} of {len(y)} points are of the rare class")


def trained(class_weight):
    """Return a network, trained with these class weights."""
    model = pn.Sequential([pn.Dense(16), pn.PReLU(), pn.Dense(2)], input_shape=(2,), seed=0)
    model.compile(pn.Adam(0.01), loss="softmax_cross_entropy")
    model.fit(x, y, epochs=60, class_weight=class_weight)
    return model


# %%
# ``class_weight`` maps each class to a factor for the loss of its rows. ``"balanced"`` gives all
# classes the same total weight.

weights = {"no weights": None, "rare class x 5": {0: 1, 1: 5}, "balanced": "balanced"}
models = {name: trained(weight) for name, weight in weights.items()}

figure, panels = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained", sharey=True)
for (name, model), panel in zip(models.items(), panels, strict=True):
    found = model.predict(x).argmax(axis=1)
    recall = found[y == 1].mean()
    precision = y[found == 1].mean()
    print(f"{name}: finds {recall:.0%} of the rare points; {precision:.0%} of its finds are right")
    pn.plots.DecisionBoundaryDisplay.from_model(
        model, x, y, title=f"{name}: finds {recall:.0%}", legend=False, ax=panel
    )

# %%
# Without weights the network finds few of the rare points, because each of them counts as much as a
# frequent one. With balanced weights it finds most of them, and is wrong more often when it says
# "rare". Which of the three is right depends on what an error costs.
#
# The probabilities of `predict_proba` are those of the weighted data. If you need the true
# probabilities, train without weights and choose another threshold than 0.5.
