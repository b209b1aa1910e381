"""
The loss landscape of alpha
===========================

What does the loss look like as a function of the slopes alone? With one shared alpha it is a curve,
with two alphas it is a surface.
"""

# %%
# A network with a single hidden layer learns to separate two half circles. Then we hold all of its
# weights fixed and change the slopes only.

import matplotlib.pyplot as plt
import numpy as np

import prelunet as pn

points = pn.data.moons(rows=400, noise=0.2, seed=0)
x, y = points.x_train, points.y_train


def trained(kind, units):
    """Return a trained network with one hidden layer."""
    model = pn.Sequential(
        [pn.Dense(units), pn.PReLU(kind, name="slopes"), pn.Dense(2)], input_shape=(2,), seed=2
    )
    model.compile(pn.Adam(0.02), loss="softmax_cross_entropy")
    model.fit(x, y, epochs=100)
    return model


def loss_at(model, alphas):
    """Return the loss with other slopes."""
    model.set_parameters({"slopes.alpha": alphas})
    return model.evaluate(x, y)["loss"]


# %%
# One alpha for the layer
# -----------------------
#
# The learned alpha is at the minimum of the curve. At alpha = 1 the layer is linear, and the
# network can only draw a straight boundary.

model = trained("shared", 8)
learned = float(model.parameters()["slopes.alpha"][0])
grid = np.linspace(-1, 1.5, 120)
curve = [loss_at(model, [alpha]) for alpha in grid]

figure, panel = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
panel.plot(grid, curve, color="#0072B2")
panel.axvline(learned, color="#D55E00", linestyle="--", label=f"learned: {learned:.2f}")
for alpha, name in ((0, "ReLU"), (1, "linear")):
    panel.axvline(alpha, color="0.6", linestyle=":", label=f"{alpha}: {name}")
panel.set(xlabel="alpha", ylabel="loss", yscale="log")
panel.legend(frameon=False)

# %%
# One alpha for each unit
# -----------------------
#
# With two units and a slope for each, the loss is a surface. The two units need different slopes:
# the minimum is not on the diagonal, on which a shared alpha would have to stay.

model = trained("channel", 2)
learned = model.parameters()["slopes.alpha"].copy()
width = 1.5
first = np.linspace(learned[0] - width, learned[0] + width, 60)
second = np.linspace(learned[1] - width, learned[1] + width, 60)
surface = np.array([[loss_at(model, [a, b]) for a in first] for b in second])

figure, panel = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
contours = panel.contourf(first, second, np.log10(surface), levels=20, cmap="Blues_r")
figure.colorbar(contours, label="loss (logarithm to base 10)")
panel.plot(*learned, "o", color="#D55E00", label=f"learned: {learned[0]:.2f}, {learned[1]:.2f}")
panel.axline((0, 0), slope=1, color="0.3", linestyle=":", label="equal slopes")
panel.set(xlim=(first[0], first[-1]), ylim=(second[0], second[-1]))
panel.set(xlabel="alpha of the first unit", ylabel="alpha of the second unit")
panel.legend(loc="lower left")
