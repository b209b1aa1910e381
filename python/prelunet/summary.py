"""`Summary`, the table returned by `Sequential.summary`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .engine import Engine
from .layers.base import Layer
from .layers.stacking import all_layers


class Summary(str):
    """A string whose repr is its text, so that notebooks and prompts display the table."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the text."""
        return str(self)


def summarize(engine: Engine) -> Summary:
    """Return a table with one row per layer: name, class, output shape and parameters.

    The class is followed by the activation, and the number of parameters by their shapes. The count
    of a container layer includes the layers inside it, which follow it with indented classes.
    """
    shapes = iter(engine.core.shapes)
    infos = engine.infos()
    counts = {name: math.prod(info["shape"]) for name, info in infos.items()}
    rows = [("layer", "", "output", "parameters", "")]
    for key, layer in all_layers(engine.layers):
        shape: tuple[int, ...] = ()
        for _ in layer.specifications():
            shape = tuple(next(shapes))
        names = [name for name in counts if name.startswith(f"{key}.")]
        own = [name for name in names if "." not in name.removeprefix(f"{key}.")]
        parts = [f"{infos[name]['name']} {_times(infos[name]['shape'])}" for name in own]
        if names and not any(infos[name]["trainable"] for name in names):
            parts.append("frozen")
        kind = "  " * key.count(".") + layer.label
        activation = getattr(layer, "activation", None)
        if isinstance(activation, Layer) and layer.label == type(layer).__name__:
            kind += f", {activation.label}"
        count = sum(counts[name] for name in names)
        rows.append((key, kind, _times(shape), f"{count:,}", ", ".join(parts)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{key:<{widths[0]}}  {kind:<{widths[1]}}  {shape:>{widths[2]}}  {count:>{widths[3]}}"
        f"  {parts}"
        for key, kind, shape, count, parts in rows
    ]
    sample = engine.input_shape or ()
    lines.insert(0, f"Sequential, input {_times(sample)} ({math.prod(sample):,} values)")
    total = sum(counts.values())
    size = total * np.dtype(engine.variable_dtype).itemsize
    lines.append(f"{total:,} parameters, {size:,} bytes, {engine.dtype}")
    return Summary("\n".join(line.rstrip() for line in lines))


def _times(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
