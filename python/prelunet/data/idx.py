"""IDX, the MNIST file format: a magic number, the sizes, then the elements, all big-endian.

::

    byte 0, 1    zero
    byte 2       element type: 0x08 uint8, 0x09 int8, 0x0B int16, 0x0C int32, 0x0D float32,
                 0x0E float64
    byte 3       rank
    4 * rank     the sizes, each an unsigned 32-bit integer
    the rest     the elements in C order, to the end of the file

Headers are not trusted: the sizes must match the length of the file before memory is allocated.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import sys
import zlib
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from prelunet._files import MAX_DEFLATE_RATIO, reading
from prelunet.data.files import existing_file

GZIP_MAGIC = b"\x1f\x8b"

_ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
# The maximum rank of an array in every supported NumPy (2.0 raised it to 64).
_MAX_RANK = 32
_CHUNK_BYTES = 1 << 20


class _Header(NamedTuple):
    raw: bytes
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    data_bytes: int


def read_idx(path: str | os.PathLike[str], *, sha256: str | None = None) -> NDArray[Any]:
    """Read an IDX file, optionally compressed with gzip.

    Parameters
    ----------
    path : str or path
        The file. Compression is detected from the first bytes, not from the name.
    sha256 : str, optional
        The required SHA-256 of the decompressed file, in hexadecimal.

    Returns
    -------
    ndarray
        The elements in native byte order, C-contiguous, with the shape stored in the file.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If the file does not exist or is a folder.
    ValueError
        If the file is not exactly one complete IDX array; the message names the file and the field.
        A gzip stream is decompressed at most one byte beyond the declared size.

    References
    ----------
    Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", "The IDX file
    format".
    """
    file = existing_file("read_idx", path)
    owner = f"read_idx: {file}"
    with reading("read_idx", file) as plain:
        length = os.fstat(plain.fileno()).st_size
        magic = plain.read(2)
        plain.seek(0)
        if magic != GZIP_MAGIC:
            return _read(owner, plain, sha256=sha256, packed_bytes=None, file_bytes=length)
        try:
            with gzip.GzipFile(fileobj=plain) as unpacked:
                stream = cast(BinaryIO, unpacked)
                return _read(owner, stream, sha256=sha256, packed_bytes=length, file_bytes=None)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{owner}: the gzip stream must be whole, got: {error}") from error


def _read(
    owner: str,
    stream: BinaryIO,
    *,
    sha256: str | None,
    packed_bytes: int | None,
    file_bytes: int | None,
) -> NDArray[Any]:
    header = _read_header(owner, stream)
    sizes = " x ".join(str(size) for size in header.shape)
    declared = f"{header.data_bytes} bytes ({sizes} {header.dtype.name})"
    if file_bytes is not None and file_bytes != len(header.raw) + header.data_bytes:
        raise ValueError(
            f"{owner}: data must have {declared}, got {file_bytes - len(header.raw)} bytes"
        )
    if packed_bytes is not None and header.data_bytes > packed_bytes * MAX_DEFLATE_RATIO:
        raise ValueError(
            f"{owner}: sizes declare {declared}, more than {packed_bytes} packed bytes can hold"
        )
    # Filled in place; a compressed file may still be shorter than declared.
    data = np.empty(header.data_bytes, dtype=np.uint8)
    got = _fill(stream, data.data)
    if got != header.data_bytes:
        raise ValueError(f"{owner}: data must have {declared}, got {got} bytes")
    if stream.read(1):
        raise ValueError(f"{owner}: data must have {declared}, got more")
    if sha256 is not None:
        import hashlib  # imported here: OpenSSL takes a third of the import time of this package

        digest = hashlib.sha256(header.raw)
        digest.update(data.data)
        if digest.hexdigest() != sha256.lower():
            raise ValueError(
                f"{owner}: SHA-256 of the unpacked file must be {sha256}, got {digest.hexdigest()}"
            )
    elements = data.view(header.dtype)
    if not header.dtype.isnative:
        elements = elements.byteswap(inplace=True).view(header.dtype.newbyteorder("="))
    return elements.reshape(header.shape)


def _read_header(owner: str, stream: BinaryIO) -> _Header:
    magic = stream.read(4)
    if len(magic) < 4:
        raise ValueError(f"{owner}: magic must have 4 bytes, got {len(magic)}")
    if magic[:2] != b"\0\0":
        raise ValueError(f"{owner}: magic must begin with two zero bytes, got 0x{magic.hex()}")
    code, rank = magic[2], magic[3]
    if code not in _ELEMENT_TYPES:
        known = ", ".join(f"0x{known:02X}" for known in _ELEMENT_TYPES)
        raise ValueError(f"{owner}: element type must be one of {known}, got 0x{code:02X}")
    if not 1 <= rank <= _MAX_RANK:
        raise ValueError(f"{owner}: rank must be from 1 to {_MAX_RANK}, got {rank}")
    raw_sizes = stream.read(4 * rank)
    if len(raw_sizes) < 4 * rank:
        raise ValueError(f"{owner}: sizes must have {4 * rank} bytes, got {len(raw_sizes)}")
    shape = struct.unpack(f">{rank}I", raw_sizes)
    dtype = _ELEMENT_TYPES[code]
    # Zero sizes count as one: NumPy computes strides this way, so they must not hide an overflow.
    if dtype.itemsize * math.prod(max(size, 1) for size in shape) > sys.maxsize:
        sizes = " x ".join(str(size) for size in shape)
        raise ValueError(f"{owner}: sizes must make at most {sys.maxsize} bytes, got {sizes}")
    return _Header(magic + raw_sizes, dtype, shape, dtype.itemsize * math.prod(shape))


def _fill(stream: BinaryIO, target: memoryview) -> int:
    """Read into `target` until it is full or the stream ends; return the number of bytes read.

    Reads in chunks, because GzipFile.readinto would make a second copy of the whole request.
    """
    done = 0
    while done < len(target):
        # Every binary stream has readinto, although BinaryIO does not declare it.
        got: int = cast(Any, stream).readinto(target[done : done + _CHUNK_BYTES])
        if got == 0:
            break
        done += got
    return done
