"""
To ONNX and back
================

ONNX is a file format for networks that many programs can run. This example exports a model, runs
the file with another library, and reads it back.
"""

# %%
# Train a network on two rings of points.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnx
import onnx.reference

import prelunet as pn

points = pn.data.circles(rows=400, noise=0.1, seed=0)
model = pn.Sequential(
    [pn.Dense(16, name="first"), pn.PReLU(name="slopes"), pn.Dense(2, name="last")], seed=0
)
model.compile(pn.Adam(0.02), loss="softmax_cross_entropy", metrics=["accuracy"])
model.fit(points.x_train, points.y_train, epochs=60)

# %%
# ``to_onnx`` writes one file. With ``probabilities=True`` its output is that of `predict_proba`,
# otherwise that of `predict`.

path = Path(tempfile.mkdtemp()) / "circles.onnx"
model.to_onnx(path, probabilities=True)

graph = onnx.load(path).graph
for node in graph.node:
    print(f"{node.op_type:<8} {', '.join(node.input)} -> {', '.join(node.output)}")

# %%
# The package onnx has a slow but simple interpreter. It returns the same probabilities, up to
# rounding.

x = points.x_train.astype(np.float32)
session = onnx.reference.ReferenceEvaluator(str(path))
(probabilities,) = session.run(None, {"x": x})
print(f"largest difference {abs(probabilities - model.predict_proba(x)).max():.1e}")

# %%
# ``from_onnx`` builds a model from the file, which can be trained further. The names of layers are
# not part of the format.

again = pn.from_onnx(path)
print(again.summary())

figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
for title, network, panel in (("before", model, panels[0]), ("after", again, panels[1])):
    pn.plots.DecisionBoundaryDisplay.from_model(
        network, points.x_train, points.y_train, title=title, legend=False, ax=panel
    )
