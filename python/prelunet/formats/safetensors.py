"""Safetensors, the format of model hubs. The file's metadata contain the description.

The metadata also contain a checksum of the whole content, which the format itself lacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import numpy.typing as npt

PACKAGE = "safetensors"
_DESCRIPTION, _CHECKSUM = "prelunet", "crc32"  # keys of the metadata


def write(stream: IO[bytes], text: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a model's description and its arrays."""
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    stream.write(save(tensors, {_DESCRIPTION: text, _CHECKSUM: _checksum(text, tensors)}))


def read(stream: IO[bytes]) -> tuple[str, dict[str, npt.NDArray[Any]]]:
    """Read the description and the arrays.

    Raises a ValueError if the metadata are not those of a model, or the checksum differs.
    """
    from safetensors import safe_open

    with safe_open(stream.name, framework="numpy") as file:
        metadata = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if not metadata.keys() >= {_DESCRIPTION, _CHECKSUM}:
        raise ValueError(f"its metadata lack {_DESCRIPTION!r} or {_CHECKSUM!r}")
    text = metadata[_DESCRIPTION]
    if metadata[_CHECKSUM] != _checksum(text, arrays):
        raise ValueError("its checksum does not match its contents")
    return text, arrays


def _checksum(text: str, arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return a checksum that does not depend on the order of the arrays."""
    import zlib

    checksum = zlib.crc32(text.encode())
    for name in sorted(arrays):
        checksum = zlib.crc32(name.encode(), checksum)
        checksum = zlib.crc32(arrays[name].tobytes(), checksum)
    return f"{checksum:08x}"
