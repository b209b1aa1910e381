"""Folders of IDX files named like MNIST's, compressed or not, read as a `Dataset`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from prelunet._files import naming
from prelunet.data.dataset import Array, Dataset, as_labels, rows_of_images
from prelunet.data.idx import read_idx
from prelunet.data.idx_sets import TEST_FILES, TRAIN_FILES, IdxSet

_TRAIN_IMAGES = re.compile(r"(?P<prefix>.*)train-images[-.]idx3-ubyte(\.gz)?")
_SHOWN = 10  # entries of a folder listed in a message


def find_file(folder: Path, file: str) -> Path | None:
    """Return an IDX file in a folder, or None.

    The file may be compressed, may have a dot instead of the hyphen before ``idx``, and may be in a
    folder of its own with one of these names.
    """
    names = [f"{name}{suffix}" for name in (file, _dotted(file)) for suffix in ("", ".gz")]
    inside = [f"{outer}/{inner}" for outer in names for inner in names]
    return next((folder / name for name in [*names, *inside] if (folder / name).is_file()), None)


def _dotted(file: str) -> str:
    return file.replace("-idx", ".idx")


def listing(folder: Path) -> list[str]:
    """Return the first names in a folder, for messages."""
    names = sorted(entry.name for entry in folder.iterdir())
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return names[:_SHOWN] + more


def missing_files(idx_set: IdxSet, folder: Path) -> list[str]:
    """Return the files of `idx_set` that are missing in `folder`."""
    return [file for file in idx_set.sha256 if find_file(folder, file) is None]


def read_known(idx_set: IdxSet, folder: Path) -> Dataset:
    """Read a known data set from a folder with all its files; reject other contents."""

    def read(files: tuple[str, str]) -> list[Array]:
        paths = [find_file(folder, file) or folder / file for file in files]
        return [
            read_idx(path, sha256=idx_set.sha256[file])
            for path, file in zip(paths, files, strict=True)
        ]

    return _dataset(
        idx_set.name,
        read(TRAIN_FILES),
        read(TEST_FILES),
        class_names=idx_set.class_names,
        credit=idx_set.credit,
    )


def read_folder(folder: Path) -> Dataset:
    """Read a folder of files named like MNIST's or EMNIST's; the two test files are optional.

    The files may be in the subfolder ``raw`` or ``NAME/raw``, as torchvision has them.
    """
    sets = [
        (home, prefix)
        for home in (folder, folder / "raw", *sorted(folder.glob("*/raw")))
        for prefix in _prefixes(home)
    ]
    if len(sets) > 1:
        found = [str(home.relative_to(folder) / f"{prefix}train-images") for home, prefix in sets]
        raise ValueError(
            f"load: the folder {folder} must hold one data set, got {found}; pass a folder with "
            "one of them, or one file of images"
        )
    home, prefix = sets[0] if sets else (folder, "")
    train = _present(home, prefix, TRAIN_FILES)
    tests = [[file.replace("t10k", name) for file in TEST_FILES] for name in ("t10k", "test")]
    test = max((_present(home, prefix, files) for files in tests), key=len)
    if len(train) != 2 or len(test) == 1:
        raise FileNotFoundError(
            f"load: the folder {folder} must hold {' and '.join(TRAIN_FILES)} (.gz or not), and "
            f"both files of t10k or neither, got {listing(home)}"
        )
    return _dataset(
        folder.name, [read_idx(path) for path in train], [read_idx(path) for path in test]
    )


def _prefixes(folder: Path) -> list[str]:
    """Return the beginnings of the names of training images, such as ``emnist-letters-``."""
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    found = (_TRAIN_IMAGES.fullmatch(name) for name in names)
    return sorted({match["prefix"] for match in found if match})


def _present(folder: Path, prefix: str, files: Sequence[str]) -> list[Path]:
    return [path for file in files if (path := find_file(folder, f"{prefix}{file}"))]


def read_images_file(images: Path) -> Dataset:
    """Read an IDX file of images, and the labels file with the matching name."""
    stem = images.name.removesuffix(".gz")
    labels = None
    if "images" in stem:
        expected = re.sub(r"[-.]idx\d+", "-idx1", stem.replace("images", "labels"))
        homes = [images.parent]
        if "images" in images.parent.name:  # each file is in a folder of its own
            homes.append(images.parent.parent)
        labels = next((path for home in homes if (path := find_file(home, expected))), None)
    if labels is None:
        raise FileNotFoundError(
            "load: an IDX file must be named NAME-images-idx3-ubyte with NAME-labels-idx1-ubyte "
            f"beside it, got {images} alone; read_idx reads one array"
        )
    return _dataset(stem, [read_idx(images), read_idx(labels)], [])


def _dataset(
    name: str,
    train: list[Array],
    test: list[Array],
    *,
    class_names: tuple[str, ...] | None = None,
    credit: str = "",
) -> Dataset:
    owner = f"load: {name}"
    with naming("load", name):
        x_train, image_shape = rows_of_images(owner, "images", train[0])
        return Dataset(
            name=name,
            x_train=x_train,
            y_train=as_labels(owner, "labels", train[1]),
            x_test=rows_of_images(owner, "images", test[0])[0] if test else None,
            y_test=as_labels(owner, "labels", test[1]) if test else None,
            image_shape=image_shape,
            class_names=class_names,
            credit=credit,
        )
