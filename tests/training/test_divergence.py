"""The warning about losses that are not finite: once, with its cause; X is scanned only then."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp
from prelunet.training import divergence

ROWS = 40
FINITE = "though X is finite; a smaller learning rate, the optimizer's clip_norm, or columns of X"
RUNS = {
    "fit": {},
    "fit with callbacks": {"callbacks": [pn.LambdaCallback()]},
    "train_epoch": {},
}


@pytest.fixture
def data(rng):
    return labelled(rng, ROWS)


def warned(run, model, X, y, **options):
    """Return the messages of a run; fits have three epochs."""
    method, given = model.fit, {"epochs": 3, "batch_size": 16, **RUNS[run], **options}
    if run == "train_epoch":
        method, given = model.train_epoch, {"batch_size": 16}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        method(X, y, **given)
    assert {warning.category for warning in caught} <= {RuntimeWarning}
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("run", RUNS)
def test_columns_that_are_not_finite_are_named(data, run):
    X, y = data[0].astype(np.float64), data[1]
    X[3, 4], X[30, 2], X[5, 0] = np.nan, np.inf, -1e300
    where = "train_epoch" if run == "train_epoch" else "fit: epoch 1"
    assert warned(run, mlp(dtype="float32"), X, y) == [
        f"{where}: the loss is nan, and X has NaN, infinity or numbers too large for float32 in "
        "columns 0, 2 and 4"
    ]


def test_names_of_a_data_frame_and_many_columns(data):
    pandas = pytest.importorskip("pandas")
    X, y = data
    frame = pandas.DataFrame(X, columns=[f"c{place}" for place in range(X.shape[1])])
    frame.loc[7, "c1"] = np.nan
    assert warned("fit", mlp(), frame, y)[0].endswith("for float64 in column 'c1'")
    frame.loc[2, :] = np.nan
    named = "'c0', 'c1', 'c2', 'c3', 'c4' and "
    assert f"in columns {named}{X.shape[1] - 5} more" in warned("fit", mlp(), frame, y)[0]


def test_sparse_rows_and_images(data):
    sparse = pytest.importorskip("scipy.sparse")
    X, y = data[0].copy(), data[1]
    X[[4, 9], 3] = np.nan
    assert warned("fit", mlp(), sparse.csr_array(X), y)[0].endswith("in column 3")
    images = np.ones((ROWS, 2, 3))
    images[[9, 20], 1, 2] = np.nan
    model = pn.Sequential([pn.Flatten(), pn.Dense(5)])
    model.compile(pn.SGD(0.1), "softmax_cross_entropy")
    expected = f"in 2 of {ROWS} rows, first in row 9"
    assert warned("fit", model, images, y)[0].endswith(expected)


@pytest.mark.parametrize("run", RUNS)
def test_a_rate_that_is_too_large(data, run):
    model = mlp()
    model.compile(pn.SGD(1e30), "softmax_cross_entropy")
    (message,) = warned(run, model, *data)
    assert FINITE in message


def test_each_fit_warns_and_names_its_epoch(data):
    model = mlp()
    for _ in range(2):
        model.compile(pn.SGD(lambda step: np.where(step < 6, 0.01, 1e30)), "softmax_cross_entropy")
        (message,) = warned("fit", model, *data, epochs=5)
        assert message.startswith("fit: epoch 3: the loss is ")
        model = mlp()


def test_x_is_not_scanned_while_losses_are_finite(data, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("X was scanned")

    monkeypatch.setattr(divergence, "_wrong_columns", refuse)
    for run in RUNS:
        assert warned(run, mlp(), *data) == []


def test_a_warning_turned_into_an_error_keeps_the_epoch(data):
    model = mlp()
    model.compile(pn.SGD(1e300), "softmax_cross_entropy")
    with pytest.raises(RuntimeWarning, match="fit: epoch 1: "):
        model.fit(*data, epochs=3, callbacks=[pn.LambdaCallback()])
    assert (model.epochs_trained, model.steps_trained) == (1, 2)
