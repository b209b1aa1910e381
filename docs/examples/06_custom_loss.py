"""
A loss of your own
==================

A custom loss is a function that returns the losses of the rows and their gradients. Here it makes a
network predict quantiles: a range in which nine of ten values are.
"""

# %%
# Values that scatter more on the right than on the left:

import matplotlib.pyplot as plt
import numpy as np

import prelunet as pn

rng = np.random.default_rng(0)
x = rng.uniform(0, 1, (2000, 1))
y = np.sin(4 * x) + rng.normal(size=x.shape) * (0.05 + 0.4 * x)

# %%
# The quantile loss for a share q is ``q * e`` where the error ``e = target - output`` is positive,
# and ``(q - 1) * e`` elsewhere. Its minimum is the value that a share q of the targets is below.
#
# Our network has three outputs, for q = 0.05, 0.5 and 0.95. The gradient with respect to an output
# is ``-q`` where the error is positive, and ``1 - q`` elsewhere.

quantiles = np.array([0.05, 0.5, 0.95])


def quantile_loss(outputs, targets):
    """Return the loss of each row and its gradient with respect to the outputs."""
    error = targets - outputs  # (rows, 1) - (rows, 3)
    losses = np.where(error > 0, quantiles * error, (quantiles - 1) * error).sum(axis=1)
    return losses, np.where(error > 0, -quantiles, 1 - quantiles)


model = pn.Sequential([pn.Dense(64), pn.PReLU(), pn.Dense(64), pn.PReLU(), pn.Dense(3)], seed=0)
model.compile(pn.Adam(3e-3), loss=quantile_loss)
model.fit(x, y, epochs=60, batch_size=64)

# %%
# Is the gradient right? ``check_gradients`` compares it with central differences.

print(pn.check_gradients(model, x[:16], y[:16]))

# %%
# The band between the outer quantiles grows with the scatter.

grid = np.linspace(0, 1, 200)[:, None]
low, median, high = model.predict(grid).T
inside = np.mean((model.predict(x)[:, :1] < y) & (y < model.predict(x)[:, 2:]))

figure, panel = plt.subplots(figsize=(8, 4), layout="constrained")
panel.plot(x, y, ".", color="0.6", markersize=3)
panel.fill_between(grid[:, 0], low, high, color="#0072B2", alpha=0.25, label="5% to 95%")
panel.plot(grid, median, color="#0072B2", label="median")
panel.set(title=f"{inside:.0%} of the points are in the band", xlabel="x", ylabel="y")
panel.legend(frameon=False)
