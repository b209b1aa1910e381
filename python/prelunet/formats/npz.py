"""NPZ, NumPy's archive format. The description is an additional entry, never a pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import numpy.typing as npt

PACKAGE = None
_DESCRIPTION = "prelunet"  # name of the entry with the JSON text


def write(stream: IO[bytes], text: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a model's description and its arrays."""
    entries: dict[str, Any] = {_DESCRIPTION: np.array(text), **arrays}
    np.savez(stream, **entries)


def read(stream: IO[bytes]) -> tuple[str, dict[str, npt.NDArray[Any]]]:
    """Read the description and the arrays; the checksum of each entry is verified."""
    with np.load(stream, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return str(arrays.pop(_DESCRIPTION)[()]), arrays
