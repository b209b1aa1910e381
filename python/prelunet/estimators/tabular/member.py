"""`Member`, a trained network with the encoding of its inputs and the scaling of its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ...layers import Dense
from ...model import Sequential
from ...serialization import without_training
from ...tables import Column, TableEncoder

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
    factor, offset : ndarray of float64, shape (outputs,)
        Outputs are ``network * factor + offset``: logits by the temperature, or numbers in the
        units of y.
    records : dict
        The attributes of a fitted estimator that describe the training, as JSON values.
    """

    encoder: TableEncoder
    network: Sequential
    factor: Floats
    offset: Floats
    records: dict[str, Any]

    def outputs(self, columns: Sequence[Column]) -> Floats:
        """Return scaled outputs of shape (n, outputs)."""
        count = len(columns[0].values)
        found = np.empty((count, len(self.factor)))
        for start in range(0, count, _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            own = [column.rows(rows) for column in columns]
            X = self.encoder.transform(own, self.network.variable_dtype)
            found[rows] = self.network.predict(X)
        return found * self.factor + self.offset

    def to_sequential(self) -> Sequential:
        """Return a copy of the network whose last layer contains the scaling of the outputs."""
        model = Sequential.__new__(type(self.network))
        model.__setstate__(self.network.__getstate__())
        last = model.layers[-1]
        assert isinstance(last, Dense)
        parameters = self.network.parameters()
        weight, bias = (parameters[f"{last.name}.{name}"] for name in ("weight", "bias"))
        model.set_parameters(
            {
                f"{last.name}.weight": weight * self.factor[:, np.newaxis],
                f"{last.name}.bias": bias * self.factor + self.offset,
            }
        )
        return model

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
        return description, arrays | {"factor": self.factor, "offset": self.offset}

    @classmethod
    def of_state(cls, description: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Return the member of a state.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the state is damaged.
        """
        parts: dict[str, dict[str, Array]] = {"network": {}, "encoder": {}}
        for name, values in arrays.items():
            group, _, rest = name.partition("/")
            if rest:
                parts[group][rest] = values
        network = Sequential.__new__(Sequential)
        network.__setstate__({"description": description["network"], "arrays": parts["network"]})
        encoder = TableEncoder.of_state(description["columns"], parts["encoder"])
        if network.input_shape != (encoder.width,):
            raise ValueError(f"the network must have {encoder.width} inputs")
        scaling = [arrays[name] for name in ("factor", "offset")]
        for values in scaling:
            if values.shape != network.output_shape or values.dtype != np.float64:
                raise ValueError("factor and offset must be float64, one for each output")
        return cls(encoder, network, scaling[0], scaling[1], dict(description["records"]))
