"""An NPZ with a SHA-256 of the whole file, to the byte: for what must not go on from damage.

The checksum is the archive's comment, its last bytes: any reader of NPZ still opens the file.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy.typing as npt

from . import npz

_LENGTH = 2 * hashlib.sha256().digest_size  # of the checksum, in hexadecimal digits


def write(stream: IO[bytes], text: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a text of JSON and arrays by name."""
    buffer = io.BytesIO()
    npz.write(buffer, text, arrays)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = bytes(_LENGTH)  # its place; its length is under the checksum too
    content = buffer.getbuffer()
    content[-_LENGTH:] = _checksum(content)
    stream.write(content)


def read(stream: IO[bytes]) -> tuple[str, dict[str, npt.NDArray[Any]]]:
    """Return what `write` wrote.

    Raises
    ------
    ValueError
        If it is not, to the byte.
    """
    content = stream.read()
    if content[-_LENGTH:] != _checksum(memoryview(content)):
        raise ValueError("its SHA-256 does not fit its contents")
    return npz.read(io.BytesIO(content))


def _checksum(content: memoryview) -> bytes:
    return hashlib.sha256(content[:-_LENGTH]).hexdigest().encode()
