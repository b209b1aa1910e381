"""What recipes take: choices from the command line, and their data."""

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
    """Return the names between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def choose(
    owner: str, argument: str, known: Mapping[str, T], wanted: Sequence[str] | None
) -> list[T]:
    """Return those of `known` that are wanted, all where none are named.

    Raises
    ------
    ValueError
        If a name is not known.
    """
    for name in wanted or ():
        if name not in known:
            raise ValueError(
                f"{owner}: {argument} must be names among {', '.join(known)}, got {name!r}"
            )
    return [value for name, value in known.items() if not wanted or name in wanted]


def digits_28(options: argparse.Namespace) -> data.Dataset:
    """Return MNIST; with ``--quick`` 5,000 digits of it, a fifth of them for the test."""
    if not options.quick:
        return data.load("mnist", data_dir=options.data_dir)
    return data.split(data.load("mnist-5k"), test_size=0.2, seed=0)


def with_test_rows_last(dataset: data.Dataset) -> data.Dataset:
    """Return all rows as training rows, those of the test last, to be split anew."""
    x_test, y_test = test_rows(dataset)
    x = np.concatenate([dataset.x_train, x_test])
    y = np.concatenate([dataset.y_train, y_test])
    return replace(dataset, x_train=x, y_train=y, x_test=None, y_test=None)


def test_rows(dataset: data.Dataset) -> tuple[Array, Array]:
    """Return the test rows of data that have them."""
    assert dataset.x_test is not None
    assert dataset.y_test is not None
    return dataset.x_test, dataset.y_test
