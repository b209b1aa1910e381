"""IDX files made by hand, and a world in which no data set lies anywhere."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import struct
import sys
from dataclasses import replace

import numpy as np
import pytest

from prelunet.data import catalog, search
from prelunet.data.idx_sets import MNIST, TEST_FILES, TRAIN_FILES

IDX_CODES = {
    "uint8": 0x08,
    "int8": 0x09,
    "int16": 0x0B,
    "int32": 0x0C,
    "float32": 0x0D,
    "float64": 0x0E,
}


@pytest.fixture
def idx_bytes():
    """Return a function that writes an array as IDX, from the format's text alone."""

    def write(array: np.ndarray) -> bytes:
        header = bytes([0, 0, IDX_CODES[array.dtype.name], array.ndim])
        sizes = b"".join(struct.pack(">I", size) for size in array.shape)
        return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()

    return write


@pytest.fixture
def tiny_files(idx_bytes):
    """Return the four unpacked files of a data set of six and two images of 3x2 pixels."""
    draw = np.random.default_rng(5)
    files = {}
    for (images, labels), rows in ((TRAIN_FILES, 6), (TEST_FILES, 2)):
        files[images] = idx_bytes(draw.integers(0, 256, (rows, 3, 2)).astype(np.uint8))
        files[labels] = idx_bytes((np.arange(rows) % 2).astype(np.uint8))
    return files


@pytest.fixture
def lay(tiny_files):
    """Return a function that lays the tiny files, or others, into a folder, packed or not."""

    def write(folder, *, files=None, packed=True):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (tiny_files if files is None else files).items():
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
        return folder

    return write


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Empty every place of the search order, and return the folder that holds them."""
    monkeypatch.delenv("PRELUNET_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(search, "SYSTEM_FOLDER", tmp_path / "system")
    return tmp_path


@pytest.fixture
def tiny_set(monkeypatch, nowhere, tiny_files):
    """Return a function that makes ``mnist`` mean the tiny files, to be had from `mirrors`."""

    def define(*mirrors: str):
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in tiny_files.items()}
        tiny = replace(MNIST, sha256=sums, mirrors=mirrors)
        monkeypatch.setitem(catalog._IDX_SETS, "mnist", tiny)
        return tiny

    return define


@pytest.fixture
def without(monkeypatch):
    """Return a function that makes a package look as if it were not installed."""

    def hide(package: str) -> None:
        def hidden(name: str) -> bool:
            return name.partition(".")[0] == package

        for name in [name for name in sys.modules if hidden(name)]:
            monkeypatch.delitem(sys.modules, name)
        found, imported = importlib.util.find_spec, importlib.import_module

        def find_spec(name, *arguments):
            return None if hidden(name) else found(name, *arguments)

        def import_module(name, *arguments):
            if hidden(name):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return imported(name, *arguments)

        monkeypatch.setattr(importlib.util, "find_spec", find_spec)
        monkeypatch.setattr(importlib, "import_module", import_module)

    return hide


@pytest.fixture
def csv(tmp_path):
    """Return a function that writes a CSV file."""

    def write(text: str | bytes):
        path = tmp_path / "some.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write
