"""`PeriodicEmbeddings`: waves of each feature with learned frequencies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any

from .._description import checked
from .._validation import choice, real, size
from ..initializers import Initializer, Normal, Uniform
from .base import Layer, Shape


class PeriodicEmbeddings(Layer):
    """Embeds each number in several, by waves with learned frequencies and a linear map.

    A feature x has frequencies w, a matrix W and biases c of its own, and becomes `d_embedding`
    numbers, so that (n, features) inputs become (n, features * d_embedding):

    - ``"pbld"`` [2]_: ``W cos(2 pi w x + b) + c`` with phases b, then x itself;
    - ``"plr"`` [1]_: ``max(W (cos(2 pi w x), sin(2 pi w x)) + c, 0)``.

    The parameters are ``frequency`` (w), ``phase`` (b, in radians, for "pbld"), ``weight`` (W) and
    ``bias`` (c). Frequencies are drawn from a normal distribution, phases uniformly from -pi to pi,
    W and c uniformly within ``1 / sqrt(waves)``, where waves is the number of columns of W. The
    arguments have the names of the package rtdl_num_embeddings.

    Parameters
    ----------
    d_embedding : int, default 4
        Numbers that a feature becomes; at least 2 for "pbld".
    n_frequencies : int, default 16
    frequency_init_scale : float, default 0.1
        Standard deviation of the initial frequencies.
    kind : {"pbld", "plr"}, default "pbld"
    name, trainable
        As for `Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev and A. Babenko, "On Embeddings for Numerical Features in
       Tabular Deep Learning", NeurIPS 2022, arXiv:2203.05556.
    .. [2] D. Holzmueller, L. Grinsztajn and I. Steinwart, "Better by Default: Strong Pre-Tuned
       MLPs and Boosted Trees on Tabular Data", NeurIPS 2024, arXiv:2407.04491.
    """

    d_embedding: int = checked(size, default=4)
    _: KW_ONLY
    n_frequencies: int = checked(size, default=16)
    frequency_init_scale: float = checked(real, default=0.1, minimum=0.0)
    kind: str = checked(choice, default="pbld", options=("pbld", "plr"))

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        if self.kind == "pbld" and self.d_embedding < 2:
            raise ValueError(
                "PeriodicEmbeddings: d_embedding must be an integer >= 2 where kind is 'pbld', "
                f"got {self.d_embedding}"
            )

    @property
    def _terms(self) -> int:
        return self.n_frequencies * (2 if self.kind == "plr" else 1)

    def specifications(self) -> list[dict[str, Any]]:
        """Return the layer's specification for the engine."""
        own = {"frequencies": self.n_frequencies, "embedding": self.d_embedding}
        plr = self.kind == "plr"
        return [{"type": "periodic_embeddings", **own, "plr": plr, "trainable": self.trainable}]

    def initializers(self) -> Mapping[str, Initializer]:
        """Return the initializers of frequencies, phases, W and c."""
        limit = 1.0 / math.sqrt(self._terms)
        return {
            "frequency": Normal(stddev=self.frequency_init_scale),
            "phase": Uniform(-math.pi, math.pi),
            "weight": Uniform(-limit, limit),
            "bias": Uniform(-limit, limit),
        }

    def shapes(self, sample: Shape) -> tuple[dict[str, Shape], Shape]:
        """Return the shapes of the parameters and of the output."""
        features, angles = sample[0], (sample[0], self.n_frequencies)
        outputs = self.d_embedding - (self.kind == "pbld")
        found: dict[str, Shape] = {"frequency": angles}
        if self.kind == "pbld":
            found["phase"] = angles
        found |= {"weight": (features, outputs, self._terms), "bias": (features, outputs)}
        return found, (features * self.d_embedding,)
