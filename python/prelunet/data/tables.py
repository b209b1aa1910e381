"""NPZ files of samples and targets."""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np

from prelunet._files import reading
from prelunet._validation import choice
from prelunet.data.dataset import Array, Dataset, numbered_labels, rows_of_images
from prelunet.data.files import existing_file
from prelunet.formats.npz import Archive

_TARGETS = ("labels", "values")


def read_npz(path: str | os.PathLike[str], *, targets: str = "labels") -> Dataset:
    """Read an NPZ file with ``x_train``, ``y_train``, ``x_test``, ``y_test``, or ``X`` and ``y``.

    The test arrays are optional, and other arrays are ignored. Pickled objects are rejected.

    Parameters
    ----------
    path : str or path
        The file. Samples have shape (n, features), (n, height, width) or (n, height, width,
        channels) and any numeric dtype. Images are flattened to rows, and their shape is recorded.
    targets : {"labels", "values"}
        Labels of shape (n,), or real numbers of shape (n,) or (n, outputs), as float64. Labels that
        are text, or integers of which any is negative, become 0, 1, ... in sorted order, and the
        data set's `class_names` are the labels of the file.

    Returns
    -------
    Dataset

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If the file does not exist or is a folder.
    ValueError
        If the file is not a complete NPZ file of such arrays; the message names file and array.
    """
    file = existing_file("read_npz", path)
    choice("read_npz", "targets", targets, _TARGETS)
    owner = f"read_npz: {file}"
    with reading("read_npz", file) as stream:
        arrays = _npz_arrays(owner, stream, takes_text=targets == "labels")
        keys = tuple(arrays)
        rows = [rows_of_images(owner, key, arrays[key]) for key in keys[::2]]
        given = {key: arrays[key] for key in keys[1::2]}
        aims: list[Array]
        if targets == "labels":
            aims, names = numbered_labels(owner, given)
        else:
            aims, names = [y.astype(np.float64) for y in given.values()], None
        return Dataset(
            name=file.name,
            x_train=rows[0][0],
            y_train=aims[0],
            x_test=rows[1][0] if len(keys) > 2 else None,
            y_test=aims[1] if len(keys) > 2 else None,
            image_shape=rows[0][1],
            class_names=names,
        )


def _keys(owner: str, found: list[str]) -> tuple[str, ...]:
    """Return the keys to read, alternating samples and targets."""
    train, test = ("x_train", "y_train"), ("x_test", "y_test")
    held_test = [key for key in test if key in found]
    if all(key in found for key in train) and len(held_test) != 1:
        return (*train, *held_test)
    if "X" in found and "y" in found:
        return ("X", "y")
    raise ValueError(
        f"{owner}: the arrays must be x_train and y_train, with x_test and y_test or without them, "
        f"or X and y, got {', '.join(found) or 'none'}"
    )


def _npz_arrays(owner: str, stream: BinaryIO, *, takes_text: bool) -> dict[str, Array]:
    """Return the arrays of `_keys`, in that order; `takes_text` allows targets that are text."""
    import zipfile  # imported here: takes a third of the import time of this package

    arrays = {}
    if not zipfile.is_zipfile(stream):
        raise ValueError("the file must be an NPZ archive, got something else")
    with Archive(stream) as archive:
        for key in _keys(owner, archive.names):
            try:
                array = archive.read(key)
            except (MemoryError, OSError):
                raise
            except Exception as error:  # damaged archives raise many types
                raise ValueError(
                    f"{owner}: {key} must be an array of numbers, got: {error}"
                ) from error
            kinds = "buifU" if takes_text and key.startswith("y") else "buif"
            if array.dtype.kind not in kinds:
                raise ValueError(f"{owner}: {key} must be an array of numbers, got {array.dtype}")
            arrays[key] = array
    return arrays
