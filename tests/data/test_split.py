"""Rows held out for testing, with scikit-learn and without it."""

from __future__ import annotations

import numpy as np
import pytest

from prelunet.data import Dataset, split

X = np.arange(200).reshape(100, 2)
Y = np.repeat([0, 1, 2], [60, 30, 10])


@pytest.fixture(params=["scikit-learn", "numpy alone"])
def either(request, without):
    """Run a test with scikit-learn, then without it."""
    if request.param == "scikit-learn":
        pytest.importorskip("sklearn")
    else:
        without("sklearn")


@pytest.mark.usefixtures("either")
def test_every_row_comes_once_with_its_label():
    x_train, x_test, y_train, y_test = split(X, Y, test_size=0.3, seed=1)
    assert len(x_test) == len(y_test) == 30
    np.testing.assert_array_equal(np.sort(np.concatenate([x_train, x_test])[:, 0]), X[:, 0])
    for x, y in ((x_train, y_train), (x_test, y_test)):
        np.testing.assert_array_equal(Y[x[:, 0] // 2], y)


@pytest.mark.usefixtures("either")
def test_the_seed_decides():
    first, again, other = (split(X, Y, test_size=0.3, seed=seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(("test_size", "rows"), [(7, 7), (np.int64(7), 7), (0.061, 7), (0.5, 50)])
def test_test_size_is_a_share_rounded_up_or_a_number(test_size, rows):
    assert len(split(X, Y, test_size=test_size, seed=0)[1]) == rows


def test_stratified_as_scikit_learn_does():
    selection = pytest.importorskip("sklearn.model_selection")
    got = split(X, Y, test_size=0.2, seed=4)
    expected = selection.train_test_split(X, Y, test_size=0.2, random_state=4, stratify=Y)
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(np.bincount(got[3]), [12, 6, 2])


def test_a_class_with_one_row_is_refused_where_it_is_stratified():
    pytest.importorskip("sklearn")
    with pytest.raises(ValueError, match="least populated class"):
        split(X, np.arange(100) == 0, test_size=0.2, seed=4)


def test_numpy_alone_takes_the_last_of_a_permutation(without):
    without("sklearn")
    order = np.random.default_rng(4).permutation(100)
    np.testing.assert_array_equal(split(X, Y, test_size=0.2, seed=4)[3], Y[order[80:]])


@pytest.mark.parametrize("targets", [np.linspace(0, 1, 100), np.eye(100)])
def test_real_targets_are_not_stratified(targets):
    order = np.random.default_rng(4).permutation(100)
    got = split(X, targets, test_size=0.2, seed=4)
    np.testing.assert_array_equal(got[2], targets[order[:80]])


def test_names_as_labels_and_lists():
    got = split(X.tolist(), ["a", "b"] * 50, test_size=0.5, seed=0)
    assert set(got[3]) == {"a", "b"}
    assert got[0].shape == (50, 2)


@pytest.mark.usefixtures("either")
def test_a_data_set_gets_test_rows_and_keeps_the_rest():
    data = Dataset("d", X, Y, image_shape=(1, 2, 1), class_names=("a", "b", "c"), credit="c")
    held = split(data, test_size=0.25, seed=9)
    x_train, x_test, y_train, y_test = split(X, Y, test_size=0.25, seed=9)
    np.testing.assert_array_equal(held.x_train, x_train)
    np.testing.assert_array_equal(held.x_test, x_test)
    np.testing.assert_array_equal(held.y_train, y_train)
    np.testing.assert_array_equal(held.y_test, y_test)
    assert (held.name, held.image_shape, held.credit) == ("d", (1, 2, 1), "c")
    assert data.x_test is None
    with pytest.raises(ValueError, match=r"split: Dataset\(name='d'.* must have no test rows"):
        split(held, test_size=0.25, seed=9)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"test_size": 0.0}, ValueError, "test_size must be a finite number > 0 and < 1, got 0.0"),
        ({"test_size": 1.0}, ValueError, "test_size must be a finite number > 0 and < 1, got 1.0"),
        (
            {"test_size": np.nan},
            ValueError,
            "must be a finite number > 0 and < 1, got nan",
        ),
        ({"test_size": 0}, ValueError, "test_size must be an integer >= 1, got 0"),
        ({"test_size": True}, TypeError, "test_size must be an integer >= 1, got True"),
        ({"test_size": "half"}, TypeError, "test_size must be a finite number"),
        ({"test_size": 100}, ValueError, "must leave rows to train on, got 100 of 100 rows"),
        ({"test_size": 0.999}, ValueError, "must leave rows to train on, got 0.999 of 100 rows"),
        ({"seed": -1}, ValueError, "seed must be an integer >= 0 and <= 4294967295, got -1"),
        ({"seed": 2**32}, ValueError, "seed must be an integer >= 0"),
        ({"seed": None}, TypeError, "seed must be an integer"),
    ],
)
def test_other_sizes_and_seeds_are_refused(arguments, error, message):
    with pytest.raises(error, match=f"split: {message}|split: test_size {message}"):
        split(X, Y, **{"test_size": 0.5, "seed": 0, **arguments})


def test_x_and_y_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"same number of rows, got shapes \(100, 2\) and \(99,\)"):
        split(X, Y[:99], test_size=0.5, seed=0)
    with pytest.raises(ValueError, match=r"same number of rows, got shapes \(\) and \(100,\)"):
        split(3, Y, test_size=0.5, seed=0)
    with pytest.raises(TypeError, match="y must be given with x"):
        split(X, test_size=0.5, seed=0)
    with pytest.raises(TypeError, match="y must be left out for a Dataset"):
        split(Dataset("d", X, Y), Y, test_size=0.5, seed=0)
