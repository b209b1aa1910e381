"""The rows that each member trains on, and those that it holds out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupShuffleSplit, check_cv
from sklearn.utils import check_consistent_length, check_random_state

from .bagging import Indices, Job
from .parameters import Tabular
from .rows import Data

_SEEDS = 2**31 - 1  # exclusive upper bound


def hold_out(
    share: float,
    count: int,
    labels: npt.NDArray[Any] | None,
    groups: npt.NDArray[Any] | None,
    rng: np.random.RandomState,
) -> tuple[Indices, Indices]:
    """Return the indices of training rows and of held-out rows, which may be none.

    Parameters
    ----------
    share : float
        The share of rows to hold out, rounded up.
    count : int
        The number of rows.
    labels : ndarray of int, shape (n,), or None
        Classes that have their share of the held-out rows. At least one row of each class is
        trained on.
    groups : ndarray of shape (n,) or None
        Rows of a group are in the same part. Then classes do not matter.
    rng : RandomState
    """
    if share == 0.0 or (groups is not None and len(np.unique(groups)) < 2):
        return np.arange(count), np.empty(0, np.int64)
    if groups is not None:
        splitter = GroupShuffleSplit(1, test_size=share, random_state=rng)
        trained, held = next(splitter.split(np.empty((count, 0)), groups=groups))
        return trained, held
    order = rng.permutation(count)
    classes = np.zeros(count, np.int64) if labels is None else labels[order]
    # Sort by the rank of each row among those of its class, as a share: the first rows of this
    # order have the shares of all rows. The last row of each class is last.
    by_class = np.argsort(classes, kind="stable")
    counts = np.bincount(classes)
    starts = np.cumsum(counts) - counts
    ranks = np.empty(count)
    ranks[by_class] = np.arange(count) - starts[classes[by_class]]
    own = counts[classes]
    shares = np.where(ranks == own - 1, 1.0, (ranks + 0.5) / own)
    order = order[np.argsort(shares, kind="stable")]
    held = min(math.ceil(share * count), count - int((counts > 0).sum()))
    return np.sort(order[held:]), np.sort(order[:held])


def _group_numbers(owner: str, groups: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return the number of each row's group, in the order of the groups."""
    try:
        return np.asarray(np.unique(np.asarray(groups), return_inverse=True)[1])
    except TypeError as error:
        raise TypeError(
            f"{owner}: groups must hold numbers or texts, all of a kind and none missing: {error}"
        ) from error


def jobs_of(
    estimator: Tabular, data: Data, groups: npt.ArrayLike | None, *, holds_out: bool
) -> list[Job]:
    """Return the rows and seeds of all members.

    `holds_out` is False if validation data are given.
    """
    rng = check_random_state(estimator.random_state)
    present = data.present()
    by_group = None
    if groups is not None:
        check_consistent_length(groups, data.targets)
        by_group = _group_numbers(type(estimator).__name__, groups)
    labels = data.targets if data.targets.ndim == 1 else None
    if estimator.cv is not None:
        splitter = check_cv(estimator.cv, labels, classifier=labels is not None)
        stand_in = np.empty((data.count, 0))
        folds = list(splitter.split(stand_in, data.targets, groups))
        return [
            Job(
                np.intersect1d(trained, present),
                np.intersect1d(held, present),
                int(rng.randint(_SEEDS)),
                fold=np.asarray(held),
            )
            for _ in range(estimator.n_estimators)
            for trained, held in folds
        ]
    share = estimator.validation_fraction if holds_out else 0.0
    jobs = []
    for _ in range(estimator.n_estimators):
        seed = int(rng.randint(_SEEDS))
        own = np.random.RandomState(seed)
        trained, held = hold_out(
            share,
            len(present),
            None if labels is None else labels[present],
            None if by_group is None else by_group[present],
            own,
        )
        jobs.append(Job(present[trained], present[held], seed))
    return jobs
