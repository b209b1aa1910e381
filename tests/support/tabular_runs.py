"""Small tables and fast settings of the tabular estimators."""

from __future__ import annotations

import numpy as np

import prelunet as pn
from tolerances import assert_close_to_scale, sum_tolerance

FAST = {"hidden_layer_sizes": (8,), "epochs": 5, "random_state": 0, "batch_size": 16}


def table(count=60, seed=0):
    """Return rows of numbers, text, bool and dates with missing values, and labels."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(count, 2))
    text = rng.choice(["red", "green", "blue"], count)
    own = rng.random(count) < 0.5
    days = np.datetime64("2024-01-01") + rng.integers(0, 400, count)
    rows = [
        [a, b, c, bool(d), e.item()]
        for (a, b), c, d, e in zip(numbers.tolist(), text.tolist(), own, days, strict=True)
    ]
    for row in range(0, count, 7):
        rows[row][row // 7 % 5] = None
    labels = np.where(numbers[:, 0] + (text == "red") > 0, "yes", "no")
    return np.array(rows, object), labels


def values(count=60, seed=0):
    """Return the rows of `table`, and numbers to predict."""
    X, labels = table(count, seed)
    rng = np.random.default_rng(seed + 1)
    return X, 1e4 * (labels == "yes") + 100.0 * rng.normal(size=count) - 3e5


def classifier(**settings):
    return pn.TabularClassifier(**FAST | settings)


def regressor(**settings):
    return pn.TabularRegressor(**FAST | settings)


def close(found, expected, terms=100):
    """Assert that float64 sums of a number of terms agree."""
    assert_close_to_scale(found, expected, sum_tolerance(terms, np.float64))
