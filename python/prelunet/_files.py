"""Reading and replacing files: the only place where files of users are opened.

`reading` converts every failure inside its block into one of the documented errors, which names the
file and the reason. `replacing` writes a file atomically.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from ._validation import UndefinedClassError

# The maximum expansion of a deflate stream: 258 bytes from two bits, minus overhead of blocks.
MAX_DEFLATE_RATIO = 1032
_RANDOM_BYTES = 8  # in the name of a temporary file
_NAME_LENGTH = 100  # characters of a file's name in the name of its temporary file


@contextmanager
def reading(owner: str, path: str | os.PathLike[str], complaint: str = "") -> Iterator[BinaryIO]:
    """Yield a stream of a regular file, and convert errors as `naming` does.

    Pipes and devices are refused: they have no length to check a header against, and reading one
    may block forever.
    """
    with (
        naming(owner, path, complaint),
        open(path, "rb", buffering=0, opener=_without_blocking) as raw,
    ):
        if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
            raise ValueError("it must be a regular file")
        with _BoundedReader(raw) as stream:
            yield stream


class _BoundedReader(io.BufferedReader):
    """Reads a file; allocates no more than the file holds, whatever length a parser believes."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > io.DEFAULT_BUFFER_SIZE:
            length = os.fstat(self.fileno()).st_size
            size = min(size, max(0, length - self.tell()))
        return super().read(size)


@contextmanager
def naming(owner: str, path: str | os.PathLike[str], complaint: str = "") -> Iterator[None]:
    """Convert the errors of reading a file, so that they name the file and the reason.

    Parameters
    ----------
    owner : str
        The function that reads, for messages.
    path : path-like
    complaint : str, optional
        What is wrong with a file that raises an error, for messages.

    Raises
    ------
    OSError
        If the system cannot read the file.
    MemoryError
        If memory does not suffice.
    ImportError
        If an optional package is not installed.
    ValueError
        After every other exception: parsers of damaged files raise many types.
    """
    start = f"{owner}: {os.fspath(path)}"
    said = f"{start} {complaint}: " if complaint else f"{start}: "
    try:
        yield
    except ImportError:
        raise
    except MemoryError as error:
        raise MemoryError(f"{start}: {str(error) or 'not enough memory'}") from error
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        # EINVAL: a damaged file has sent its reader to a place that no file has.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        if isinstance(error, ValueError) and str(error).startswith(start):
            raise
        if isinstance(error, UndefinedClassError):  # the file is not to blame
            raise ValueError(f"{start}: {error}") from error
        raise ValueError(said + _reason(error).removeprefix(f"{owner}: ")) from error


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, KeyError) and len(error.args) == 1:
        return f"{error.args[0]!r} is missing"
    # The messages of most built-in exceptions need their names: IndexError, KeyError.
    tells = isinstance(error, (ValueError, TypeError, OSError))
    tells = tells or type(error).__module__ != "builtins"
    return str(error) if tells and str(error) else repr(error)


def _without_blocking(path: str, flags: int) -> int:
    """Open a file; a pipe without a writer does not wait for one."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """Yield a stream whose content atomically replaces the file once it is on disk.

    After an error, or a crash of the process or the machine at any time, the path has either the
    complete old file or the complete new one. If several threads or processes write to one path,
    the last one that completes wins. A file keeps its mode, and a symbolic link is followed.
    """
    target, folder, name = _target(path)
    temporary = os.path.join(folder, f"{_start(name)}{os.urandom(_RANDOM_BYTES).hex()}.part")
    # O_EXCL: the file is new, and no link that someone else made is followed.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with open(descriptor, "wb") as stream:
            with suppress(FileNotFoundError):
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
        _sync_folder(folder or ".")
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def remove_leftovers(path: str) -> None:
    """Remove temporary files of processes that were killed in `replacing`."""
    _, folder, name = _target(path)
    ours = re.compile(rf"{re.escape(_start(name))}[0-9a-f]{{{2 * _RANDOM_BYTES}}}\.part")
    for other in os.listdir(folder or "."):
        if ours.fullmatch(other):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, other))


def _target(path: str) -> tuple[str, str, str]:
    """Return the file that a path or a symbolic link refers to, its folder and its name."""
    target = os.path.realpath(path) if os.path.islink(path) else path
    return target, *os.path.split(target)


def _start(name: str) -> str:
    """Return the beginning of the names of a file's temporary files."""
    return f".{name[:_NAME_LENGTH]}."


def _sync_folder(path: str) -> None:
    """Flush the folder's directory entries to disk, if the system supports it."""
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
