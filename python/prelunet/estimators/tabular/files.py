"""Files of fitted estimators: parameters and members as JSON values and arrays, never a pickle."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._description import Description
from ...layers import Layer
from ...losses import Loss
from ...schedules import Schedule
from ...serialization import State, write_estimator
from .member import Member

Array = npt.NDArray[Any]

_FAMILIES: tuple[type[Description], ...] = (Layer, Loss, Schedule)
_FINGERPRINT_DIGITS = 16  # as many as of a Sequential
_LABEL_KINDS = "biufU"  # of dtypes; others are Python objects


def write(
    path: str | os.PathLike[str],
    kind: str,
    parameters: Mapping[str, Any],
    records: Mapping[str, Any],
    members: Sequence[Member],
    metadata: Mapping[str, Any],
) -> None:
    """Write a fitted estimator; see `FittedTabular.save`."""
    states = [member.state() for member in members]
    description = {
        "class": kind,
        "parameters": _parameters_to_json(parameters),
        "records": dict(records),
        "members": [description for description, _ in states],
        "metadata": dict(metadata),
    }
    arrays = {
        f"member/{place}/{name}": values
        for place, (_, own) in enumerate(states)
        for name, values in own.items()
    }
    write_estimator(path, description, arrays)


class Parts:
    """The parts of a saved estimator.

    Attributes
    ----------
    parameters : dict
        Arguments of the constructor.
    records : mapping
        JSON values of fitted attributes.
    members : list of Member
    metadata : dict
        Of `save`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the state is damaged.
    """

    def __init__(self, state: State) -> None:
        found = state["description"]["estimator"]
        self.parameters = {n: _from_json(v) for n, v in found["parameters"].items()}
        self.records: Mapping[str, Any] = found["records"]
        self.metadata = dict(found.get("metadata", {}))
        arrays: list[dict[str, Array]] = [{} for _ in found["members"]]
        for name, values in state["arrays"].items():
            group, place, rest = name.split("/", 2)
            if group != "member":
                raise ValueError(f"tensor {name!r} is not one of an estimator's")
            arrays[int(place)][rest] = values
        if not arrays:
            raise ValueError("an estimator must have members")
        each = zip(found["members"], arrays, strict=True)
        self.members = [Member.of_state(description, own) for description, own in each]


def fingerprint(records: Mapping[str, Any], members: Sequence[Member]) -> str:
    """Return a hash of what members and records predict from; see `FittedTabular.fingerprint`."""
    found = hashlib.sha256(json.dumps(records, sort_keys=True).encode())
    for member in members:
        columns, scaling = member.encoder.state()
        found.update(json.dumps([columns, member.network.fingerprint()]).encode())
        for name, values in {**scaling, **member.scaling.arrays()}.items():
            found.update(f"{name}{values.shape}".encode())
            found.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    return found.hexdigest()[:_FINGERPRINT_DIGITS]


def labels_to_json(labels: Array) -> dict[str, Any]:
    """Return an array of class labels as JSON values."""
    dtype = labels.dtype.str if labels.dtype.kind in _LABEL_KINDS else "object"
    return {"dtype": dtype, "values": labels.tolist()}


def labels_from_json(found: Mapping[str, Any]) -> Array:
    """Return the labels of `labels_to_json`."""
    dtype, values = np.dtype(found["dtype"]), found["values"]
    if dtype.kind not in _LABEL_KINDS + "O" or not isinstance(values, list):
        raise TypeError(f"labels must be a list of numbers or text, got dtype {dtype}")
    if dtype.kind == "U":
        dtype = np.dtype(str)  # as long as the labels, whatever the file says
    labels: Array = np.array(values, dtype)
    if labels.ndim != 1:
        raise ValueError(f"labels must have one axis, got {labels.ndim}")
    return labels


def _parameters_to_json(parameters: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in parameters.items():
        try:
            found[name] = _to_json(value)
        except TypeError:  # it gets its default
            continue
    return found


def _to_json(value: object) -> object:
    if isinstance(value, _FAMILIES):
        family = next(family for family in _FAMILIES if isinstance(value, family))
        return {"family": family.__name__, "config": value.config()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_to_json(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"no JSON value: {value!r}")


def _from_json(value: object) -> object:
    if isinstance(value, list):
        return [_from_json(entry) for entry in value]
    if isinstance(value, Mapping):
        family = next(family for family in _FAMILIES if family.__name__ == value["family"])
        return family.from_config(value["config"])
    return value
