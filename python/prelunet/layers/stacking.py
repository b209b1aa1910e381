"""Checks, names and specifications of lists of layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .base import Layer, Shape

DEEPEST = 32  # nesting of layers; each level takes several calls in Python and in C++
MOST_LAYERS = 10_000  # in one list; bounds the time that a description in a file can take


def checked_layers(owner: str, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the layers of a model or of a container layer, checked.

    Raises
    ------
    TypeError
        If `layers` is not a sequence of layers.
    ValueError
        If there are too many layers, two have the same name, or no layer computes anything.
    """
    if isinstance(layers, Layer) or not isinstance(layers, Sequence):
        raise TypeError(f"{owner}: layers must be a list of layers, got {layers!r}")
    if len(layers) > MOST_LAYERS:
        raise ValueError(f"{owner}: layers must be at most {MOST_LAYERS:,}, got {len(layers):,}")
    for layer in layers:
        if not isinstance(layer, Layer):
            raise TypeError(f"{owner}: layers must be layers, got {layer!r}")
    if not any(spec["type"] != "flatten" for layer in layers for spec in layer.specifications()):
        raise ValueError(f"{owner}: layers must hold at least one that computes, got {layers!r}")
    for key, count in Counter(layer_keys(layers)).items():
        if count > 1:
            raise ValueError(f"{owner}: layers must differ in name, got {key!r} twice")
    return tuple(layers)


def checked_inside(owner: str, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the layers inside a layer, checked; a ValueError if they are nested too deep."""
    checked = checked_layers(owner, layers)
    if _levels(checked) > DEEPEST:
        raise ValueError(f"{owner}: layers must be nested at most {DEEPEST} deep")
    return checked


def _levels(layers: Sequence[Layer]) -> int:
    return 1 + max((_levels(layer.inner_layers()) for layer in layers), default=-1)


def layer_keys(layers: Sequence[Layer]) -> list[str]:
    """Return the prefix of each layer's parameter names: its name, or its index."""
    return [layer.name or str(place) for place, layer in enumerate(layers)]


def specifications(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """Return the specifications of layers in order, for the engine."""
    return [
        {"name": key, **specification}
        for key, layer in zip(layer_keys(layers), layers, strict=True)
        for specification in layer.specifications()
    ]


def all_layers(layers: Sequence[Layer], prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Yield the name of each layer and the layer, followed by the layers inside it.

    The names are ``"3"``, ``"3.0"``, ``"3.1"`` and so on. The engine numbers specifications in this
    order.
    """
    for key, layer in zip(layer_keys(layers), layers, strict=True):
        name = prefix + key
        yield name, layer
        yield from all_layers(layer.inner_layers(), f"{name}.")


def check_numbers(layers: Sequence[Layer], dtype: str) -> None:
    """Raise ValueError if a dtype cannot hold a number of a layer: it would be infinite, or 0."""
    for key, layer in all_layers(layers):
        for specification in layer.specifications():
            for name, value in specification.items():
                if isinstance(value, float | np.ndarray) and np.asarray(value).dtype == np.float64:
                    what = specification["activation"] if name == "constant" else name
                    for number in np.ravel(value):
                        check_values(f"layer {key} ({layer.label}): {what}", number, dtype)


def check_values(what: str, values: npt.ArrayLike, dtype: str) -> None:
    """Raise ValueError if a dtype makes values infinite, or all of them 0 that are not."""
    limits, sizes = np.finfo(dtype), np.abs(values)
    least, most = float(limits.smallest_normal), float(limits.max)
    largest = float(sizes.max(initial=0.0))
    if largest > most or 0.0 < largest < least:
        raise ValueError(
            f"Sequential: {what} must be 0 or from {least:.3g} to {most:.3g} in absolute value in "
            f"{dtype}, got {np.ravel(values)[sizes.argmax()]}"
        )


def parameter_shapes(
    layers: Sequence[Layer], sample: Shape, prefix: str = "", *, parallel: bool = False
) -> Iterator[tuple[str, Layer, Shape]]:
    """Yield the name, the layer and the shape of each parameter, in the engine's order.

    The layers must accept samples of this shape: if `parallel`, each of them, else the first.
    Nothing is allocated.
    """
    for key, layer in zip(layer_keys(layers), layers, strict=True):
        own, output = layer.shapes(sample)
        for name, shape in own.items():
            yield f"{prefix}{key}.{name}", layer, shape
        inner, inside = layer.inner_layers(), f"{prefix}{key}."
        yield from parameter_shapes(
            inner, layer.inner_sample(sample), inside, parallel=layer.parallel
        )
        sample = sample if parallel else output
