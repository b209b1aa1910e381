"""
Watch alphas learn
==================

PReLU learns its slopes. This example records them during training.
"""

# %%
# A PReLU layer passes positive inputs and multiplies the others by alpha. With ``"shared"`` the
# layer has a single alpha, which is easy to follow. We give the network four such layers and start
# all alphas at 0.25.

import matplotlib.pyplot as plt

import prelunet as pn

digits = pn.data.load("digits")


def network(kind):
    """Return a network with four PReLU layers."""
    layers = [pn.Rescaling(1 / 16)]
    for number in range(1, 5):
        layers += [pn.Dense(64), pn.PReLU(kind, name=f"PReLU {number}")]
    model = pn.Sequential([*layers, pn.Dense(10)], input_shape=(64,), seed=0)
    model.compile(pn.Adam(2e-3), loss="softmax_cross_entropy")
    return model


# %%
# A callback with ``on_steps`` runs after every ten updates and copies the alphas. The updates
# between two calls run in C++ without interruption.

model = network("shared")
names = [name for name in model.parameters() if name.endswith(".alpha")]
steps, alphas = [0], {name: [0.25] for name in names}


def record(step, logs):
    """Keep the alphas of this step."""
    steps.append(step)
    for name in names:
        alphas[name].append(float(model.parameters()[name][0]))


model.fit(
    digits.x_train,
    digits.y_train,
    epochs=30,
    callbacks=[pn.LambdaCallback(on_steps=record, steps_between=10)],
)

figure, panel = plt.subplots(figsize=(8, 4), layout="constrained")
pn.plots.AlphaDisplay.from_history(
    steps,
    {name.removesuffix(".alpha"): values for name, values in alphas.items()},
    start=0.25,
    title="Shared alphas in training",
    ax=panel,
)

# %%
# All alphas rise above 0.25, and the last layer's rises furthest. An alpha of 1 would make the
# layer linear.
#
# One alpha for each unit
# -----------------------
#
# With ``"channel"`` each unit has its own alpha. The histograms show how far they have moved.

model = network("channel")
model.fit(digits.x_train, digits.y_train, epochs=30)

figure, panel = plt.subplots(figsize=(8, 4), layout="constrained")
pn.plots.AlphaDisplay.from_model(model, start=0.25, ax=panel)
