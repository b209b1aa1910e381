"""NPZ, NumPy's archive format. The description is an additional entry, never a pickle.

`Archive` reads the arrays of any NPZ file. It does not trust headers: the size that a header
declares must be the size of the entry, and the sizes of the entries must fit into the file, before
memory is allocated.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from .._files import MAX_DEFLATE_RATIO

PACKAGE = None
_DESCRIPTION = "prelunet"  # name of the entry with the JSON text
_SUFFIX = ".npy"
_LARGEST_HEADER = 10_000 + 12  # bytes; NumPy's limit for the text, and what precedes it
_CHUNK_BYTES = 1 << 20


def write(stream: IO[bytes], text: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a model's description and its arrays."""
    entries: dict[str, Any] = {_DESCRIPTION: np.array(text), **arrays}
    np.savez(stream, **entries)


def read(stream: IO[bytes]) -> tuple[str, dict[str, npt.NDArray[Any]]]:
    """Read the description and the arrays; the checksum of each entry is verified.

    The entries must not be compressed, as `write` leaves them, so that the arrays are no larger
    than the file.
    """
    with Archive(stream, compressed=False) as archive:
        arrays = {name: archive.read(name) for name in archive.names}
    return str(arrays.pop(_DESCRIPTION)[()]), arrays


class Archive:
    """The arrays of an NPZ file, read one by one.

    Parameters
    ----------
    stream : binary stream
    compressed : bool, default True
        Whether entries may be compressed.

    Attributes
    ----------
    names : list of str
        The names of the arrays.

    Raises
    ------
    ValueError, zipfile.BadZipFile
        If the file is not an archive, or its entries are larger than the file can hold.
    """

    def __init__(self, stream: IO[bytes], *, compressed: bool = True) -> None:
        import zipfile  # imported here: takes a third of the import time of this package

        self._archive = zipfile.ZipFile(stream)
        methods = [zipfile.ZIP_STORED, *([zipfile.ZIP_DEFLATED] if compressed else [])]
        self._infos: dict[str, zipfile.ZipInfo] = {}
        length, packed = stream.seek(0, os.SEEK_END), 0
        for info in self._archive.infolist():
            name = info.filename.removesuffix(_SUFFIX)
            if info.compress_type not in methods:
                raise ValueError(
                    f"entry {name!r} must be {'stored or deflated' if compressed else 'stored'}, "
                    f"got compression method {info.compress_type}"
                )
            ratio = 1 if info.compress_type == zipfile.ZIP_STORED else MAX_DEFLATE_RATIO
            if info.file_size > info.compress_size * ratio:
                raise ValueError(
                    f"entry {name!r} declares {info.file_size} bytes, more than its "
                    f"{info.compress_size} bytes in the file can hold"
                )
            packed += info.compress_size
            self._infos[name] = info
        if packed > length:
            raise ValueError(f"the entries declare {packed} bytes in a file of {length}")
        self.names = list(self._infos)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._archive.close()

    def read(self, name: str) -> npt.NDArray[Any]:
        """Return one array of numbers or text.

        Raises
        ------
        Exception
            Of many types, if the entry is damaged or not such an array.
        """
        info = self._infos[name]
        with self._archive.open(info) as entry:
            head = entry.read(_LARGEST_HEADER)
            shape, fortran_order, dtype, start = _header(head)
            size = math.prod(shape) * dtype.itemsize
            if start + size != info.file_size:
                raise ValueError(
                    f"array {name!r} of shape {shape} and dtype {dtype} must have {size} bytes, "
                    f"got {info.file_size - start}"
                )
            content = bytearray(size)
            done = len(head) - start
            content[:done] = head[start:]
            while done < size:
                chunk = entry.read(_CHUNK_BYTES)
                if not chunk:
                    raise EOFError(f"array {name!r} ends after {done} of {size} bytes")
                content[done : done + len(chunk)] = chunk
                done += len(chunk)
            entry.read(1)  # at the end the checksum is compared
        values = np.frombuffer(content, dtype)
        return values.reshape(shape, order="F" if fortran_order else "C")


def _header(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return the shape, the order, the dtype and the length of an array's header."""
    stream = io.BytesIO(head)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"the version of an array must be 1.0 or 2.0, got {version}")
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    try:
        shape, fortran_order, dtype = read_header(stream)
    except MemoryError as error:  # Python's parser; the text is short
        raise ValueError("the header of an array is nested too deeply") from error
    if dtype.hasobject:
        raise ValueError("Object arrays are pickles, which are never read")
    if dtype.kind not in "biufcU" or dtype.itemsize == 0:
        raise ValueError(f"an array must hold numbers or text, got dtype {dtype}")
    return shape, fortran_order, dtype, stream.tell()
