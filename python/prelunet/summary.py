"""The table that `Sequential.summary` returns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .layers.stacking import all_layers

if TYPE_CHECKING:
    from .model import Sequential


class Summary(str):
    """A text that shows itself as it is, so that a notebook or a prompt displays the table."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the text."""
        return str(self)


def summarize(model: Sequential) -> Summary:
    """Return one line a layer: place, kind, output shape, parameters.

    A layer that holds others counts theirs; they come after it, their kinds indented.
    """
    network = model._built()
    shapes = iter(network.shapes)
    infos = dict(zip(model._names, network.parameters(), strict=True))
    counts = {name: math.prod(info["shape"]) for name, info in infos.items()}
    learned = {name for name, info in infos.items() if info["trainable"]}
    rows = [("layer", "", "output", "parameters", "")]
    for key, layer in all_layers(model.layers):
        shape: tuple[int, ...] = ()
        for _ in layer.specifications():
            shape = tuple(next(shapes))
        own = [name for name in counts if name.startswith(f"{key}.")]
        count = sum(counts[name] for name in own)
        frozen = "frozen" if own and learned.isdisjoint(own) else ""
        kind = "  " * key.count(".") + type(layer).__name__
        rows.append((key, kind, "x".join(map(str, shape)), f"{count:,}", frozen))
    total = sum(counts.values())
    size = total * np.dtype(model.dtype).itemsize
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{key:<{widths[0]}}  {kind:<{widths[1]}}  {shape:>{widths[2]}}  {count:>{widths[3]}}"
        f"  {frozen}"
        for key, kind, shape, count, frozen in rows
    ]
    samples = "x".join(map(str, model.input_shape or ()))
    lines.insert(0, f"Sequential, input {samples} ({math.prod(model.input_shape or ()):,} values)")
    lines.append(f"{total:,} parameters, {size:,} bytes, {model.dtype}")
    return Summary("\n".join(line.rstrip() for line in lines))
