"""`OutputScaling`, from the outputs of a network to logits or to the units of y."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OutputScaling:
    """Outputs are ``min(max(network * factor + offset, low), high)``.

    Attributes
    ----------
    factor, offset, low, high : ndarray of float64, shape (outputs,)
        The limits may be infinite.
    """

    factor: Floats
    offset: Floats
    low: Floats
    high: Floats

    @classmethod
    def linear(cls, factor: Floats, offset: Floats) -> Self:
        """Return a scaling without limits."""
        return cls(factor, offset, np.full_like(offset, -np.inf), np.full_like(offset, np.inf))

    @cached_property
    def clips(self) -> bool:
        """Whether a limit is finite."""
        return bool(np.isfinite([self.low, self.high]).any())

    def __call__(self, outputs: npt.NDArray[Any]) -> Floats:
        """Return scaled outputs, in float64."""
        scaled = np.asarray(outputs * self.factor + self.offset)
        return np.clip(scaled, self.low, self.high) if self.clips else scaled

    def arrays(self) -> dict[str, Floats]:
        """Return the arrays by name, from which `of_arrays` makes an equal scaling."""
        return {name: getattr(self, name) for name in _NAMES}

    @classmethod
    def of_arrays(cls, arrays: dict[str, npt.NDArray[Any]], shape: tuple[int, ...]) -> Self:
        """Return the scaling of a file, for outputs of a shape.

        Raises
        ------
        KeyError, ValueError
            If the arrays are damaged.
        """
        for name in _NAMES:
            if arrays[name].shape != shape or arrays[name].dtype != np.float64:
                raise ValueError(f"{name} must be float64, one for each output")
        found = cls(*(arrays[name] for name in _NAMES))
        if not (found.low <= found.high).all():
            raise ValueError("low must be at most high")
        return found


_NAMES = ("factor", "offset", "low", "high")
