"""Which rows are trained on, which are held out, and how evaluation finds the latter again."""

from __future__ import annotations

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import prelunet as pn
from prelunet import data
from prelunet.cli.metadata import HeldOut, Metadata

TEST_SIZE = 0.2
# Not the seed of the training: the same rows are held out whatever that is, so that runs compare.
# With 6, the digits held out are as hard as on average over splits, with scikit-learn (98.3% right)
# and without it; other seeds give 97.1% to 99.2%.
SPLIT_SEED = 6

Array = NDArray[Any]


class Rows(NamedTuple):
    """Samples with their labels, and what they are, in words."""

    x: Array
    y: Array
    what: str


def hold_out(dataset: data.Dataset) -> tuple[data.Dataset, HeldOut | None]:
    """Return the data set with test rows: its own, or a share of the others held out."""
    if dataset.x_test is not None:
        return dataset, None
    divided = data.split(dataset, test_size=TEST_SIZE, seed=SPLIT_SEED)
    fingerprint = _fingerprint(test_rows(divided))
    return divided, HeldOut(test_size=TEST_SIZE, seed=SPLIT_SEED, sha256=fingerprint)


def test_rows(dataset: data.Dataset) -> Rows:
    """Return the test rows of a data set that has them."""
    assert dataset.x_test is not None
    assert dataset.y_test is not None
    return Rows(dataset.x_test, dataset.y_test, "test rows")


def rows_to_evaluate(dataset: data.Dataset, metadata: Metadata) -> Rows:
    """Return the rows that a model has not seen, as far as that is known.

    They are the test rows of the data set; or else those that training held out, if the data set is
    that of the training and the rows are the same ones (they are not if scikit-learn was installed
    then and is not now, or the reverse); or else all rows.
    """
    if dataset.x_test is not None:
        return test_rows(dataset)
    everything = Rows(dataset.x_train, dataset.y_train, "rows, all there are")
    held_out = metadata.held_out
    if held_out is None or dataset.name != metadata.data:
        return everything
    divided = data.split(dataset, test_size=held_out.test_size, seed=held_out.seed)
    found = test_rows(divided)
    if _fingerprint(found) != held_out.sha256:
        return everything._replace(
            what="rows, all there are: those held out in training cannot be told from the others"
        )
    return found._replace(what="rows held out in training")


def as_input(model: pn.Sequential, x: Array) -> Array:
    """Return samples in the shape the model takes, if it is one of the same values in each."""
    shape = model.input_shape
    if (
        shape is None
        or x.ndim < 2
        or x.shape[1:] == shape
        or math.prod(x.shape[1:]) != math.prod(shape)
    ):
        return x
    return x.reshape(len(x), *shape)


def number_of_classes(dataset: data.Dataset) -> int:
    """Return how many outputs a classifier of these data needs.

    Raises
    ------
    ValueError
        If the targets are not labels 0, 1, ..., fewer of them than there are rows.
    """
    labels = dataset.y_train
    if dataset.y_test is not None:
        labels = np.concatenate([labels, dataset.y_test])
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"train: {dataset.name}: the targets must be integer labels of shape (n,), got "
            f"{labels.dtype} of shape {labels.shape}"
        )
    low, high = int(labels.min()), int(labels.max())
    # As many classes as rows is a column of numbers or identities, and would need as many outputs.
    if low < 0 or high >= len(labels):
        raise ValueError(
            f"train: {dataset.name}: labels must count classes from 0, got {low} to {high} in "
            f"{len(labels)} rows"
        )
    return max(high + 1, 2, len(dataset.class_names or ()))


def _fingerprint(rows: Rows) -> str:
    digest = hashlib.sha256()
    for array in rows[:2]:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
