"""The preset RealMLP-TD-S against numbers of its authors' program, pytabkit 1.8.0.

The numbers come from ``RealMLP_TD_S_Classifier`` and ``RealMLP_TD_S_Regressor`` of pytabkit (with
torch 2.13) with ``n_epochs=24, batch_size=20, hidden_sizes=[8, 7, 6]``, fitted to `table` with
``val_idxs=HELD``. Its parameters were set to those of `Start` before the first step: its weights
have shape (1, inputs, units) and lack the factor 1 / sqrt(inputs). Its `batch_randperm` was
replaced by one that returns the rows in order, so that nothing is random: of 48 training rows an
epoch uses the first 40.
"""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from tabular_runs import classifier, regressor
from tolerances import LOSS_CURVE

pd = pytest.importorskip("pandas")

EPOCHS, SIZES = 24, (8, 7, 6)
HELD = np.arange(3, 64, 4)
EVERY_THIRD = slice(2, None, 3)


def table():
    """Return columns of all kinds, one with equal quartiles, some categories missing; a signal."""
    i = np.arange(64)
    kinds = i * 5 % 7 % 3
    three = np.array([*"xyz"], object)[kinds]
    three[i % 11 == 3] = None
    X = {
        "wave": np.sin(1.7 * i).astype(np.float32),
        "skewed": np.exp(2 * np.cos(2.3 * i)).astype(np.float32),
        "rare": (i % 5 == 0).astype(np.float32),
        "two": pd.Categorical(np.where(i * 7 % 3 == 0, "b", "a")),
        "three": pd.Categorical(three),
    }
    signal = np.sin(1.7 * i) + np.cos(2.3 * i) * kinds + 0.3 * np.sin(11.0 * i)
    return pd.DataFrame(X), signal


class Start(pn.callbacks.Callback):
    """Sets the initial parameters."""

    def on_train_begin(self, logs=None):
        found = {}
        for place, name in enumerate(["hidden_0", "hidden_1", "hidden_2", "output"]):
            units, inputs = self.model.parameters()[f"{name}.weight"].shape
            k, hidden = np.arange(units * inputs).reshape(units, inputs), float(name != "output")
            weight = 1.5 * np.sin(1.0 + 0.7 * k + place) * hidden
            found[f"{name}.weight"] = weight / np.sqrt(inputs)
            found[f"{name}.bias"] = np.cos(np.arange(units) + place) * hidden
        self.model.set_parameters(found)


def trained(make, y):
    """Return the estimator and its predictions for the first rows."""
    X, _ = table()
    rows = np.setdiff1d(np.arange(64), HELD)
    settings = {"epochs": EPOCHS, "batch_size": 20, "shuffle": False, "dtype": "float64"}
    model = make(**settings, hidden_layer_sizes=SIZES, callbacks=[Start()])
    model.fit(X.iloc[rows], y[rows], X_val=X.iloc[HELD], y_val=y[HELD])
    return model, X.iloc[:4]


def assert_close(found, expected):
    """Assert equality to the precision of float32 after a training."""
    assert np.asarray(found) == pytest.approx(np.array(expected), rel=LOSS_CURVE)


def test_classes():
    y = np.searchsorted([-0.6, 0.4], table()[1])
    model, first = trained(classifier, y)
    losses = [1.092029, 1.026885, 0.828272, 0.790077, 0.74732, 0.740768, 0.716343, 0.704282]
    assert_close(model.loss_curve_[EVERY_THIRD], losses)
    wrong = [9, 9, 9, 12, 10, 9, 8, 9, 6, 6, 6, 6, 6, 7, 8, 9, 9, 6, 6, 6, 7, 7, 7, 7]
    assert [round(16 * (1.0 - score)) for score in model.validation_scores_] == wrong
    assert model.best_epoch_ == 19  # the last of nine equal ones
    probabilities = [
        [0.0069475677, 0.1103778481, 0.8826745749],
        [0.1726678759, 0.6664910316, 0.1608411223],
        [0.3436199427, 0.5893451571, 0.0670349225],
        [0.2018055320, 0.6933593154, 0.1048351303],
    ]
    assert_close(model.predict_proba(first), probabilities)


def test_numbers():
    model, first = trained(regressor, 100 + 20 * table()[1])
    losses = [0.964747, 0.623623, 0.526672, 0.350711, 0.270974, 0.391285, 0.166978, 0.118479]
    assert_close(model.loss_curve_[EVERY_THIRD], losses)
    errors = [21.44390297, 18.24359512, 21.09434891, 18.59553909]
    errors += [16.65953827, 15.20602608, 12.18163013, 12.60237694]
    assert_close([-score for score in model.validation_scores_[EVERY_THIRD]], errors)
    assert model.best_epoch_ == 20
    assert_close(model.predict(first), [105.4602585, 92.3106461, 92.1810913, 97.6639481])
