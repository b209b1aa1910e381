"""Rows that are read in blocks train to the bits of the same rows in memory."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

import prelunet as pn
from prelunet.training import block_order
from prelunet.training.block_order import BlockOrder

ROWS, FEATURES, BATCH = 347, 6, 8
rng = np.random.default_rng(5)
X = rng.standard_normal((ROWS, FEATURES)).astype(np.float32)
Y = rng.integers(3, size=ROWS)
WEIGHTS = rng.uniform(0.5, 2.0, ROWS)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Make blocks of four batches."""
    monkeypatch.setattr(block_order, "BLOCK_ELEMENTS", 4 * BATCH * FEATURES + 5)


def order_of(epoch=0, seed=3, count=ROWS, **options):
    return BlockOrder(seed, epoch, (count, FEATURES), BATCH, **{"shuffle": True, **options})


def trained(x, y, **options):
    model = pn.Sequential([pn.Dense(5), pn.PReLU(), pn.Dropout(0.2), pn.Dense(3)], seed=3)
    model.compile(pn.Adam(0.01), metrics=["accuracy"])
    settings = {"epochs": 3, "batch_size": BATCH, "shuffle": "blocks", **options}
    history = model.fit(x, y, **settings)
    return model, history


def bits(model, history):
    return [history["loss"], *(v.tobytes() for v in model.parameters().values())]


@pytest.fixture
def mapped(tmp_path):
    """X and y as mapped NPY files."""
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    return [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy"]


opened = []


@pytest.fixture(autouse=True)
def _close_files():
    yield
    while opened:
        opened.pop().close()


def as_hdf5(folder, x, y):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "rows.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=(50, 3), compression="gzip")
        file["y"] = y
    file = h5py.File(folder / "rows.h5", "r")
    opened.append(file)
    return file["x"], file["y"]


def arrow_table(x):
    pyarrow = pytest.importorskip("pyarrow")
    lists = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(x[:, 1:4].ravel()), 3)
    columns = {"a": x[:, 0], "lists": lists, "e": x[:, 4], "f": x[:, 5]}
    return pyarrow.table(columns)


def as_arrow(folder, x, y):
    table = arrow_table(x)
    pyarrow = pytest.importorskip("pyarrow")
    parts = pyarrow.concat_tables([table.slice(0, 100), table.slice(100)])
    return parts, pyarrow.chunked_array([y[:7], y[7:]])


def as_parquet(folder, x, y):
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    path = folder / "rows.parquet"
    table = arrow_table(x).append_column("y", pyarrow.array(y))
    parquet.write_table(table, path, row_group_size=60)
    rows = pn.data.ParquetRows
    return rows(path, columns=["a", "lists", "e", "f"]), rows(path, columns="y")


FORMATS = [as_hdf5, as_arrow, as_parquet]


def test_an_order_visits_each_row_once_and_differs_by_epoch_and_seed():
    orders = [order_of(0)[:], order_of(1)[:], order_of(0, seed=4)[:]]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(ROWS))
    assert len({order.tobytes() for order in orders}) == 3
    np.testing.assert_array_equal(order_of(0, shuffle=False)[:], np.arange(ROWS))


def test_groups_are_whole_batches_of_adjacent_rows():
    last = set()
    for epoch in range(20):
        order = order_of(epoch)
        assert order.group_rows == 4 * 4 * BATCH
        for group in range(order.groups):
            ranges = order.ranges(group)
            rows = order[group * order.group_rows : (group + 1) * order.group_rows]
            assert sorted(rows) == sorted(r for b, e in ranges for r in range(b, e))
            assert len(rows) % BATCH == 0 or group == order.groups - 1
        last.add(ranges[-1])
    assert len(last) > 3  # the remaining rows are not always the same


def test_slices_of_an_order_join():
    order = order_of()
    parts = [order[begin : begin + 37] for begin in range(0, ROWS, 37)]
    np.testing.assert_array_equal(np.concatenate(parts), order[:])


def test_a_block_has_at_least_a_batch():
    order = BlockOrder(0, 0, (100, 50), 16, shuffle=True)
    assert order.block_rows == 16


def test_arrays_are_trained_in_the_documented_order():
    model, history = trained(X, Y, sample_weight=WEIGHTS)
    other = pn.Sequential(model.layers, input_shape=(FEATURES,), seed=3)
    other.compile(pn.Adam(0.01), metrics=["accuracy"])
    losses = []
    for epoch in range(3):
        order = order_of(epoch)[:]
        logs = other.train_epoch(X, Y, order=order, batch_size=BATCH, sample_weight=WEIGHTS)
        losses.append(logs["loss"])
    assert bits(model, history) == bits(other, {"loss": losses})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"drop_last": True},
        {"shuffle": False},
        {"sample_weight": WEIGHTS, "class_weight": "balanced"},
        {"batch_size": 100, "callbacks": [pn.LambdaCallback(on_train_batch_end=lambda *_: None)]},
        {"batch_size": None},
    ],
    ids=["plain", "drop_last", "in order", "weights", "one step a call", "one batch"],
)
def test_mapped_files_have_the_bits_of_arrays(mapped, options):
    wanted = bits(*trained(X, Y, **options))
    assert bits(*trained(*mapped, **options)) == wanted


@pytest.mark.parametrize("write", FORMATS)
@pytest.mark.parametrize("shuffle", ["blocks", False, True])
def test_formats_have_the_bits_of_arrays(tmp_path, write, shuffle):
    x, y = write(tmp_path, X, Y)
    model, history = trained(x, y, shuffle=shuffle, validation_data=(x, y))
    wanted, theirs = trained(X, Y, shuffle=shuffle, validation_data=(X, Y))
    assert bits(model, history) == bits(wanted, theirs)
    np.testing.assert_allclose(history["val_loss"], theirs["val_loss"], rtol=1e-12)
    assert history["val_accuracy"] == pytest.approx(theirs["val_accuracy"])
    np.testing.assert_array_equal(model.predict(x), wanted.predict(X))


def test_weights_and_functions_are_read_in_blocks_too(tmp_path):
    x, _ = as_hdf5(tmp_path, X, Y)

    def loss(outputs, targets):
        return ((outputs - targets) ** 2).sum(axis=1), 2.0 * (outputs - targets)

    def error(y, outputs):
        return np.abs(y - outputs).max()

    found = []
    for rows in (x, X):
        model = pn.Sequential([pn.Dense(2)], seed=3)
        model.compile(pn.SGD(0.01), loss=loss, metrics=[error])
        options = {"batch_size": BATCH, "shuffle": "blocks", "sample_weight": WEIGHTS}
        history = model.fit(rows, X[:, :2], epochs=2, **options)
        found.append((history["error"], bits(model, history)))
        found[-1] += (model.evaluate(rows, X[:, :2], sample_weight=WEIGHTS)["error"],)
    assert found[0] == found[1]


def test_evaluate_weights_rows(tmp_path):
    x, y = as_hdf5(tmp_path, X, Y)
    model, _ = trained(X, Y)
    found = model.evaluate(x, y, sample_weight=WEIGHTS)
    wanted = model.evaluate(X, Y, sample_weight=WEIGHTS)
    assert found["loss"] == pytest.approx(wanted["loss"], rel=1e-12)
    assert found["accuracy"] == pytest.approx(wanted["accuracy"], rel=1e-12)


@pytest.mark.parametrize("dtype", [">f4", "f2", "u1"])
def test_other_dtypes_and_views_are_mapped(tmp_path, dtype):
    stored = (np.abs(X) * 10).astype(dtype)
    np.save(tmp_path / "x.npy", stored)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")[11:301]
    wanted = trained(stored[11:301], Y[11:301])
    assert bits(*trained(x, Y[11:301])) == bits(*wanted)


def test_an_interrupted_run_resumes_in_memory(tmp_path, mapped):
    path = tmp_path / "run.ckpt"
    trained(*mapped, epochs=1, callbacks=[pn.Checkpoint(path)])
    resumed = trained(X, Y, callbacks=[pn.Checkpoint(path, resume=True)])
    assert bits(*resumed) == bits(*trained(X, Y))


class ChangesFile(pn.Callback):
    """Changes a file after the first batch, when no read is in progress."""

    def __init__(self, change):
        self.change, self.steps = change, 0

    def on_train_batch_end(self, batch, logs):
        self.steps += 1
        if self.steps == 1:
            self.change()


def assert_stops_with_weights(x, y, change, named):
    model = pn.Sequential([pn.Dense(3)], seed=3, input_shape=(FEATURES,))
    model.compile(pn.SGD(0.01))
    before = model.parameters()["0.weight"].copy()
    callback = ChangesFile(change)
    with pytest.raises(OSError, match=named):
        model.fit(x, y, batch_size=BATCH, epochs=9, shuffle="blocks", callbacks=[callback])
    assert callback.steps == model.steps_trained > 0
    after = model.parameters()["0.weight"]
    assert np.isfinite(after).all()
    assert not np.array_equal(before, after)


def test_a_file_that_shrinks_stops_training(tmp_path, mapped):
    path = tmp_path / "x.npy"
    assert_stops_with_weights(
        mapped[0], Y, lambda: os.truncate(path, 1000), r"x\.npy: the file has changed while"
    )


def test_a_file_that_changes_stops_training(tmp_path, mapped):
    path = tmp_path / "x.npy"
    assert_stops_with_weights(mapped[0], Y, lambda: os.utime(path, (1, 1)), "has changed")


@pytest.mark.parametrize("write", [as_hdf5, as_parquet])
def test_other_files_that_change_stop_training(tmp_path, write):
    x, _ = write(tmp_path, X, Y)
    (path,) = tmp_path.iterdir()
    assert_stops_with_weights(x, Y, lambda: os.utime(path, (1, 1)), "has changed")


def test_targets_are_checked_before_training(tmp_path):
    wrong = Y.copy()
    wrong[300] = 7
    x, y = as_hdf5(tmp_path, X, wrong)
    model = pn.Sequential([pn.Dense(3)], seed=3)
    model.compile(pn.SGD(0.01))
    with pytest.raises(ValueError, match=r"y must .* got 7 in row 300"):
        model.fit(x, y, shuffle="blocks")
    assert model.steps_trained == 0
    with pytest.raises(ValueError, match="y must have as many rows as X, 347, got 3"):
        model.fit(x, Y[:3], shuffle="blocks")


def test_wrong_arguments_are_refused(tmp_path, mapped):
    with pytest.raises(ValueError, match=r"shuffle .*blocks.*rows"):
        trained(X, Y, shuffle="rows")
    with pytest.raises(ValueError, match="validation_split must be 0 where rows are read"):
        trained(*mapped, validation_split=0.5)


def test_wrong_files_are_refused(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "wrong.parquet"
    parquet.write_table(pyarrow.table({"a": ["text"], "b": [None], "c": [1]}), path)
    with pytest.raises(TypeError, match=r"real numbers .* got string in column 'a'"):
        pn.data.ParquetRows(path, columns=["a", "c"])
    with pytest.raises(ValueError, match="columns must be among a, b, c, got 'd'"):
        pn.data.ParquetRows(path, columns="d")
    table = pyarrow.table({"x": pyarrow.array([1, None]), "z": [0.5, None]})
    with pytest.raises(ValueError, match="column 'x' must have no nulls"):
        trained(table.select(["x"]), Y[:2])
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "text.h5", "w") as file:
        file["x"] = np.array([b"a", b"b"])
        with pytest.raises(TypeError, match="X must hold real numbers"):
            trained(file["x"], Y[:2])


def test_nulls_of_float_columns_are_nan():
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"x": [1.0, None, 2.0]})
    model = pn.Sequential([pn.Dense(1)], input_shape=(1,), seed=0)
    assert np.isnan(model.predict(table)).ravel().tolist() == [False, True, False]


def test_large_row_groups_are_refused(tmp_path, monkeypatch):
    as_parquet(tmp_path, X, Y)
    monkeypatch.setattr("prelunet.row_sources.arrow._GROUP_BYTES", 1000)
    with pytest.raises(ValueError, match="write the file with row_group_size=41 or less"):
        pn.data.ParquetRows(tmp_path / "rows.parquet", columns=["a", "lists", "e", "f"])


def test_a_loss_that_is_not_finite_warns(mapped):
    model = pn.Sequential([pn.Dense(1)], seed=0)
    model.compile(pn.SGD(1e30), loss="mean_squared_error")
    with pytest.warns(RuntimeWarning, match="X is read in blocks and was not searched"):
        model.fit(mapped[0], mapped[1], shuffle="blocks")


def test_reading_threads_end(mapped):
    trained(*mapped, validation_data=mapped)
    with pytest.raises(ZeroDivisionError):
        trained(*mapped, callbacks=[pn.LambdaCallback(on_train_batch_end=lambda *_: 1 // 0)])
    assert not [t for t in threading.enumerate() if t.name.startswith("prelunet-reader")]
