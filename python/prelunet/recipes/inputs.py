"""Command-line values and data of recipes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from prelunet import data

Array = npt.NDArray[Any]
T = TypeVar("T")


def names(text: str) -> tuple[str, ...]:
    """Return the comma-separated names."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def choose(
    owner: str, argument: str, known: Mapping[str, T], wanted: Sequence[str] | None
) -> list[T]:
    """Return the selected entries of `known`; all if none are selected."""
    for name in wanted or ():
        if name not in known:
            raise ValueError(
                f"{owner}: {argument} must be names among {', '.join(known)}, got {name!r}"
            )
    return [value for name, value in known.items() if not wanted or name in wanted]


def digits_28(options: argparse.Namespace) -> data.Dataset:
    """Return MNIST; with ``--quick``, 5,000 of its digits, a fifth of them test rows."""
    if not options.quick:
        return data.load("mnist", data_dir=options.data_dir)
    return data.split(data.load("mnist-5k"), test_size=0.2, seed=0)


def with_test_rows_last(dataset: data.Dataset) -> data.Dataset:
    """Return all rows as training rows, with the test rows last, for a new split."""
    x_test, y_test = test_rows(dataset)
    x = np.concatenate([dataset.x_train, x_test])
    y = np.concatenate([dataset.y_train, y_test])
    return replace(dataset, x_train=x, y_train=y, x_test=None, y_test=None)


def test_rows(dataset: data.Dataset) -> tuple[Array, Array]:
    """Return the test rows of data with test rows."""
    assert dataset.x_test is not None
    assert dataset.y_test is not None
    return dataset.x_test, dataset.y_test
