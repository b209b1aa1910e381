"""Several ranks that divide each batch train the bits of one process."""

from __future__ import annotations

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp
from network_runs import RUNS, train
from prelunet import _core
from prelunet.training.data import Data
from prelunet.training.shares import rows_of
from tolerances import assert_same_bits
from virtual_ranks import train_epochs_by

DENSE_X = [name for name, options in RUNS.items() if not options.get("sparse")]
# Those in which layers keep sums between blocks, batches are ragged, or rows have weights.
OFTEN = [
    *("sgd", "nesterov", "adamw", "clip-norm", "dropout", "one-batch", "one-thread", "uint8"),
    *("residual", "residual-sgd", "convolution", "convolution-sgd", "columns", "layer-norm"),
    *("clip-delta-convolution", "scale-convolution", "parametric-convolution"),
    "mean_squared_error-loss",
]


def assert_trains_the_same(monkeypatch, name, dtype, ranks, threads):
    """Assert that a run by several ranks has the results of the run by one process."""
    pn.set_num_threads(1)
    alone = train(dtype, **RUNS[name])
    pn.set_num_threads(threads)
    monkeypatch.setattr(Data, "train_epochs", train_epochs_by(ranks))
    shared = train(dtype, **RUNS[name])
    assert list(shared) == list(alone)
    for key, values in alone.items():
        assert_same_bits(shared[key], values, f"{name}: {key}")


@pytest.mark.parametrize(("ranks", "threads"), [(1, 2), (2, 1), (3, 2), (4, 1)])
@pytest.mark.parametrize("name", OFTEN)
def test_shares_of_a_batch_train_the_bits_of_one_process(monkeypatch, name, ranks, threads):
    assert_trains_the_same(monkeypatch, name, "float32", ranks, threads)


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("optimizer", [pn.SGD(0.1), pn.Adam(0.01, clip_norm=0.5)])
@pytest.mark.parametrize("bias", [True, False])
def test_parts_of_large_weights_train_the_bits_of_one_process(
    rng, monkeypatch, optimizer, bias, ranks
):
    X, y = labelled(rng, 700, (500,), 5, "float32")
    models = []
    for _ in range(2):
        layers = [pn.Dense(333, use_bias=bias), pn.PReLU("shared"), pn.Dense(300), pn.PReLU()]
        models.append(pn.Sequential([*layers, pn.Dense(5)], input_shape=(500,), seed=1))
        models[-1].compile(optimizer)
    data = Data(models[0].engine, "fit", X, y)
    share = _core.BatchShare(models[0].engine.core, data.rows, data.targets, 600, 600)
    # 2 parts of the first weight, of which the last has bias, alpha and the sums of alpha.
    assert [chains - gradients for gradients, chains in share.sizes()] == [0, 333, 0, 0]
    assert share.sizes()[0][0] == 168 * 500
    models[0].fit(X, y, epochs=2, batch_size=600)
    monkeypatch.setattr(Data, "train_epochs", train_epochs_by(ranks))
    models[1].fit(X, y, epochs=2, batch_size=600)
    for name, values in models[0].parameters().items():
        assert_same_bits(models[1].parameters()[name], values, name)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DENSE_X)
def test_shares_of_any_run_train_the_bits_of_one_process(monkeypatch, name, dtype, ranks):
    assert_trains_the_same(monkeypatch, name, dtype, ranks, 3)


def test_the_often_tested_runs_exist():
    assert set(OFTEN) <= set(DENSE_X)


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 64, 100, 1000])
@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
def test_shares_are_adjacent_chunks(rows, ranks):
    shares = [rows_of(rows, rank, ranks) for rank in range(ranks)]
    done = 0
    for begin, count in shares:
        assert begin == done
        assert begin % 8 == 0 or count == 0
        done += count
    assert done == rows
    counts = [count for _, count in shares]
    assert counts[0] == max(counts)
    assert max(counts) - min(counts) < 16


@pytest.fixture
def share(rng):
    """Return a share of at most 16 rows of a batch of 24, and its engine."""
    model = mlp(dtype="float32")
    X, y = labelled(rng, 24, (19,), 5, "float32")
    data = Data(model.engine, "fit", X, y)
    return _core.BatchShare(model.engine.core, data.rows, data.targets, 24, 16), model


@pytest.mark.parametrize(("begin", "count"), [(0, 0), (0, 24), (4, 8), (16, 16), (32, 8)])
def test_a_share_refuses_rows_that_it_cannot_hold(share, begin, count):
    with pytest.raises(ValueError, match="share must hold rows of its batch"):
        share[0].run(np.arange(24), begin, count)


def test_a_share_refuses_sums_of_another_shape_or_dtype(share):
    one, _ = share
    one.run(np.arange(24), 0, 8)
    gradients, chains = one.sizes()[0]
    assert chains == gradients  # no sums are kept with one alpha for each unit
    with pytest.raises(ValueError, match="sums must have shape"):
        one.gradients(0, np.zeros(chains + 1, np.float32))
    with pytest.raises(TypeError):
        one.gradients(0, np.zeros(chains))
    fixed = np.zeros(chains, np.float32)
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="sums must be writeable"):
        one.gradients(0, fixed)


def test_the_version_of_an_engine_grows_with_each_change(share):
    _, model = share
    core = model.engine.core
    before = core.version
    model.predict(np.zeros((2, 19), np.float32))
    assert core.version == before
    model.set_parameters({name: values * 2 for name, values in model.parameters().items()})
    assert core.version > before
