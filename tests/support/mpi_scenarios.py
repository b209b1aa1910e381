"""Scenarios that all ranks of a job run: ``mpiexec -n 3 python mpi_scenarios.py NAME``."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import pytest
from mpi4py import MPI

import prelunet as pn
from prelunet import _core
from prelunet.training.ranks import RankError
from sparse_rows import Csr
from tolerances import assert_same_bits

COMM = MPI.COMM_WORLD
RANK, RANKS = COMM.rank, COMM.size
ROWS, FEATURES, CLASSES = 203, 20, 5


def data(rows=ROWS):
    """Return the same data on all ranks."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((rows, FEATURES)).astype(np.float32)
    return X, rng.integers(CLASSES, size=rows)


def network(*layers, optimizer=None, seed=7, dtype="float32", **options):
    """Return a compiled network, the same on all ranks."""
    model = pn.Sequential(
        [*layers, pn.Dense(33), pn.PReLU("shared"), pn.Dense(CLASSES)],
        input_shape=(FEATURES,),
        dtype=dtype,
        seed=seed,
    )
    model.compile(optimizer or pn.Adam(0.01), metrics=["accuracy"], **options)
    return model


def assert_same_models(model, other):
    """Assert that two models have the same bits and counts."""
    for name, values in other.parameters().items():
        assert_same_bits(model.parameters()[name], values, f"rank {RANK}: {name}")
    assert model.steps_trained == other.steps_trained
    assert model.epochs_trained == other.epochs_trained


def assert_same_on_all_ranks(model):
    """Assert that the model of each rank has the bits of rank 0."""
    for name, values in model.parameters().items():
        assert_same_bits(values, COMM.bcast(np.array(values)), f"rank {RANK}: {name}")
    assert COMM.allgather(model.steps_trained) == [model.steps_trained] * RANKS


def both(arguments, **options):
    """Train with and without the communicator; return both models and histories."""
    X, y = data()
    models = [network(**options) for _ in range(2)]
    histories = [
        model.fit(X, y, **arguments(), **extra)
        for model, extra in zip(models, ({"comm": COMM}, {}), strict=True)
    ]
    return models, histories


def share_right(y, outputs):
    """Return the share of correct rows, as a metric in Python."""
    return float((outputs.argmax(axis=1) == y).mean())


def callbacks():
    """Early stopping, schedules, validation and metrics act as in one process."""
    called = []

    def arguments():
        return {
            "epochs": 12,
            "batch_size": 64,
            "validation_split": 0.2,
            "callbacks": [
                pn.EarlyStopping(patience=1, restore_best_weights=True, min_delta=0.01),
                pn.LearningRateSchedule(lambda epoch, rate: 0.9 * rate),
                pn.LambdaCallback(on_train_batch_end=lambda batch, logs: called.append(batch)),
            ],
        }

    X, y = data()
    models = [network(), network()]
    for model in models:
        model.compile(pn.Adam(0.01), metrics=["accuracy", share_right])
    shared = models[0].fit(X, y, comm=COMM, **arguments())
    assert bool(called) == (RANK == 0)
    alone = models[1].fit(X, y, **arguments())
    assert dict(shared) == dict(alone)
    assert 1 < len(shared["loss"]) < 12
    assert models[0].stop_training
    assert models[0].learning_rate == models[1].learning_rate
    assert_same_models(models[0], models[1])
    # A second fit continues on all ranks.
    for model, extra in zip(models, ({"comm": COMM}, {}), strict=True):
        model.fit(X, y, epochs=2, drop_last=True, **extra)
    assert_same_models(models[0], models[1])


def averages():
    """The optimizer's averages, which callbacks see, are those of one process."""
    models, histories = both(
        lambda: {"epochs": 3, "batch_size": 50, "validation_split": 0.1},
        optimizer=pn.SGD(0.1, use_ema=True, ema_momentum=0.9),
    )
    assert dict(histories[0]) == dict(histories[1])
    assert_same_models(*models)


def schedules():
    """Rates that change from step to step, of Dropout and weight decay, are the same."""
    X, y = data()
    models = []
    for extra in ({"comm": COMM}, {}):
        dropout = pn.Dropout(pn.schedules.CosineDecay(0.4, 12))
        decay = pn.schedules.CosineDecay(0.1, 12)
        models.append(network(dropout, optimizer=pn.AdamW(0.01, weight_decay=decay)))
        models[-1].fit(X, y, epochs=3, batch_size=64, sample_weight=np.abs(X[:, 0]), **extra)
    assert_same_models(*models)


def callback_error():
    """An exception in a callback of rank 0 ends the fit of all ranks, with the same weights."""

    def fail(epoch, logs):
        if epoch == 1:
            raise LookupError("the callback failed")

    X, y = data()
    model = network()
    with pytest.raises(LookupError if RANK == 0 else RankError, match="the callback failed"):
        model.fit(X, y, epochs=5, comm=COMM, callbacks=[pn.LambdaCallback(on_epoch_end=fail)])
    other = network()
    other.fit(X, y, epochs=2)
    assert_same_models(model, other)


class Failing:
    """A function of a Lambda layer that acts in one call on the last rank."""

    def __init__(self, call, act):
        self.calls, self.call, self.act = 0, call, act

    def forward(self, x):
        """Return x; act if this is the call."""
        self.calls += 1
        if RANK == RANKS - 1 and self.calls == self.call:
            self.act()
        return x

    def layer(self):
        """Return the layer."""
        return pn.Lambda(self.forward, lambda grad, x, y: grad)


def fails_in_step(step, act, exception, match):
    """Assert that the act of the last rank in a step makes all raise; return the model."""
    X, y = data()
    failing = Failing(step, act)
    model = network(failing.layer())
    with pytest.raises(exception if RANK == RANKS - 1 else RankError, match=match):
        model.fit(X, y, epochs=2, batch_size=64, comm=COMM)
    return model


def raise_error():
    """Raise an exception in a layer."""
    raise LookupError("the layer failed")


def layer_error():
    """An exception in one rank's layer is raised by all, with the weights before the step."""
    model = fails_in_step(3, raise_error, LookupError, "the layer failed")
    assert model.steps_trained == 2
    assert_same_on_all_ranks(model)
    X, y = data()
    model.fit(X, y, epochs=1, batch_size=64, comm=COMM)
    assert_same_on_all_ranks(model)


def interrupt():
    """Ctrl-C on one rank ends the fit of all ranks between two steps."""
    act = lambda: os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
    model = fails_in_step(2, act, KeyboardInterrupt, None)
    assert model.steps_trained == 2
    assert_same_on_all_ranks(model)


def refuses(error, match, change=None, **arguments):
    """Assert that all ranks raise before the first step. `change` modifies X, y or the model."""
    X, y = data()
    given = {"X": X, "y": y, "comm": COMM, "model": network(), **arguments}
    if change is not None and RANK == RANKS - 1:
        given = change(given)
    model = given.pop("model")
    before = {name: values.copy() for name, values in model.parameters().items()}
    with pytest.raises(error, match=match):
        model.fit(**given)
    for name, values in before.items():
        assert_same_bits(model.parameters()[name], values, name)
    assert model.steps_trained == 0


def refusals():
    """All ranks raise what one rank raises, and name what differs."""
    _, y = data()
    same = "must be the same on all ranks of comm"
    one = RANK == RANKS - 1
    wrong = np.where(np.arange(ROWS) == 77, 9, y)
    bad = "y must|raised ValueError: fit: y must"
    refuses(ValueError if one else RankError, bad, lambda g: g | {"y": wrong})
    refuses(
        RankError, f"seed {same}, got 7 on rank 0 and 8", lambda g: g | {"model": network(seed=8)}
    )
    refuses(RankError, f"epochs {same}, got 1 on", lambda g: g | {"epochs": 4})
    refuses(RankError, f"batch_size {same}", lambda g: g | {"batch_size": 40})
    refuses(RankError, f"shuffle {same}", lambda g: g | {"shuffle": False})
    fewer = lambda g: g | {"X": g["X"][:200], "y": g["y"][:200]}  # noqa: E731
    refuses(RankError, rf"X {same}, got float32 \(203, 20\)", fewer)
    refuses(RankError, f"X {same}", lambda g: g | {"X": g["X"] + np.float32(1)})
    refuses(RankError, f"y {same}", lambda g: g | {"y": np.roll(g["y"], 1)})
    refuses(RankError, f"sample_weight {same}", lambda g: g | {"sample_weight": np.ones(ROWS)})
    refuses(RankError, f"class_weight {same}", lambda g: g | {"class_weight": {1: 2.0}})
    refuses(RankError, f"dtype {same}", lambda g: g | {"model": network(dtype="float64")})
    rate = lambda g: g | {"model": network(optimizer=pn.Adam(0.02))}  # noqa: E731
    refuses(RankError, f"optimizer {same}", rate)

    def moved(given):
        given["model"].set_parameters({"0.bias": np.ones(33)})
        return given

    refuses(RankError, f"the state of the model {same}", moved)

    def another_version(given):
        _core.__version__ = "0.0"
        return given

    version = _core.__version__
    refuses(RankError, f"the version of prelunet {same}", another_version)
    _core.__version__ = version

    def another_isa(given):
        _core.isa = lambda: "baseline"
        return given

    isa = _core.isa
    refuses(RankError, f"the instruction set {same}, got with FMA on", another_isa)
    _core.isa = isa


def unsupported():
    """What ranks cannot share is refused by all ranks."""
    X, y = data()
    few = 8 * (RANKS - 1)
    refuses(ValueError, f"batch_size must give each of the {RANKS} ranks", batch_size=few)
    refuses(ValueError, "shuffle must be a bool where comm is given", shuffle="blocks")
    refuses(ValueError, "X must be dense where comm is given", X=Csr.of(X))
    refuses(ValueError, "dtype must be float32 or float64", model=network(dtype="mixed_bfloat16"))
    own = network()
    own.compile(loss=lambda outputs, targets: (outputs[:, 0] ** 2, outputs))
    refuses(ValueError, "loss must be computed by the engine", model=own)
    for comm in ("world", MPI.COMM_SELF.group, MPI.COMM_NULL):
        with pytest.raises(TypeError, match="comm must be an intracommunicator of mpi4py"):
            network().fit(X, y, comm=comm)


def stopped():
    """One rank stops for ever, as if its machine were lost."""
    fails_in_step(2, lambda: os.kill(os.getpid(), signal.SIGSTOP), RankError, None)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
