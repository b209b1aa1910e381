"""Selection of training rows, held-out rows and the rows for evaluation."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import prelunet as pn
from prelunet import data
from prelunet.cli.metadata import HeldOut, Metadata

TEST_SIZE = 0.2
# Independent of the training seed, so that runs are comparable: all hold out the same rows. With
# seed 6 the held-out digits are of average difficulty, with scikit-learn (98.3% correct) and
# without it; other seeds give 97.1% to 99.2%.
SPLIT_SEED = 6

Array = NDArray[Any]


class Rows(NamedTuple):
    """Samples with their labels, and a description for messages."""

    x: Array
    y: Array
    what: str


def hold_out(dataset: data.Dataset) -> tuple[data.Dataset, HeldOut | None]:
    """Return the data set with test rows: its own, or a fraction of its training rows."""
    if dataset.x_test is not None:
        return dataset, None
    divided = data.split(dataset, test_size=TEST_SIZE, seed=SPLIT_SEED)
    fingerprint = _fingerprint(test_rows(divided))
    return divided, HeldOut(test_size=TEST_SIZE, seed=SPLIT_SEED, sha256=fingerprint)


def test_rows(dataset: data.Dataset) -> Rows:
    """Return the data set's test rows."""
    assert dataset.x_test is not None
    assert dataset.y_test is not None
    return Rows(dataset.x_test, dataset.y_test, "test rows")


def with_labels_of(model: Metadata, dataset: data.Dataset) -> data.Dataset:
    """Return the data set with the labels of the model's classes, which have names.

    A file may lack classes of the model, or have them in another order; labels are matched by name.

    Raises
    ------
    ValueError
        If a named class of the data set is not a class of the model.
    """
    names, own = model.class_names, dataset.class_names
    if names is None or names == own:
        return dataset
    given = [dataset.y_train] if dataset.y_test is None else [dataset.y_train, dataset.y_test]
    used = np.unique(np.concatenate(given)).tolist()
    found = [str(label) if own is None else own[label] for label in used]
    unknown = [name for name in found if name not in names]
    if unknown and own is None:  # labels are numbers, not names
        return dataset
    if unknown:
        raise ValueError(
            f"evaluate: {dataset.name}: labels must be among the model's classes "
            f"{', '.join(names)}, got {unknown[0]!r}"
        )
    labels = np.array([names.index(name) for name in found])
    renumbered = [labels[np.searchsorted(used, y)] for y in given]
    return replace(
        dataset,
        y_train=renumbered[0],
        y_test=None if dataset.y_test is None else renumbered[1],
        class_names=names,
    )


def rows_to_evaluate(dataset: data.Dataset, metadata: Metadata) -> Rows:
    """Return rows that the model was not trained on, as far as known.

    These are the test rows of the data set, if any. Otherwise, if the model was trained on the same
    data set and its held-out rows can be recognized, they are these rows. They cannot be if
    scikit-learn was installed during training and is not now, or vice versa. Otherwise all rows are
    used.
    """
    if dataset.x_test is not None:
        return test_rows(dataset)
    everything = Rows(dataset.x_train, dataset.y_train, "rows, all of the data")
    held_out = metadata.held_out
    if held_out is None or dataset.name != metadata.data:
        return everything
    divided = data.split(dataset, test_size=held_out.test_size, seed=held_out.seed)
    found = test_rows(divided)
    if _fingerprint(found) != held_out.sha256:
        return everything._replace(
            what="rows, all of the data: the rows held out in training cannot be identified"
        )
    return found._replace(what="rows held out in training")


def as_input(model: pn.Sequential, x: Array) -> Array:
    """Return samples in the model's input shape, if it has the same number of values."""
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
    """Return the number of outputs that a classifier of these data needs.

    Raises a ValueError if targets are not labels 0, 1, ... with fewer classes than rows.
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
    # A column with as many classes as rows holds numbers or identifiers, not classes.
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
