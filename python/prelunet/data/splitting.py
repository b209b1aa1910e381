"""Rows held out for testing."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prelunet._extras import require
from prelunet._validation import integer, real
from prelunet.data.dataset import Array, Dataset


@overload
def split(dataset: Dataset, /, *, test_size: float, seed: int) -> Dataset: ...


@overload
def split(
    x: ArrayLike, y: ArrayLike, /, *, test_size: float, seed: int
) -> tuple[Array, Array, Array, Array]: ...


def split(
    x: Dataset | ArrayLike, y: ArrayLike | None = None, /, *, test_size: float, seed: int
) -> Dataset | tuple[Array, Array, Array, Array]:
    """Split rows into training and test rows, at random and stratified by class.

    With scikit-learn installed this calls ``train_test_split``, stratified by `y` if `y` holds
    classes (one-dimensional, not of a real dtype). Without scikit-learn, or for real targets,
    NumPy's ``default_rng(seed)`` shuffles the rows and the last ones become test rows, whatever
    their class. The same call always returns the same rows, as long as scikit-learn stays installed
    or absent.

    Parameters
    ----------
    x : Dataset or array_like, shape (n, ...)
        A data set without test rows, or an array of samples.
    y : array_like, shape (n, ...)
        Targets of `x`; must be omitted for a Dataset.
    test_size : float or int
        A fraction of the rows in (0, 1), rounded up, or an integer number of rows.
    seed : int
        0 to 2**32 - 1.

    Returns
    -------
    Dataset or (x_train, x_test, y_train, y_test)
        In the form of `x`: a Dataset with test rows, or copies in scikit-learn's order.

    Raises
    ------
    TypeError
        If `y` is missing, or given with a Dataset.
    ValueError
        If the Dataset has test rows, lengths differ, or one part would be empty. From scikit-learn:
        if a class has only one row or a part has fewer rows than classes.
    """
    if isinstance(x, Dataset):
        if y is not None:
            raise TypeError("split: y must be left out for a Dataset, which has its own")
        if x.x_test is not None:
            raise ValueError(
                f"split: {x!r} must have no test rows, for they would be lost; "
                "split(x_train, y_train, ...) holds out validation rows"
            )
        train, test = _split_rows(x.y_train, test_size=test_size, seed=seed)
        return replace(
            x,
            x_train=x.x_train[train],
            y_train=x.y_train[train],
            x_test=x.x_train[test],
            y_test=x.y_train[test],
        )
    if y is None:
        raise TypeError("split: y must be given with x, got None")
    samples, labels = np.asarray(x), np.asarray(y)
    if samples.ndim == 0 or labels.ndim == 0 or len(samples) != len(labels):
        raise ValueError(
            "split: x and y must have the same number of rows, got shapes "
            f"{samples.shape} and {labels.shape}"
        )
    train, test = _split_rows(labels, test_size=test_size, seed=seed)
    return samples[train], samples[test], labels[train], labels[test]


def _split_rows(
    labels: Array, *, test_size: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows = len(labels)
    held_out = _rows_held_out(rows, test_size)
    seed = integer("split", "seed", seed, minimum=0, maximum=2**32 - 1)
    stratified = labels.ndim == 1 and labels.dtype.kind in "biuUS"
    if stratified and importlib.util.find_spec("sklearn") is not None:
        selection = require("sklearn.model_selection", extra="data", purpose="a stratified split")
        train, test = selection.train_test_split(
            np.arange(rows), test_size=held_out, random_state=seed, stratify=labels
        )
        return train, test
    order = np.random.default_rng(seed).permutation(rows)
    return order[: rows - held_out], order[rows - held_out :]


def _rows_held_out(rows: int, test_size: float) -> int:
    if isinstance(test_size, (int, np.integer)):
        held_out = integer("split", "test_size", test_size, minimum=1)
    else:
        share = real("split", "test_size", test_size, exclusive_minimum=0, exclusive_maximum=1)
        held_out = math.ceil(share * rows)
    if held_out >= rows:
        raise ValueError(
            f"split: test_size must leave rows to train on, got {test_size} of {rows} rows"
        )
    return held_out
