"""`PiecewiseLinearEmbeddings`: a piecewise linear function of each feature, over given bins."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from .._description import checked
from .._validation import boolean, choice, is_sequence, numbers, size
from ..initializers import Initializer, Uniform, Zeros
from .activation import ACTIVATION_LAYERS
from .base import Layer, Shape


def _checked_bins(owner: str, name: str, value: object) -> tuple[tuple[float, ...], ...]:
    if not is_sequence(value) or len(value) == 0:
        raise TypeError(f"{owner}: {name} must be a list of lists of numbers, got {value!r}")
    found = tuple(numbers(owner, f"an entry of {name}", one) for one in value)
    for place, edges in enumerate(found):
        steps = [right - left for left, right in pairwise(edges)]
        if not steps or min(steps) < sys.float_info.min or max(steps) == math.inf:
            raise ValueError(
                f"{owner}: {name} must be at least two increasing edges for each feature, got "
                f"{edges!r} for feature {place}"
            )
    return found


class PiecewiseLinearEmbeddings(Layer):
    """Embeds each number by a learned, continuous, piecewise linear function of it.

    The edges of a feature divide its values into bins. A feature becomes `d_embedding` numbers, so
    that (n, features) inputs become (n, features * d_embedding). The encoding e of x has ones for
    the bins before that of x, the share of its own bin that lies below x, and zeros for the bins
    after it [1]_. Below the first edge and above the last, the outer bins continue. With a matrix W
    and biases c of the feature, the embedding is

    - in version "A": ``W^T e + c``, or ``max(W^T e + c, 0)`` with ``activation=True``;
    - in version "B": ``W^T e + v x + c``, with a vector v of the feature, and W = 0 at first.

    The arguments have the names of the package rtdl_num_embeddings.

    The parameters are ``weight`` (the rows of W for all bins of all features, one after the other),
    ``linear`` (v, in version "B") and ``bias`` (c). W and c of "A" are drawn uniformly within
    ``1 / sqrt(bins)``, where bins is the largest number of bins of a feature, and v and c of "B"
    within ``1 / sqrt(d_embedding)``.

    Parameters
    ----------
    bins : sequence of sequence of float
        The edges of the bins of each feature, increasing: a result of `compute_bins`.
    d_embedding : int
        Numbers that a feature becomes.
    activation : bool, default False
        Whether ReLU follows, in version "A" only.
    version : {"A", "B"}, default "B"
    name, trainable
        As for `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid. A model raises a ValueError if its samples have another number
        of features, or more axes.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev and A. Babenko, "On Embeddings for Numerical Features in
       Tabular Deep Learning", NeurIPS 2022, arXiv:2203.05556.

    Examples
    --------
    >>> import numpy as np
    >>> import prelunet as pn
    >>> X = np.random.default_rng(0).standard_normal((1000, 3))
    >>> embeddings = pn.PiecewiseLinearEmbeddings(pn.compute_bins(X, n_bins=8), 4)
    >>> pn.Sequential([embeddings, pn.Dense(1)], seed=0).predict(X).shape
    (1000, 1)
    """

    bins: Sequence[Sequence[float]] = checked(_checked_bins)
    d_embedding: int = checked(size)
    _: KW_ONLY
    activation: bool = checked(boolean, default=False)
    version: str = checked(choice, default="B", options=("A", "B"))

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        if self.activation and self.version == "B":
            raise ValueError(
                "PiecewiseLinearEmbeddings: activation must be False where version is 'B', whose "
                "weight begins at 0, got True"
            )

    @property
    def fused_activation(self) -> Layer | None:
        """ReLU if it follows, or None."""
        return ACTIVATION_LAYERS["ReLU"]() if self.activation else None

    @property
    def bin_counts(self) -> tuple[int, ...]:
        """The number of bins of each feature."""
        return tuple(len(edges) - 1 for edges in self.bins)

    def specifications(self) -> list[dict[str, Any]]:
        """Return specifications for the engine: the embeddings, then ReLU, if any."""
        own = {
            "type": "piecewise_linear_embeddings",
            "bins": self.bin_counts,
            "edges": np.concatenate(self.bins),
            "outputs": self.d_embedding,
            "linear": self.version == "B",
            "trainable": self.trainable,
        }
        after = self.fused_activation
        return [own, *(() if after is None else after.specifications())]

    def initializers(self) -> Mapping[str, Initializer]:
        """Return the initializers of the parameters."""
        if self.version == "A":
            limit = 1.0 / math.sqrt(max(self.bin_counts))
            return {"weight": Uniform(-limit, limit), "bias": Uniform(-limit, limit)}
        limit = 1.0 / math.sqrt(self.d_embedding)
        outer = Uniform(-limit, limit)
        return {"weight": Zeros(), "linear": outer, "bias": outer}

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return the shapes of the parameters and of the output."""
        features, outputs = sample[0], self.d_embedding
        found: dict[str, Shape] = {"weight": (sum(self.bin_counts), outputs)}
        if self.version == "B":
            found["linear"] = (features, outputs)
        return found | {"bias": (features, outputs)}, (features * outputs,)


def compute_bins(X: npt.ArrayLike, n_bins: int = 48) -> list[npt.NDArray[np.float64]]:
    """Return edges of bins for `PiecewiseLinearEmbeddings`, which hold equally many samples.

    The edges of a feature are its quantiles in the training data, each once. A feature with few
    different values has fewer bins.

    Parameters
    ----------
    X : array-like of shape (n, features)
        Training data.
    n_bins : int, default 48
        The largest number of bins of a feature.

    Returns
    -------
    list of ndarray
        The edges of each feature: `n_bins` + 1 or fewer, at least 2.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or a column of X has a number that is not finite or has only one
        value.

    Examples
    --------
    >>> import prelunet as pn
    >>> [edges.tolist() for edges in pn.compute_bins([[0, 5], [1, 5], [2, 6], [4, 9]], n_bins=2)]
    [[0.0, 1.5, 4.0], [5.0, 5.5, 9.0]]
    """
    owner = "compute_bins"
    count = size(owner, "n_bins", n_bins)
    try:
        values = np.asarray(X, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{owner}: X must be an array of numbers") from None
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"{owner}: X must have shape (n, features), got {values.shape}")
    for place, column in enumerate(values.T):
        if not np.isfinite(column).all() or np.ptp(column) == 0:
            raise ValueError(
                f"{owner}: column {place} of X must have finite numbers, and at least two values"
            )
    return [np.unique(edges) for edges in np.quantile(values, np.linspace(0, 1, count + 1), 0).T]
