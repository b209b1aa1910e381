"""`fit(comm=...)` on ranks that are threads of this process, without MPI."""

from __future__ import annotations

import numpy as np
import pytest

import fake_mpi
import prelunet as pn
from network_models import labelled
from prelunet.training.ranks import TIMEOUT, RankError
from tolerances import assert_same_bits


@pytest.fixture(autouse=True)
def _no_mpi(monkeypatch):
    fake_mpi.install(monkeypatch)
    monkeypatch.setenv(TIMEOUT, "30")


def network(*first, optimizer=None, **options):
    """Return a compiled network; every call returns the same."""
    layers = [*first, pn.Dense(21), pn.PReLU("shared"), pn.Dense(5)]
    model = pn.Sequential(layers, input_shape=(19,), seed=4, **options)
    model.compile(optimizer or pn.Adam(0.01), metrics=["accuracy", share_right])
    return model


def share_right(y, outputs):
    """Return the share of correct rows, as a metric in Python."""
    return float((outputs.argmax(axis=1) == y).mean())


def assert_same_models(model, other):
    """Assert that two models have the same bits and counts."""
    for name, values in other.parameters().items():
        assert_same_bits(model.parameters()[name], values, name)
    assert model.steps_trained == other.steps_trained
    assert model.epochs_trained == other.epochs_trained


def stopping():
    """Return callbacks that change the learning rate and the weights, and stop."""
    return [
        pn.EarlyStopping(patience=1, min_delta=0.02, restore_best_weights=True),
        pn.LearningRateSchedule(lambda epoch, rate: 0.8 * rate),
    ]


CASES = {
    "callbacks": ({}, lambda: {"epochs": 9, "validation_split": 0.2, "callbacks": stopping()}),
    "averages": (
        {"optimizer": pn.SGD(0.1, use_ema=True)},
        lambda: {"epochs": 2, "validation_split": 0.2},
    ),
    "ordered": ({}, lambda: {"epochs": 2, "shuffle": False, "drop_last": True}),
    "one batch": ({"dtype": "float64"}, lambda: {"epochs": 3, "batch_size": None}),
}


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("case", CASES)
def test_ranks_train_the_bits_of_one_process(rng, case, ranks):
    options, arguments = CASES[case]
    X, y = labelled(rng, 107, (19,), 5, "float32")
    alone = network(**options)
    history = alone.fit(X, y, **{"batch_size": 40} | arguments())

    def train(comm):
        model = network(**options)
        found = model.fit(X, y, comm=comm, **{"batch_size": 40} | arguments())
        return model, found

    for model, found in fake_mpi.run(ranks, train):
        assert dict(found) == dict(history)
        assert model.stop_training == alone.stop_training
        assert model.learning_rate == alone.learning_rate
        assert_same_models(model, alone)


def test_callbacks_run_on_rank_0_alone(rng):
    X, y = labelled(rng, 40, (19,), 5, "float32")
    called = [[], [], []]

    def train(comm):
        calls = called[comm.Get_rank()]
        watch = pn.LambdaCallback(on_epoch_end=lambda epoch, logs: calls.append(epoch))
        network().fit(X, y, epochs=3, comm=comm, callbacks=[watch])

    assert fake_mpi.run(3, train) == [None] * 3
    assert called == [[0, 1, 2], [], []]


def fail(*_):
    """Raise an exception."""
    raise LookupError("this one failed")


def assert_all_raise(found, rank):
    """Assert that one rank raised the exception, and the others a RankError with its text."""
    for number, error in enumerate(found):
        if number == rank:
            assert type(error) is LookupError
        else:
            assert type(error) is RankError
            assert f"rank {rank} of comm raised LookupError: this one failed" in str(error)


def test_all_ranks_raise_what_a_callback_of_rank_0_raises(rng):
    X, y = labelled(rng, 40, (19,), 5, "float32")
    models = [network() for _ in range(3)]

    def train(comm):
        watch = pn.LambdaCallback(on_epoch_end=fail)
        models[comm.Get_rank()].fit(X, y, epochs=3, comm=comm, callbacks=[watch])

    assert_all_raise(fake_mpi.run(3, train), 0)
    alone = network()
    alone.fit(X, y)
    for model in models:
        assert_same_models(model, alone)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_all_ranks_raise_what_a_layer_raises(rng, failing):
    X, y = labelled(rng, 64, (19,), 5, "float32")
    models = {}

    def train(comm):
        calls = []

        def forward(x):
            calls.append(1)
            if comm.Get_rank() == failing and len(calls) == 2:
                fail()
            return x

        identity = pn.Lambda(forward, lambda grad, x, y: grad)
        models[comm.Get_rank()] = network(identity)
        models[comm.Get_rank()].fit(X, y, batch_size=32, comm=comm)

    assert_all_raise(fake_mpi.run(3, train), failing)
    for model in models.values():
        assert model.steps_trained == 1
        assert_same_models(model, models[0])


def test_a_fit_that_fails_before_its_first_step_leaves_the_model_unbuilt(rng):
    X, y = labelled(rng, 40, (19,), 5, "float32")

    def train(comm):
        model = pn.Sequential([pn.Dense(5)], seed=1)
        model.compile()
        labels = np.full(40, 7) if comm.Get_rank() == 1 else y
        with pytest.raises(ValueError if comm.Get_rank() == 1 else RankError, match="y must"):
            model.fit(X, labels, comm=comm)
        assert model.input_shape is None

    assert fake_mpi.run(2, train) == [None] * 2


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("epochs", {"epochs": 2}),
        ("batch_size", {"batch_size": 24}),
        ("shuffle", {"shuffle": False}),
        ("class_weight", {"class_weight": {0: 2.0}}),
        ("sample_weight", {"sample_weight": np.ones(40)}),
    ],
)
def test_ranks_must_have_the_same_arguments(rng, name, change):
    X, y = labelled(rng, 40, (19,), 5, "float32")

    def train(comm):
        network().fit(X, y, comm=comm, **(change if comm.Get_rank() == 1 else {}))

    for error in fake_mpi.run(2, train):
        assert type(error) is RankError
        assert f"fit: {name} must be the same on all ranks of comm, got" in str(error)
        assert "on rank 0 and" in str(error)
        assert str(error).endswith("on rank 1")


def test_a_long_setting_is_shown_in_part(rng):
    X, y = labelled(rng, 40, (19,), 5, "float32")

    def train(comm):
        network(*(pn.Tanh() for _ in range(1 + comm.Get_rank()))).fit(X, y, comm=comm)

    for error in fake_mpi.run(2, train):
        assert "fit: layers must be the same" in str(error)
        assert "... (CRC-32 " in str(error)
        assert len(str(error)) < 500


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        (
            "batch_size must give each of the 3 ranks .* at least 17 rows, got 16",
            {"batch_size": 16},
        ),
        ("shuffle must be a bool where comm is given", {"shuffle": "blocks"}),
        ("dtype must be float32 or float64", {"model": {"dtype": "mixed_bfloat16"}}),
    ],
)
def test_what_ranks_cannot_share_is_refused_by_all(rng, match, arguments):
    X, y = labelled(rng, 40, (19,), 5, "float32")

    def train(comm):
        given = dict(arguments)
        model = network(**given.pop("model", {}))
        with pytest.raises(ValueError, match=match):
            model.fit(X, y, comm=comm, **given)

    assert fake_mpi.run(3, train) == [None] * 3


def test_a_loss_in_python_is_refused(rng):
    X, y = labelled(rng, 40, (19,), 5, "float32")

    def train(comm):
        model = network()
        model.compile(loss=lambda outputs, targets: (outputs[:, 0] ** 2, outputs))
        with pytest.raises(ValueError, match="the loss must be computed by the engine"):
            model.fit(X, y, comm=comm)

    assert fake_mpi.run(1, train) == [None]


@pytest.mark.parametrize("comm", ["world", 1, fake_mpi.COMM_NULL])
def test_comm_must_be_a_communicator(rng, comm):
    X, y = labelled(rng, 40, (19,), 5, "float32")
    with pytest.raises(TypeError, match="comm must be an intracommunicator of mpi4py"):
        network().fit(X, y, comm=comm)


def test_a_rank_that_waits_too_long_ends_the_job(rng, monkeypatch, capsys):
    monkeypatch.setenv(TIMEOUT, "0.2")
    X, y = labelled(rng, 40, (19,), 5, "float32")

    def train(comm):
        if comm.Get_rank() == 0:
            network().fit(X, y, comm=comm)

    found = fake_mpi.run(2, train)
    assert type(found[0]) is SystemExit
    told = "prelunet: rank 0 has waited 0.2 seconds for all ranks, which must call fit, and ends"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon"])
def test_the_timeout_must_be_a_positive_number(rng, monkeypatch, seconds):
    monkeypatch.setenv(TIMEOUT, seconds)
    X, y = labelled(rng, 40, (19,), 5, "float32")
    errors = fake_mpi.run(1, lambda comm: network().fit(X, y, comm=comm))
    assert str(errors[0]).startswith(f"fit: {TIMEOUT} must be a number of seconds above 0, got")
