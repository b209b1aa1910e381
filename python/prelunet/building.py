"""From layers to an engine: shapes, names and first values of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _core
from ._validation import integer
from .layers import Layer

NETWORKS: dict[str, Any] = {"float32": _core.Network32, "float64": _core.Network64}


def checked_layers(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the layers of a model.

    Raises
    ------
    TypeError
        If `layers` is not a sequence of layers.
    ValueError
        If two have the same name, or none computes anything.
    """
    if isinstance(layers, Layer) or not isinstance(layers, Sequence):
        raise TypeError(f"Sequential: layers must be a list of layers, got {layers!r}")
    for layer in layers:
        if not isinstance(layer, Layer):
            raise TypeError(f"Sequential: layers must be layers, got {layer!r}")
    if not any(spec["type"] != "flatten" for layer in layers for spec in layer.specifications()):
        raise ValueError("Sequential: layers must hold at least one that computes something")
    keys = layer_keys(layers)
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"Sequential: layers must differ in name, got {key!r} twice")
    return tuple(layers)


def layer_keys(layers: Sequence[Layer]) -> list[str]:
    """Return what each layer's parameters are called by: its name, or its place."""
    return [layer.name or str(place) for place, layer in enumerate(layers)]


def checked_shape(input_shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a sample: at least one axis, each of at least one entry."""
    shape = tuple(integer("Sequential", "input_shape", size, minimum=1) for size in input_shape)
    if not shape:
        raise ValueError("Sequential: input_shape must have at least one axis, got ()")
    return shape


def build_network(
    layers: Sequence[Layer], shape: tuple[int, ...], *, dtype: str, seed: int
) -> tuple[Any, list[str]]:
    """Make the engine of a model and draw its parameters, layer by layer, in float64.

    Returns
    -------
    network : _core.Network32 or _core.Network64
    names : list of str
        The names of its parameters, in the engine's order.

    Raises
    ------
    ValueError
        If a layer does not fit its input, or outputs have more than one axis.
    """
    specifications, owners = [], []
    for place, layer in enumerate(layers):
        for specification in layer.specifications():
            specifications.append(specification)
            owners.append(place)
    network = NETWORKS[dtype](shape, specifications, seed)
    if len(network.shapes[-1]) != 1:
        raise ValueError(
            "Sequential: the last layer must give one axis of outputs, got shape "
            f"{tuple(network.shapes[-1])}; add Flatten"
        )
    keys = layer_keys(layers)
    infos = network.parameters()
    rng = np.random.Generator(np.random.PCG64(seed))
    names, drawn = [], {}
    for index, info in enumerate(infos):
        place = owners[info["layer"]]
        initializer = layers[place].initializers()[info["name"]]
        values = initializer.draw(rng, info["shape"], info["fan_in"], info["fan_out"])
        drawn[index] = np.asarray(values)[np.newaxis]
        names.append(f"{keys[place]}.{info['name']}")
    network.write_parameters(drawn)
    return network, names
