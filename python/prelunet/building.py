"""From layers to an engine: shapes, names and first values of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import as_array
from ._validation import size
from .layers import Layer
from .layers.stacking import all_layers, specifications

Array = npt.NDArray[Any]

NETWORKS: dict[str, Any] = {"float32": _core.Network32, "float64": _core.Network64}


def new_tape(
    network: Any,
    operation: str,
    rows: Any,
    targets: Any = None,
    *,
    training: bool,
    clips: bool = False,
) -> Any:
    """Return a batch kept whole, its outputs computed: see cpp/network/tape.h."""
    kind = _core.Tape32 if isinstance(network, _core.Network32) else _core.Tape64
    return kind(network, operation, rows, targets, training, clips)


def checked_dtype(dtype: object) -> str:
    """Return the name of a dtype that networks have."""
    try:  # None would be NumPy's default, float64
        name = None if dtype is None else str(np.dtype(dtype))  # type: ignore[call-overload]
    except TypeError:
        name = None
    if name not in NETWORKS:
        raise ValueError(f"Sequential: dtype must be 'float32' or 'float64', got {dtype!r}")
    return str(name)


def checked_shape(input_shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a sample: at least one axis, each of at least one entry."""
    if not isinstance(input_shape, Iterable):
        raise TypeError(f"Sequential: input_shape must be a tuple of integers, got {input_shape!r}")
    shape = tuple(size("Sequential", "an entry of input_shape", entry) for entry in input_shape)
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
    network = NETWORKS[dtype](shape, specifications(layers), seed)
    if len(network.shapes[-1]) != 1:
        raise ValueError(
            "Sequential: the last layer must give one axis of outputs, got shape "
            f"{tuple(network.shapes[-1])}; add Flatten"
        )
    owners = [owner for owner in all_layers(layers) for _ in owner[1].specifications()]
    rng = np.random.Generator(np.random.PCG64(seed))
    names, drawn = [], {}
    for index, info in enumerate(network.parameters()):
        name, layer = owners[info["layer"]]
        initializer = layer.initializers()[info["name"]]
        values = initializer.draw(rng, info["shape"], info["fan_in"], info["fan_out"])
        drawn[index] = np.asarray(values)[np.newaxis]
        names.append(f"{name}.{info['name']}")
    network.write_parameters(drawn)
    return network, names


def checked_parameters(
    operation: str, argument: str, given: Mapping[str, npt.ArrayLike], current: Mapping[str, Array]
) -> dict[str, Array]:
    """Return values for some parameters as arrays of their dtype; `current` has all of them.

    Raises
    ------
    TypeError
        If `given` is not a mapping, or values are not real numbers.
    ValueError
        If a name is unknown or a shape differs.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"{operation}: {argument} must be a mapping by name, got {given!r}")
    checked = {}
    for name, value in given.items():
        if name not in current:
            raise ValueError(
                f"{operation}: {argument} must be among {', '.join(current)}, got {name!r}"
            )
        values = as_array(operation, name, value)
        if values.dtype.kind not in "fiub" or values.dtype.itemsize > 8:
            raise TypeError(f"{operation}: {name} must hold real numbers, got dtype {values.dtype}")
        if values.shape != current[name].shape:
            raise ValueError(
                f"{operation}: {name} must have shape {current[name].shape}, got {values.shape}"
            )
        checked[name] = values.astype(current[name].dtype)
    return checked
