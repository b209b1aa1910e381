"""`Summary`, the table returned by `Sequential.summary`."""

from __future__ import annotations

import math

import numpy as np

from .engine import Engine
from .layers.stacking import all_layers


class Summary(str):
    """A string whose repr is its text, so that notebooks and prompts display the table."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the text."""
        return str(self)


def summarize(engine: Engine) -> Summary:
    """Return a table with one row per layer: name, class, output shape, number of parameters.

    The count of a container layer includes the layers inside it, which follow it with indented
    classes.
    """
    shapes = iter(engine.core.shapes)
    infos = engine.infos()
    counts = {name: math.prod(info["shape"]) for name, info in infos.items()}
    rows = [("layer", "", "output", "parameters", "")]
    for key, layer in all_layers(engine.layers):
        shape: tuple[int, ...] = ()
        for _ in layer.specifications():
            shape = tuple(next(shapes))
        own = [name for name in counts if name.startswith(f"{key}.")]
        frozen = "frozen" if own and not any(infos[name]["trainable"] for name in own) else ""
        kind = "  " * key.count(".") + type(layer).__name__
        count = sum(counts[name] for name in own)
        rows.append((key, kind, "x".join(map(str, shape)), f"{count:,}", frozen))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{key:<{widths[0]}}  {kind:<{widths[1]}}  {shape:>{widths[2]}}  {count:>{widths[3]}}"
        f"  {frozen}"
        for key, kind, shape, count, frozen in rows
    ]
    sample = engine.input_shape or ()
    shown = "x".join(map(str, sample))
    lines.insert(0, f"Sequential, input {shown} ({math.prod(sample):,} values)")
    total = sum(counts.values())
    size = total * np.dtype(engine.dtype).itemsize
    lines.append(f"{total:,} parameters, {size:,} bytes, {engine.dtype}")
    return Summary("\n".join(line.rstrip() for line in lines))
