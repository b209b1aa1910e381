"""Accuracy: by the largest output, by label, or by one half; none of regression."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import identity


def accuracy(loss, outputs, wanted):
    """Return the accuracy of given outputs, or None; fit and evaluate must agree on it."""
    model = identity(np.shape(outputs)[1], loss, optimizer=pn.SGD(0.0))
    evaluated = model.evaluate(outputs, wanted).get("accuracy")
    assert model.fit(outputs, wanted).get("accuracy", [None])[-1] == evaluated
    return evaluated


def test_accuracy_of_several_outputs_is_by_the_largest():
    outputs = [[0.1, 0.2, 0.0], [5.0, 1.0, 5.0], [-1.0, -2.0, -0.5], [0.2, 0.0, 0.1]]
    rows = np.eye(3)[[1, 2, 2, 0]]
    for wanted in ([1, 2, 2, 0], rows):  # in row 1 the first of equals counts, which is wrong
        assert accuracy("softmax_cross_entropy", outputs, wanted) == 3 / 4
    assert accuracy("mean_squared_error", outputs, rows) == 3 / 4


@pytest.mark.parametrize("outputs", [2, 3, 17, 300])
def test_accuracy_of_several_yes_and_no_outputs_is_by_label(rng, dtype, outputs):
    """Keras's binary accuracy: the share of labels on the right side of a logit of 0."""
    z = rng.standard_normal((70, outputs)).astype(dtype)
    y = rng.integers(2, size=(70, outputs))
    share = ((z > 0) == y).mean()
    model = identity(outputs, "sigmoid_cross_entropy", dtype=dtype, optimizer=pn.SGD(0.0))
    assert model.evaluate(z, y)["accuracy"] == share
    assert model.train_on_batch(z, y)["accuracy"] == share
    for batch_size in (32, None):  # in one call, and watched with validation
        history = model.fit(z, y, batch_size=batch_size, epochs=2)
        assert history["accuracy"] == [share, share]
        history = model.fit(z, y, batch_size=batch_size, validation_data=(z[:9], y[:9]))
        assert history["accuracy"] == [share]
        assert history["val_accuracy"] == [((z > 0) == y)[:9].mean()]


def test_rows_of_several_labels_have_no_accuracy_by_the_largest():
    several = [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    outputs = np.eye(3)
    assert accuracy("mean_squared_error", outputs, several) is None
    assert (
        accuracy(lambda o, t: (((o - t) ** 2).sum(axis=1), 2 * (o - t)), outputs, several) is None
    )


@pytest.mark.parametrize("outputs", [2, 3, 10, 16, 17, 40])
def test_labels_are_judged_as_rows_of_targets_are(rng, dtype, outputs):
    """Softmax judges labels on its way; equals, infinities and NaN are for both the same."""
    z = rng.integers(3, size=(67, outputs)).astype(dtype)
    labels = rng.integers(outputs, size=67)
    right = (z.argmax(axis=1) == labels).mean()
    assert 0 < right < 1
    assert accuracy("softmax_cross_entropy", z, labels) == right
    assert accuracy("softmax_cross_entropy", z, np.eye(outputs)[labels]) == right

    z[:20, 0], z[10:40, -1], z[30:50, outputs // 2] = np.nan, np.nan, -np.inf
    model = pn.Sequential([pn.Rescaling(1.0)], input_shape=(outputs,), dtype=np.dtype(dtype).name)
    model.compile(loss="softmax_cross_entropy", metrics=["accuracy"])
    first = np.where(np.isnan(z[:, 0]), 0, np.nan_to_num(z, nan=-np.inf).argmax(axis=1))
    for wanted in (labels, np.eye(outputs)[labels]):
        assert model.evaluate(z, wanted)["accuracy"] == (first == labels).mean()


def test_accuracy_of_one_output_is_by_one_half_or_a_logit_of_0():
    wanted = [0.0, 0.0, 1.0, 1.0]
    outputs = np.array([[-0.1], [0.0], [0.1], [0.7]])
    assert accuracy("sigmoid_cross_entropy", outputs, wanted) == 1.0
    for loss in ("mean_squared_error", "half_squared_error"):
        assert accuracy(loss, outputs, wanted) == 3 / 4
        assert accuracy(loss, outputs + 0.5, np.array(wanted)[:, None]) == 1.0


def test_accuracy_of_a_sigmoid_output_is_by_one_half_of_it():
    model = pn.Sequential([pn.Dense(1, "sigmoid", weight_init=1.0)], input_shape=(1,))
    model.compile(loss="half_squared_error", metrics=["accuracy"])
    logits, wanted = [[-0.1], [0.0], [0.1], [0.1]], [0, 0, 1, 0]
    assert model.evaluate(logits, wanted)["accuracy"] == 3 / 4


def test_regression_has_no_accuracy():
    assert accuracy("mean_squared_error", [[0.5], [1.5]], [0.3, 1.0]) is None
    assert accuracy("huber", [[0.5, 1.0]], [[0.3, 1.0]]) is None


@pytest.mark.parametrize("outputs", [2, 3, 10, 16, 17, 40])
def test_accuracy_takes_the_first_of_the_largest(rng, dtype, outputs):
    values = rng.integers(-2, 3, (83, outputs)).astype(dtype)  # ties almost everywhere
    labels = rng.integers(0, outputs, 83)
    labels[::2] = values[::2].argmax(axis=1)
    right = values.argmax(axis=1) == labels
    model = identity(outputs, "softmax_cross_entropy", dtype=np.dtype(dtype).name)
    assert model.evaluate(values, labels)["accuracy"] == right.mean()
    for row in range(5):
        got = model.evaluate(values[[row]], labels[[row]])["accuracy"]
        assert got == right[row]
