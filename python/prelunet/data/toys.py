"""Two classes in the plane, drawn by scikit-learn."""

from __future__ import annotations

import numpy as np

from prelunet._extras import require
from prelunet._validation import integer, real
from prelunet.data.dataset import Dataset


def moons(*, rows: int = 1000, noise: float = 0.2, seed: int = 0) -> Dataset:
    """Return two interleaved half circles (scikit-learn's make_moons).

    Parameters
    ----------
    rows : int
        How many points, at least 2.
    noise : float
        Standard deviation of the Gaussian noise on each coordinate.
    seed : int
        What the draw depends on.

    Returns
    -------
    Dataset
        float64 points of shape (rows, 2), shuffled; labels 0 and 1; no test rows.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    """
    return _draw("moons", rows=rows, noise=noise, seed=seed)


def circles(
    *, rows: int = 1000, noise: float = 0.05, factor: float = 0.5, seed: int = 0
) -> Dataset:
    """Return a circle within a circle (scikit-learn's make_circles).

    Parameters
    ----------
    rows : int
        How many points, at least 2.
    noise : float
        Standard deviation of the Gaussian noise on each coordinate.
    factor : float
        Radius of the inner circle, in [0, 1); the outer one's is 1.
    seed : int
        What the draw depends on.

    Returns
    -------
    Dataset
        float64 points of shape (rows, 2), shuffled; labels 0 and 1; no test rows.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    """
    factor = real("circles", "factor", factor, minimum=0, exclusive_maximum=1)
    return _draw("circles", rows=rows, noise=noise, seed=seed, factor=factor)


def _draw(name: str, *, rows: int, noise: float, seed: int, **arguments: float) -> Dataset:
    checked_rows = integer(name, "rows", rows, minimum=2)
    checked_noise = real(name, "noise", noise, minimum=0)
    checked_seed = integer(name, "seed", seed, minimum=0, maximum=2**32 - 1)
    datasets = require("sklearn.datasets", extra="data", purpose=f"the data set {name!r}")
    points, labels = getattr(datasets, f"make_{name}")(
        checked_rows, noise=checked_noise, random_state=checked_seed, **arguments
    )
    return Dataset(
        name=name,
        x_train=points,
        y_train=labels.astype(np.int64),
        class_names=("outer", "inner") if name == "circles" else ("upper", "lower"),
        credit=f"drawn by scikit-learn's make_{name}",
    )
