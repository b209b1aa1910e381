"""The record returned by all loaders."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dataset:
    """Training rows, optional test rows, and metadata.

    Parameters
    ----------
    name : str
        The requested name, or the name of the file.
    x_train : ndarray, shape (n, features)
        One sample per row, with the stored dtype: images as uint8 0..255, for example. `as_images`
        returns images of shape (n, height, width, channels).
    y_train : ndarray, shape (n,)
        int64 labels; for regression, real numbers of shape (n,) or (n, outputs).
    x_test, y_test : ndarray, optional
        The data set's own test rows; both or neither.
    image_shape : tuple of int, optional
        (height, width, channels) if a row is an image.
    class_names : tuple of str, optional
        A name for each label 0, 1, ...
    credit : str
        Source and license of the data.

    Raises
    ------
    TypeError
        If an array is not a NumPy array of numbers.
    ValueError
        If shapes do not match, or there are no training rows.
    """

    name: str
    x_train: Array
    y_train: Array
    x_test: Array | None = None
    y_test: Array | None = None
    image_shape: tuple[int, int, int] | None = None
    class_names: tuple[str, ...] | None = None
    credit: str = ""

    def __post_init__(self) -> None:
        """Check that the arrays fit together."""
        self._check_rows("train", self.x_train, self.y_train)
        if self.x_test is None and self.y_test is None:
            return
        if self.x_test is None or self.y_test is None:
            raise ValueError(f"{self._owner}: x_test and y_test must be given both or neither")
        self._check_rows("test", self.x_test, self.y_test)
        for argument, train, test in (
            ("x_test", self.x_train, self.x_test),
            ("y_test", self.y_train, self.y_test),
        ):
            if train.shape[1:] != test.shape[1:]:
                raise ValueError(
                    f"{self._owner}: {argument} must have rows of shape {train.shape[1:]} as in "
                    f"training, got {test.shape[1:]}"
                )

    @property
    def _owner(self) -> str:
        return f"Dataset {self.name!r}"

    def _check_rows(self, part: str, x: Array, y: Array) -> None:
        given: tuple[tuple[str, object], ...] = ((f"x_{part}", x), (f"y_{part}", y))
        for argument, array in given:
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
                got = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
                raise TypeError(f"{self._owner}: {argument} must be an array of numbers, got {got}")
        if self.image_shape is None:
            fits, expected = x.ndim == 2, "(n, features)"
        else:
            features = math.prod(self.image_shape)
            fits = x.shape[1:] in ((features,), self.image_shape)
            expected = f"(n, {features}) or images of shape {self.image_shape}"
        if not fits:
            raise ValueError(f"{self._owner}: x_{part} must have shape {expected}, got {x.shape}")
        if y.ndim not in (1, 2):
            raise ValueError(
                f"{self._owner}: y_{part} must have shape (n,) or (n, outputs), got {y.shape}"
            )
        if len(x) == 0 or len(x) != len(y):
            raise ValueError(
                f"{self._owner}: x_{part} and y_{part} must have the same number of rows >= 1, "
                f"got {len(x)} and {len(y)}"
            )

    def as_images(self) -> Dataset:
        """Return the data set with rows of shape `image_shape`, as views.

        Raises
        ------
        ValueError
            If the rows are not images.
        """
        if self.image_shape is None:
            raise ValueError(f"{self._owner}: as_images: the rows are not images")
        x_test = self.x_test
        return replace(
            self,
            x_train=self.x_train.reshape(-1, *self.image_shape),
            x_test=None if x_test is None else x_test.reshape(-1, *self.image_shape),
        )

    def __repr__(self) -> str:
        """Return a summary with dtypes and shapes, without the data."""
        parts = [f"name={self.name!r}"]
        for argument in ("x_train", "y_train", "x_test", "y_test"):
            array = getattr(self, argument)
            if array is not None:
                parts.append(f"{argument}=<{array.dtype} {array.shape}>")
        if self.image_shape is not None:
            parts.append(f"image_shape={self.image_shape}")
        return f"Dataset({', '.join(parts)})"


def rows_of_images(owner: str, name: str, x: Array) -> tuple[Array, tuple[int, int, int] | None]:
    """Return `x` as native, contiguous rows, and the image shape if the rows are images.

    Arrays of shape (n, height, width) and (n, height, width, channels) contain images; arrays of
    shape (n, features) do not.
    """
    if x.ndim not in (2, 3, 4):
        raise ValueError(
            f"{owner}: {name} must have shape (n, features), (n, height, width) or "
            f"(n, height, width, channels), got {x.shape}"
        )
    # newbyteorder: files may be byte-swapped, but the engine requires native byte order.
    x = np.ascontiguousarray(x, dtype=x.dtype.newbyteorder("="))
    if x.ndim == 2:
        return x, None
    height, width, channels = (*x.shape[1:], 1)[:3]
    return x.reshape(len(x), height * width * channels), (height, width, channels)


def as_labels(owner: str, name: str, y: Array) -> NDArray[np.int64]:
    """Return integer labels of shape (n,) as int64."""
    if y.dtype.kind not in "iu":
        raise ValueError(f"{owner}: {name} must hold integer labels, got {y.dtype}")
    if y.ndim != 1:
        raise ValueError(f"{owner}: {name} must have shape (n,), got {y.shape}")
    if y.dtype == np.uint64 and y.size and y.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{owner}: {name} must hold labels below 2**63, got {y.max()}")
    return y.astype(np.int64)


def numbered_labels(
    owner: str, labels: Mapping[str, Array]
) -> tuple[list[NDArray[np.int64]], tuple[str, ...] | None]:
    """Return labels from 0, and the names of the classes if those of the file are not counts.

    `labels` are arrays of one set of classes by name. Text, and integers of which any is negative,
    become 0, 1, ... in sorted order.
    """
    if all(y.dtype.kind == "U" and y.ndim == 1 for y in labels.values()):
        given = list(labels.values())
    else:
        given = [as_labels(owner, name, y) for name, y in labels.items()]
        if all(y.min(initial=0) >= 0 for y in given):
            return given, None
    classes, ranks = np.unique(np.concatenate(given), return_inverse=True)
    cuts = np.cumsum([len(y) for y in given])[:-1]
    return np.split(ranks.astype(np.int64), cuts), tuple(map(str, classes.tolist()))
