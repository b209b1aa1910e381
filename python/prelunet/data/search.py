"""Search for the files of a named data set: folders first, then mirrors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from prelunet._extras import require
from prelunet.data.idx import read_idx
from prelunet.data.idx_folders import listing, missing_files
from prelunet.data.idx_sets import IdxSet

SYSTEM_FOLDER = Path("/usr/share/datasets")

# Timeouts in seconds to connect and to receive the next bytes, so that no mirror blocks forever.
_TIMEOUT = (5.0, 30.0)
_DOWNLOAD_CHUNK_BYTES = 1 << 16


def find(idx_set: IdxSet, data_dir: Path | None) -> tuple[Path | None, list[str]]:
    """Return the first folder with all files, and a line about each place searched before it."""
    tried = []
    for place, folder in _places(idx_set, data_dir):
        if folder is None:
            tried.append(place)
            continue
        for home in (folder, folder / "raw", folder / idx_set.torchvision / "raw"):
            if not missing_files(idx_set, home):
                return home, tried
        if folder.is_dir():
            missing = ", ".join(missing_files(idx_set, folder))
            tried.append(f"{place}: {folder} lacks {missing}; it holds {listing(folder)}")
        else:
            tried.append(f"{place}: {folder} does not exist")
    return None, tried


def _places(idx_set: IdxSet, data_dir: Path | None) -> Iterator[tuple[str, Path | None]]:
    """Yield the description and the folder of each place, in search order.

    Lazily, because locating the cache imports pooch, which is slower than checking a folder.
    """
    if data_dir is None:
        yield "data_dir (--data-dir): not given", None
    else:
        yield "data_dir", data_dir / idx_set.name
        yield "data_dir", data_dir
    environment = os.environ.get("PRELUNET_DATA")
    if environment:
        yield "$PRELUNET_DATA", Path(environment) / idx_set.name
        yield "$PRELUNET_DATA", Path(environment) / idx_set.torchvision
    else:
        yield "$PRELUNET_DATA: not set", None
    try:
        yield "cache", _cache_folder(_pooch(), idx_set)
    except ImportError:
        yield "cache: not known without pooch", None
    yield "system", SYSTEM_FOLDER / idx_set.name


def _pooch() -> ModuleType:
    return require("pooch", extra="data", purpose="downloading a data set")


def _cache_folder(pooch: ModuleType, idx_set: IdxSet) -> Path:
    return Path(pooch.os_cache("prelunet")) / idx_set.name


def download(idx_set: IdxSet) -> Path:
    """Download the files missing in the user's cache; return the folder of the cache.

    A file gets its final name only after its decompressed content matches the known SHA-256. A
    mirror may therefore compress files differently, and a failed download leaves nothing behind.

    Raises
    ------
    ImportError
        If pooch is not installed.
    ConnectionError
        If the folder cannot be made, or no mirror provides the files; the message contains the
        error of each mirror.
    """
    import tempfile  # imported here: takes a third of the import time of this package

    pooch = _pooch()
    folder = _cache_folder(pooch, idx_set)
    # Not pooch.retrieve, which prints, and which only knows hashes of compressed files.
    fetch = pooch.HTTPDownloader(timeout=_TIMEOUT, chunk_size=_DOWNLOAD_CHUNK_BYTES)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConnectionError(f"cache: {folder} cannot be made: {error.strerror}") from error
    failures = []
    for mirror in idx_set.mirrors:
        try:
            for file in missing_files(idx_set, folder):
                url, target = f"{mirror}{file}.gz", folder / f"{file}.gz"
                with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as fresh:
                    fetched = Path(fresh) / target.name
                    fetch(url, str(fetched), None)
                    read_idx(fetched, sha256=idx_set.sha256[file])
                    fetched.replace(target)
        except (OSError, ValueError) as error:
            failures.append(f"mirror {mirror}: {error}")
        else:
            return folder
    raise ConnectionError("\n".join(failures))
