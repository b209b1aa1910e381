"""The table that `Sequential.summary` returns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import Sequential


class Summary(str):
    """A text that shows itself as it is, so that a notebook or a prompt displays the table."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the text."""
        return str(self)


def summarize(model: Sequential) -> Summary:
    """Return one line a layer: place, kind, output shape, parameters."""
    parameters = model.parameters()
    shapes = iter(model._built().shapes)
    rows = [("layer", "", "output", "parameters", "")]
    for place, layer in enumerate(model.layers):
        shape: tuple[int, ...] = ()
        for _ in layer.specifications():
            shape = tuple(next(shapes))
        key = layer.name or str(place)
        count = sum(
            values.size for name, values in parameters.items() if name.rpartition(".")[0] == key
        )
        frozen = "frozen" if count and not layer.trainable else ""
        rows.append((key, type(layer).__name__, "x".join(map(str, shape)), f"{count:,}", frozen))
    total = sum(values.size for values in parameters.values())
    size = sum(values.nbytes for values in parameters.values())
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
