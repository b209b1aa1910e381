"""IDX files in the folders and under the names that other programs give them."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from prelunet.data import load, where


def dotted(name):
    return name.replace("-idx", ".idx")


LAYOUTS = {
    "hyphens": lambda name: name,
    "dots": dotted,
    "folders": lambda name: f"{name}/{name}",
    "folders of names with dots": lambda name: f"{name}/{dotted(name)}",
    "folders with dots": lambda name: f"{dotted(name)}/{name}",
    "torchvision": lambda name: f"MNIST/raw/{name}",
    "torchvision's folder": lambda name: f"raw/{name}",
}


@pytest.fixture
def lay_out(tiny_files):
    """Return a function that writes the tiny files to the paths that `place` gives."""

    def write(folder, place, *, packed=False, files=None):
        for name, content in (files or tiny_files).items():
            path = folder / (place(name) + (".gz" if packed else ""))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(content) if packed else content)
        return folder

    return write


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_named_set_is_found(nowhere, tiny_set, lay_out, monkeypatch, layout, packed):
    tiny_set()
    root = lay_out(nowhere / "data", LAYOUTS[layout], packed=packed)
    found = load("mnist", data_dir=root)
    assert (found.x_train.shape, found.x_test.shape) == ((6, 6), (2, 6))
    assert where("mnist", data_dir=root).startswith(str(root))
    lay_out(nowhere / "env" / "mnist", LAYOUTS[layout], packed=packed)
    monkeypatch.setenv("PRELUNET_DATA", str(nowhere / "env"))
    assert where("mnist").startswith(str(nowhere / "env" / "mnist"))


def test_the_environment_may_name_torchvisions_root(nowhere, tiny_set, lay_out, monkeypatch):
    tiny_set()
    root = lay_out(nowhere / "data", LAYOUTS["torchvision"])
    monkeypatch.setenv("PRELUNET_DATA", str(root))
    assert where("mnist") == str(root / "MNIST" / "raw")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_is_read(nowhere, lay_out, layout, packed):
    found = load(lay_out(nowhere / "letters", LAYOUTS[layout], packed=packed))
    assert found.name == "letters"
    assert found.x_test.shape == (2, 6)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_of_images_is_read_with_its_labels(nowhere, lay_out, layout):
    folder = lay_out(nowhere / "letters", LAYOUTS[layout])
    found = load(folder / LAYOUTS[layout]("train-images-idx3-ubyte"))
    np.testing.assert_array_equal(found.y_train, [0, 1, 0, 1, 0, 1])


def emnist(kind):
    return lambda name: f"emnist-{kind}-{name.replace('t10k', 'test')}"


def test_emnists_names(nowhere, lay_out):
    folder = lay_out(nowhere / "emnist", emnist("letters"), packed=True)
    assert load(folder).x_test.shape == (2, 6)
    (folder / "emnist-letters-test-images-idx3-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="both files of t10k or neither, got "):
        load(folder)


def test_a_folder_of_several_sets_names_them(nowhere, lay_out):
    folder = lay_out(nowhere / "emnist", emnist("letters"))
    lay_out(folder, emnist("digits"))
    message = "must hold one data set, got .'emnist-digits-train-images', 'emnist-letters-"
    with pytest.raises(ValueError, match=message):
        load(folder)
    assert load(folder / "emnist-digits-train-images-idx3-ubyte").x_train.shape == (6, 6)


def test_a_folder_of_something_else_is_told_what_is_there(nowhere, tiny_set):
    tiny_set()
    folder = nowhere / "data"
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match=r"must hold .*, got \[\]"):
        load(folder)
    for number in range(12):
        (folder / f"{number:02}.csv").touch()
    with pytest.raises(FileNotFoundError, match=r"got \['00.csv', .*'09.csv', '2 more'\]"):
        load(folder)
    with pytest.raises(FileNotFoundError, match=r"lacks train-images.*; it holds \['00.csv', "):
        load("mnist", data_dir=folder)


def test_a_cache_that_cannot_be_made_is_told_among_the_places(nowhere, tiny_set):
    pytest.importorskip("pooch")
    tiny_set("http://127.0.0.1:9/")
    (nowhere / "cache").write_text("a file in the way")
    with pytest.raises(FileNotFoundError, match=r"could not be downloaded:\n(.*\n)*.*cache: .* be"):
        load("mnist")
