"""Folders of IDX files named like MNIST's, compressed or not, read as a `Dataset`."""

from __future__ import annotations

import re
from pathlib import Path

from prelunet.data.dataset import Array, Dataset, as_labels, rows_of_images
from prelunet.data.idx import read_idx
from prelunet.data.idx_sets import TEST_FILES, TRAIN_FILES, IdxSet


def packed_or_not(folder: Path, file: str) -> Path | None:
    """Return `file` or `file`.gz in `folder`, the uncompressed one first, or None."""
    for candidate in (folder / file, folder / f"{file}.gz"):
        if candidate.is_file():
            return candidate
    return None


def missing_files(idx_set: IdxSet, folder: Path) -> list[str]:
    """Return the files of `idx_set` that are missing in `folder`."""
    return [file for file in idx_set.sha256 if packed_or_not(folder, file) is None]


def read_known(idx_set: IdxSet, folder: Path) -> Dataset:
    """Read a known data set from a folder with all its files; reject other contents."""

    def read(files: tuple[str, str]) -> list[Array]:
        paths = [packed_or_not(folder, file) or folder / file for file in files]
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
    """Read a folder of files named like MNIST's; the two t10k files are optional."""
    train, test = (
        [path for file in files if (path := packed_or_not(folder, file))]
        for files in (TRAIN_FILES, TEST_FILES)
    )
    if len(train) != 2 or len(test) == 1:
        found = [path.name for path in (*train, *test)]
        raise FileNotFoundError(
            f"load: the folder {folder} must hold {' and '.join(TRAIN_FILES)} (.gz or not), and "
            f"both files of t10k or neither, got {found}"
        )
    return _dataset(
        folder.name, [read_idx(path) for path in train], [read_idx(path) for path in test]
    )


def read_images_file(images: Path) -> Dataset:
    """Read an IDX file of images, and the labels file with the matching name."""
    stem = images.name.removesuffix(".gz")
    labels = None
    if "images" in stem:
        labels_stem = re.sub(r"idx\d+", "idx1", stem.replace("images", "labels"))
        labels = packed_or_not(images.parent, labels_stem)
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
