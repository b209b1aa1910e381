"""The record that loaders return, and the checks shared by the readers."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest

from prelunet.data import Dataset
from prelunet.data.dataset import as_labels, rows_of_images

X, Y = np.zeros((4, 6), np.uint8), np.arange(4)


def test_holds_what_it_is_given_without_copies():
    data = Dataset("d", X, Y, X[:2], Y[:2], (3, 2, 1), ("a", "b"), "credit")
    assert data.x_train is X
    assert data.y_train is Y
    assert data.credit == "credit"
    assert repr(data) == (
        "Dataset(name='d', x_train=<uint8 (4, 6)>, y_train=<int64 (4,)>, x_test=<uint8 (2, 6)>, "
        "y_test=<int64 (2,)>, image_shape=(3, 2, 1))"
    )


def test_is_frozen_and_slotted_and_pickles():
    data = Dataset("d", X, Y)
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "e"
    assert not hasattr(data, "__dict__")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(data)).y_train, Y)
    np.testing.assert_array_equal(copy.deepcopy(data).y_train, Y)
    assert repr(data) == "Dataset(name='d', x_train=<uint8 (4, 6)>, y_train=<int64 (4,)>)"


def test_as_images_gives_views():
    images = Dataset("d", X, Y, X[:2], Y[:2], image_shape=(3, 2, 1)).as_images()
    assert images.x_train.shape == (4, 3, 2, 1)
    assert images.x_test.shape == (2, 3, 2, 1)
    assert np.shares_memory(images.x_train, X)
    assert images.as_images().x_train.shape == (4, 3, 2, 1)
    assert Dataset("d", X, Y, image_shape=(3, 2, 1)).as_images().x_test is None
    with pytest.raises(ValueError, match="Dataset 'd': as_images: the rows are not images"):
        Dataset("d", X, Y).as_images()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x_train": X.tolist()}, TypeError, "x_train must be an array of numbers, got list"),
        ({"y_train": Y.astype(str)}, TypeError, "y_train must be an array of numbers, got <U"),
        ({"x_train": X[0]}, ValueError, r"x_train must have shape \(n, features\), got \(6,\)"),
        ({"x_train": X.reshape(4, 3, 2)}, ValueError, r"shape \(n, features\), got \(4, 3, 2\)"),
        (
            {"image_shape": (2, 2, 1)},
            ValueError,
            r"x_train must have shape \(n, 4\) or images of shape \(2, 2, 1\), got \(4, 6\)",
        ),
        ({"y_train": Y.reshape(2, 2, 1)}, ValueError, r"y_train must have shape \(n,\) or"),
        ({"y_train": Y[:3]}, ValueError, "the same number of rows >= 1, got 4 and 3"),
        ({"x_train": X[:0], "y_train": Y[:0]}, ValueError, "rows >= 1, got 0 and 0"),
        ({"x_test": X}, ValueError, "x_test and y_test must be given both or neither"),
        ({"y_test": Y}, ValueError, "x_test and y_test must be given both or neither"),
        ({"x_test": X[:, :5], "y_test": Y}, ValueError, r"x_test must have rows of shape \(6,\)"),
        ({"x_test": X, "y_test": Y[:, None]}, ValueError, r"y_test must have rows of shape \(\)"),
        ({"x_test": X[:3], "y_test": Y}, ValueError, "x_test and y_test must have the same number"),
    ],
)
def test_what_does_not_fit_is_refused(changes, error, message):
    arguments = {"name": "d", "x_train": X, "y_train": Y, **changes}
    with pytest.raises(error, match=f"Dataset 'd': .*{message}"):
        Dataset(**arguments)


@pytest.mark.parametrize(
    ("shape", "image_shape"),
    [((5, 6), None), ((5, 3, 2), (3, 2, 1)), ((5, 3, 2, 4), (3, 2, 4)), ((0, 3, 2), (3, 2, 1))],
)
def test_rows_of_images(shape, image_shape):
    x = np.arange(np.prod(shape), dtype=">i4").reshape(shape)
    rows, got = rows_of_images("owner", "x", x)
    assert got == image_shape
    assert rows.dtype == np.int32
    np.testing.assert_array_equal(rows, x.reshape(shape[0], int(np.prod(shape[1:]))))


def test_rows_of_images_are_contiguous():
    rows, _ = rows_of_images("owner", "x", np.asfortranarray(np.arange(24.0).reshape(4, 3, 2)))
    assert rows.flags.c_contiguous
    np.testing.assert_array_equal(rows, np.arange(24.0).reshape(4, 6))


@pytest.mark.parametrize("shape", [(), (5,), (1, 2, 3, 4, 5)])
def test_rows_of_other_ranks_are_refused(shape):
    with pytest.raises(ValueError, match=r"owner: x must have shape \(n, features\), .*, got \("):
        rows_of_images("owner", "x", np.zeros(shape))


def test_labels_become_int64():
    for dtype in (np.uint8, np.int8, ">i4", np.uint64):
        labels = as_labels("owner", "y", np.array([0, 3], dtype))
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(labels, [0, 3])
    assert as_labels("owner", "y", np.zeros(0, np.uint64)).shape == (0,)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0.0, 1.0]), "integer labels, got float64"),
        (np.array([True]), "integer labels, got bool"),
        (np.zeros((2, 1), int), r"shape \(n,\), got \(2, 1\)"),
        (np.array([2**63], np.uint64), r"labels below 2\*\*63, got 9223372036854775808"),
    ],
)
def test_other_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=f"owner: y must h.*{message}"):
        as_labels("owner", "y", labels)
