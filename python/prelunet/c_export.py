"""Implementation of `Saving.to_c`: what a header holds besides the layers of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core, ops
from ._arrays import as_rows
from ._validation import choice
from .dtypes import MIXED
from .engine import Engine
from .export import c
from .export.c_quantized import input_limits
from .export.c_text import checked_name
from .layers import Lambda
from .layers.stacking import all_layers
from .state import fingerprint
from .summary import summarize
from .tracing import trace

Array = npt.NDArray[Any]

_BLOCK = 256  # rows of calibration at a time


def export_to_c(
    path: str,
    engine: Engine,
    *,
    name: object,
    probabilities: str | None,
    quantize: object,
    calibration: npt.ArrayLike | None,
) -> None:
    """Write an engine to a C header; see `Saving.to_c`."""
    prefix = checked_name("to_c", name)
    for key, layer in all_layers(engine.layers):
        if isinstance(layer, Lambda):
            raise TypeError(f"to_c: layer {key} is a Lambda; C cannot call its Python functions")
    engine = engine.copy("to_c")  # another thread may train between the steps below
    used = engine.copy("to_c", dtype="float32") if engine.dtype == MIXED else engine
    dtype, shape = used.dtype, used.input_shape
    assert shape is not None
    limits, given = None, None
    if quantize is not None:
        choice("to_c", "quantize", quantize, ("int8",))
        if dtype != "float32":
            raise ValueError(f"to_c: quantize='int8' needs a float32 model, got {dtype!r}")
        given = _calibration(calibration, shape)
        limits = _limits(used, given)
    elif calibration is not None:
        raise ValueError("to_c: calibration must be None without quantize='int8'")
    inputs = c.test_inputs(engine.layers, shape, dtype) if given is None else given[: c.TEST_ROWS]
    outputs = used.core.predict(used.rows("to_c", inputs))
    if probabilities is not None:
        function = ops.softmax_forward if probabilities == "softmax" else ops.sigmoid_forward
        outputs = function(outputs)
    c.write(
        path,
        engine.layers,
        used.parameters(),
        name=prefix,
        input_shape=shape,
        dtype=dtype,
        description=_description(engine, probabilities, quantize),
        probabilities=probabilities,
        limits=limits,
        test=c.Test(inputs, outputs, fused=_core.isa() != "baseline"),
    )


def _description(engine: Engine, probabilities: str | None, quantize: object) -> str:
    """Return the version, the layers, and the checksum."""
    lines = [f"A neural network, written by prelunet {_core.__version__}.", ""]
    lines += str(summarize(engine)).splitlines()
    if probabilities is not None:
        lines.append(f"The outputs are probabilities: the {probabilities} of the last layer.")
    if engine.dtype == MIXED:
        lines.append("The model multiplies in bfloat16, this file in float: outputs differ.")
    if quantize is not None:
        lines.append(f"Products are quantized to {quantize}.")
    lines.append(f"Fingerprint of layers and parameters: {fingerprint(engine)}")
    return "\n".join(lines)


def _calibration(calibration: npt.ArrayLike | None, shape: tuple[int, ...]) -> Array:
    """Return the samples, checked, as float32."""
    if calibration is None:
        raise ValueError("to_c: calibration must be an array of samples for quantize='int8'")
    rows: Array = as_rows("to_c", "calibration", calibration)
    if rows.shape[1:] != shape or not len(rows):
        expected = ", ".join(["n", *map(str, shape)])
        raise ValueError(
            f"to_c: calibration must have shape ({expected}) and at least one row, got {rows.shape}"
        )
    found = rows.astype(np.float32)
    if not np.isfinite(found).all():
        raise ValueError("to_c: calibration must be finite")
    return found


def _limits(engine: Engine, rows: Array) -> dict[str, float]:
    """Return the largest magnitude of the input of each layer with products, by name."""
    found: dict[str, float] = {}
    for first in range(0, len(rows), _BLOCK):
        block = rows[first : first + _BLOCK]
        traced = trace(engine, block, None, None)
        for name, limit in input_limits(engine.layers, block, traced).items():
            found[name] = max(found.get(name, 0.0), limit)
    for name, limit in found.items():
        if not np.isfinite(limit):
            raise ValueError(f"to_c: the input of layer {name} must be finite for calibration")
    return found
