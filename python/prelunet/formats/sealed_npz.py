"""NPZ with a SHA-256 checksum of the whole file, so that any damage is detected.

The checksum is the comment of the archive, its last bytes. Other NPZ readers can read the file.
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
    """Write a JSON text and arrays by name."""
    buffer = io.BytesIO()
    npz.write(buffer, text, arrays)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = bytes(_LENGTH)  # placeholder: the checksum covers its length
    content = buffer.getbuffer()
    content[-_LENGTH:] = _checksum(content)
    stream.write(content)


def read(stream: IO[bytes]) -> tuple[str, dict[str, npt.NDArray[Any]]]:
    """Read the text and the arrays; another checksum is a ValueError."""
    content = stream.read()
    if content[-_LENGTH:] != _checksum(memoryview(content)):
        raise ValueError("its SHA-256 does not match its contents")
    return npz.read(io.BytesIO(content))


def _checksum(content: memoryview) -> bytes:
    return hashlib.sha256(content[:-_LENGTH]).hexdigest().encode()
