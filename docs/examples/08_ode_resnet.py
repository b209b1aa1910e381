"""
A residual network is Euler's method
====================================

A residual layer adds a small change to its input. A stack of them moves points along a flow, until
a plane can separate two classes.
"""

# %%
# ``Residual([...], step=h)`` computes ``y = x + h f(x)``. Euler's method for the differential
# equation ``dx/dt = f(x)`` does the same: go a small step h in the direction f(x). Twenty layers
# with h = 0.1 follow the flow from time 0 to time 2.
#
# The points are two rings. In the plane no flow can turn the inner ring inside out, so the points
# get a third coordinate, 0, as room to move.

import matplotlib.pyplot as plt
import numpy as np

import prelunet as pn

points = pn.data.circles(rows=400, noise=0.06, factor=0.4, seed=0)
x = np.column_stack([points.x_train, np.zeros(len(points.x_train))])
y = points.y_train.astype(float)[:, None]

STEPS, LENGTH = 20, 0.1
flow = [
    pn.Residual([pn.Dense(3, "tanh")], step=LENGTH, name=f"step{number}")
    for number in range(1, STEPS + 1)
]
model = pn.Sequential([*flow, pn.Dense(1, name="plane")], input_shape=(3,), seed=0)
model.compile(pn.Adam(0.02), loss="sigmoid_cross_entropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=150, batch_size=100)
print(f"accuracy {history['accuracy'][-1]:.3f}")

# %%
# ``trace`` returns the output of every layer. These are the positions of the points in time, seen
# from the side: the first coordinate against the third.

values = model.trace(x)
figure, panels = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained")
for panel, number in zip(panels, (0, 5, 12, STEPS), strict=True):
    where = x if number == 0 else values[f"step{number}.a"]
    for label, color in ((0, "#0072B2"), (1, "#D55E00")):
        rows = points.y_train == label
        panel.scatter(where[rows, 0], where[rows, 2], s=6, color=color)
    panel.set_title(f"time {number * LENGTH:.1f}")
    panel.set(xlabel="first coordinate", ylabel="third coordinate" if number == 0 else "")

# %%
# The flow has moved the inner ring out of the outer one. At the end a plane separates the classes,
# which is all that the last layer can do.

figure = plt.figure(figsize=(5.6, 4.6), layout="constrained")
panel = figure.add_subplot(projection="3d")
final = values[f"step{STEPS}.a"]
for label, color in ((0, "#0072B2"), (1, "#D55E00")):
    panel.scatter(*final[points.y_train == label].T, s=6, color=color)
panel.set_title("The points at the end of the flow")
