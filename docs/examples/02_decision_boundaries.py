"""
Decision boundaries
===================

Two interleaved half circles, and what networks of different sizes and activations make of them.
"""

# %%
# A network with two inputs can be drawn: its prediction is a color at each point of the plane, and
# the line where the prediction changes is its decision boundary.

import matplotlib.pyplot as plt

import prelunet as pn

points = pn.data.moons(rows=300, noise=0.2, seed=1)


def trained(activation, units):
    """Return a network with one hidden layer."""
    model = pn.Sequential(
        [pn.Dense(units, activation), pn.Dense(2)],
        input_shape=(2,),
        seed=3,
    )
    model.compile(pn.Adam(0.02), loss="softmax_cross_entropy", metrics=["accuracy"])
    model.fit(points.x_train, points.y_train, epochs=150, batch_size=50)
    return model


# %%
# Small and large layers
# ----------------------
#
# A PReLU unit can bend the boundary once, where its input changes sign. Two units make two bends,
# and eight make a better boundary. With 100 units the boundary begins to follow single points.

figure, panels = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained", sharey=True)
for units, panel in zip((2, 8, 100), panels, strict=True):
    model = trained("prelu", units)
    accuracy = model.evaluate(points.x_train, points.y_train)["accuracy"]
    pn.plots.DecisionBoundaryDisplay.from_model(
        model,
        points.x_train,
        points.y_train,
        title=f"{units} units: {accuracy:.1%} of the points",
        legend=False,
        ax=panel,
    )

# %%
# The shape of an activation shows in the boundary
# ------------------------------------------------
#
# PReLU and ReLU are made of two straight pieces, so the boundary is made of straight pieces too.
# tanh bends smoothly, and so does its boundary.

figure, panels = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained", sharey=True)
for activation, panel in zip(("relu", "prelu", "tanh"), panels, strict=True):
    pn.plots.DecisionBoundaryDisplay.from_model(
        trained(activation, 8),
        points.x_train,
        points.y_train,
        title=activation,
        legend=False,
        ax=panel,
    )
