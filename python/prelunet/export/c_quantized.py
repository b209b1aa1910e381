"""Products in 8-bit integers: the scales of weights and of inputs.

A weight is ``integer * factor`` with a factor for each output. The input of a layer is
``integer * limit / 127``, where the limit is its largest magnitude in calibration. Integers are
within -127 and 127.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..layers import Columns, Layer
from ..layers.stacking import layer_keys
from ..layers.weighted import Weighted

Array = npt.NDArray[Any]

LARGEST = 127
_LARGEST_SUM = 2**31 - 1


def quantized(rows: Array, limit: float, name: str) -> tuple[Array, Array, np.float32]:
    """Return a weight as integers, the factor of each output's sums, and that of the inputs.

    The axes of `rows` are k and the outputs. Raises a ValueError if a weight is not finite, or if
    a sum of products may overflow.
    """
    largest = abs(rows).max(axis=0).astype(np.float64)
    if not np.isfinite(largest).all():
        raise ValueError(f"to_c: {name}.weight must be finite for quantize='int8'")
    steps = np.where(largest > 0, largest, LARGEST) / LARGEST
    integers = np.rint(rows / steps).astype(np.int8)
    highest = int(abs(integers.astype(np.int64)).sum(axis=0).max()) * LARGEST
    if highest > _LARGEST_SUM:
        raise ValueError(
            f"to_c: layer {name} must have sums of at most 2**31 - 1 for quantize='int8', got "
            f"{highest:,} from {len(rows):,} products"
        )
    step = (limit if limit > 0 else LARGEST) / LARGEST
    return integers, (step * steps).astype(np.float32), np.float32(1 / step)


def input_limits(
    stack: Sequence[Layer], x: Array, traced: Mapping[str, Array], prefix: str = ""
) -> dict[str, float]:
    """Return the largest magnitude of the input of each `Dense` and `Conv2D` by layer name.

    `traced` are the outputs of all layers for the rows x, such as ``"0.a"``. If x or an output is
    not finite, so is the magnitude.
    """
    found: dict[str, float] = {}
    for key, layer in zip(layer_keys(stack), stack, strict=True):
        name = prefix + key
        if isinstance(layer, Weighted):
            found[name] = float(abs(x).max())
        elif isinstance(layer, Columns):
            for branch in layer.inner_layers():
                given = x[:, branch.positions(x.shape[1])]
                found |= input_limits(branch.layers, given, traced, f"{name}.{branch.name}.")
        else:
            found |= input_limits(layer.inner_layers(), x, traced, f"{name}.")
        x = traced.get(f"{name}.a", x.reshape(len(x), -1))
    return found
