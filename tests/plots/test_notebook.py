"""A notebook, run by a real kernel, shows figures, summaries and bars."""

from __future__ import annotations

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

MODEL = """
import warnings
import numpy as np
import prelunet as pn
from prelunet import plots

X = np.random.default_rng(0).normal(size=(80, 64))
y = (X[:, 0] > 0).astype(int)
model = pn.Sequential([pn.Dense(4), pn.PReLU(), pn.Dense(2)], input_shape=(64,), seed=0)
model.compile("adam", "softmax_cross_entropy", metrics=["accuracy"])
"""
FIT = """
with warnings.catch_warnings():
    warnings.simplefilter("error")
    history = model.fit(X, y, epochs=2)
"""
FIGURES = [
    "plots.HistoryDisplay.from_history(history)",
    "plots.HistoryDisplay.from_histories({'a': history, 'b': history})",
    "plots.WeightsDisplay.from_weights(model.parameters()['0.weight'], image_shape=(8, 8))",
    "plots.plot_confusion_matrix(y, model.predict(X).argmax(axis=1))",
]


def run(*cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


def test_a_notebook_shows_what_its_cells_return():
    _, summary, fit, *figures = run(MODEL, "model.summary()", FIT, *FIGURES)
    assert "parameters" in summary[0]["data"]["text/plain"]
    assert "Warning" not in "".join(output["text"] for output in fit)
    for cell, outputs in zip(FIGURES, figures, strict=True):
        (shown,) = outputs
        assert len(shown["data"]["image/png"]) > 1000, cell
