"""`Member`, a trained network with the encoding of its inputs and the scaling of its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ...layers import Clip, Columns, Dense, Layer
from ...model import Sequential
from ...serialization import without_training
from ...tables import Column, TableEncoder
from .outputs import OutputScaling
from .recipe import Recipe

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_BLOCK_ROWS = 1 << 14  # encoded and predicted at once


@dataclass(frozen=True, eq=False)
class Member:
    """A trained network of an estimator.

    Attributes
    ----------
    encoder : TableEncoder
    network : Sequential
    scaling : OutputScaling
        From outputs of the network to logits by the temperature, or to the units of y.
    records : dict
        The attributes of a fitted estimator that describe the training, as JSON values.
    recipe : Recipe or None
        The recipe of `partial_fit`, if that trained the network last. Files do not contain it.
    """

    encoder: TableEncoder
    network: Sequential
    scaling: OutputScaling
    records: dict[str, Any]
    recipe: Recipe | None = None

    def outputs(self, columns: Sequence[Column]) -> Floats:
        """Return scaled outputs of shape (n, outputs)."""
        count = len(columns[0].values)
        found = np.empty((count, len(self.scaling.factor)))
        for start in range(0, count, _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            own = columns if count <= _BLOCK_ROWS else [column.rows(rows) for column in columns]
            X = self.encoder.transform(own, self.network.variable_dtype)
            found[rows] = self.network.predict(X)
        return self.scaling(found)

    def to_sequential(self) -> Sequential:
        """Return a copy of the network whose last layers contain the scaling of the outputs."""
        network, scaling = self.network, self.scaling
        last, limits = network.layers[-1], self._limits()
        assert isinstance(last, Dense)
        model = Sequential(
            [*network.layers, *limits],
            input_shape=network.input_shape,
            dtype=network.dtype,
            seed=network.seed,
        )
        parameters = network.parameters()
        weight, bias = (parameters[f"{last.name}.{name}"] for name in ("weight", "bias"))
        parameters |= {
            f"{last.name}.weight": weight * scaling.factor[:, np.newaxis],
            f"{last.name}.bias": bias * scaling.factor + scaling.offset,
        }
        model.set_parameters(parameters)
        return model

    def _limits(self) -> list[Layer]:
        """Return the layers that clip scaled outputs."""
        if not self.scaling.clips:
            return []
        largest = float(np.finfo(self.network.variable_dtype).max)
        pairs = zip(self.scaling.low, self.scaling.high, strict=True)
        clips = [
            Clip(max(float(low), -largest), min(float(high), largest), in_training=False)
            for low, high in pairs
        ]
        if len(clips) == 1:
            return [clips[0]]
        return [Columns([(f"output_{i}", [clip], [i]) for i, clip in enumerate(clips)])]

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return JSON values and arrays from which `of_state` makes an equal member."""
        network = without_training(self.network.__getstate__())
        columns, scaling = self.encoder.state()
        description = {
            "network": network["description"],
            "columns": columns,
            "records": self.records,
        }
        arrays = {f"network/{name}": values for name, values in network["arrays"].items()}
        arrays |= {f"encoder/{name}": values for name, values in scaling.items()}
        return description, arrays | self.scaling.arrays()

    @classmethod
    def of_state(cls, description: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Return the member of a state.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the state is damaged.
        """
        parts: dict[str, dict[str, Array]] = {"network": {}, "encoder": {}, "scaling": {}}
        for name, values in arrays.items():
            group, _, rest = name.partition("/")
            parts[group if rest else "scaling"][rest or group] = values
        network = Sequential.__new__(Sequential)
        network.__setstate__({"description": description["network"], "arrays": parts["network"]})
        encoder = TableEncoder.of_state(description["columns"], parts["encoder"])
        if network.input_shape != (encoder.width,):
            raise ValueError(f"the network must have {encoder.width} inputs")
        scaling = OutputScaling.of_arrays(parts["scaling"], network.output_shape)
        return cls(encoder, network, scaling, dict(description["records"]))
