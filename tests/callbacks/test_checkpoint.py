"""Checkpoint: what a run that is started again gets back, and which runs are refused."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest

import prelunet as pn
from checkpoint_runs import EPOCHS, assert_same_ending, build, ending, fit, rows, stopping
from network_models import parameter_copies
from prelunet.callbacks import progress_bar
from prelunet.training import prepare
from prelunet.training.loop import WatchedLoop
from tolerances import assert_same_bits


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


def kept_epochs(path):
    """Return how many epochs the file holds."""
    content = json.loads(str(np.load(path)["prelunet"]))
    return len(content["run"]["history"]["loss"])


class Cut(pn.Callback):
    """Breaks training off when an epoch begins, as an error anywhere would."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def fit_until(epoch, model, path, *callbacks, **options):
    """Train, broken off when the epoch begins."""
    with pytest.raises(KeyboardInterrupt):
        fit(model, path, *callbacks, Cut(epoch), **options)


# ---- what comes back ---------------------------------------------------------------------------

MODELS = {
    "sgd": {"optimizer": pn.SGD(0.1)},
    "momentum": {"optimizer": pn.SGD(0.1, momentum=0.9, nesterov=True, l2=0.01)},
    "adam": {},
    "float32": {"dtype": "float32"},
    "function": {"loss": lambda outputs, t: (abs(outputs - t).sum(axis=1), np.sign(outputs - t))},
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_resumed_run_ends_with_the_same_bits(path, kind):
    X, y = rows()
    data = (X, np.eye(3)[y]) if kind == "function" else (X, y)
    options = {"data": data, "batch_size": 16, "validation_data": None}
    whole, one, other = (build(**MODELS[kind]) for _ in range(3))
    expected = ending(whole, fit(whole, None, **options))
    fit_until(3, one, path, **options)
    assert_same_ending(ending(other, fit(other, path, **options)), expected)
    # Nor does it matter what the model was, if it is the same run.
    assert_same_ending(ending(one, fit(one, path, **options)), expected)


def test_a_model_that_was_trained_before_counts_its_own_epochs(path):
    whole, one = build(), build()
    for model in (whole, one):
        model.fit(*rows(), epochs=2, batch_size=50)
    expected = ending(whole, fit(whole))
    fit_until(2, one, path)
    other = build()
    history = fit(other, path)
    assert history.epochs == list(range(EPOCHS))
    assert other.epochs_trained == 2 + EPOCHS
    assert_same_ending(ending(other, history), expected)


def test_without_a_file_training_starts_anew(path):
    one, other = build(), build()
    assert_same_ending(ending(one, fit(one, path)), ending(other, fit(other)))


def test_resume_false_starts_anew_and_overwrites(path):
    fit(build(), path)
    model = build()
    seen = []
    watch = pn.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(kept_epochs(path)))
    history = fit(model, path, watch, epochs=2, resume=False)
    assert seen == [EPOCHS, 1]  # the old file is there until there is a new one
    assert history.epochs == [0, 1]
    assert kept_epochs(path) == 2
    assert model.epochs_trained == 2


def test_a_run_that_is_finished_returns_at_once(path):
    expected = fit(build(), path, stopping())
    content = path.read_bytes()
    calls = []
    watch = pn.LambdaCallback(
        on_train_begin=lambda logs=None: calls.append("begin"),
        on_epoch_begin=lambda epoch: calls.append(epoch),
        on_train_end=lambda logs=None: calls.append("end"),
    )
    for epochs in (EPOCHS, EPOCHS - 1):
        model = build()
        assert fit(model, path, stopping(), watch, epochs=epochs) == expected
        assert model.steps_trained == EPOCHS * 100
    assert calls == ["begin", "end"] * 2
    assert path.read_bytes() == content


def test_more_epochs_go_on(path):
    model, other = build(), build()
    expected = ending(model, fit(model, None, stopping()))
    fit(build(), path, stopping(), epochs=2)  # ends with the best parameters, but keeps the last
    assert_same_ending(ending(other, fit(other, path, stopping())), expected)


@pytest.mark.parametrize(("every", "expected"), [(1, [1, 2, 3, 4]), (2, [2, 4]), (7, [])])
def test_every_so_many_epochs_and_the_last(path, every, expected):
    kept = []

    def look(epoch):
        kept.append(kept_epochs(path) if path.exists() else None)

    fit(build(), path, pn.LambdaCallback(on_epoch_begin=look), every=every)
    assert kept == [max((n for n in expected if n <= done), default=None) for done in range(EPOCHS)]
    assert kept_epochs(path) == EPOCHS


def test_the_epoch_after_which_training_stops_is_kept(path):
    stop = pn.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", True))
    model = build()
    fit(model, path, stop, every=3)
    assert kept_epochs(path) == 1


def test_a_rate_set_by_hand_comes_back(path):
    def halve(epoch, rate):
        return rate / 2

    whole, other = build(), build()
    expected = ending(whole, fit(whole, None, pn.callbacks.LearningRateSchedule(halve)))
    fit_until(3, build(), path, pn.callbacks.LearningRateSchedule(halve))
    history = fit(other, path, pn.callbacks.LearningRateSchedule(halve))
    assert_same_ending(ending(other, history), expected)


@pytest.mark.filterwarnings("ignore:fit. epoch .*the loss is")
def test_losses_that_are_no_numbers_come_back(path):
    options = {"optimizer": pn.SGD(1e200)}
    first, again = build(**options), build(**options)
    with np.errstate(all="ignore"):
        history = fit(first, path, epochs=2, validation_freq=2)
        assert np.isnan(history["val_loss"]).all()
        assert fit(again, path, epochs=2, validation_freq=2).to_dict().keys() == history.keys()
        assert_same_ending(
            ending(again, fit(again, path, epochs=2, validation_freq=2)), ending(first, history)
        )


def test_epochs_are_shown_by_their_numbers(path, monkeypatch):
    fit_until(3, build(), path)
    stream = io.StringIO()
    monkeypatch.setattr(progress_bar.sys, "stderr", stream)
    fit(build(), path, verbose=True)
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["4/5", "5/5"]


def test_what_the_updates_since_the_last_call_came_to_is_kept_too(path):
    """An epoch has 100 updates: the fifth call is of updates before and after the cut."""

    def logged(calls):
        return pn.LambdaCallback(on_steps=lambda *call: calls.append(call), steps_between=70)

    whole, first, second = [], [], []
    fit(build(), None, logged(whole))
    fit_until(3, build(), path, logged(first))
    fit(build(), path, logged(second))
    assert len(first) == 4
    assert first + second == whole


def test_functions_in_layers_and_metrics_do_not_matter(path):
    def largest(y, outputs):
        return outputs.max()

    def network():
        double = pn.Lambda(lambda x: 2 * x, lambda grad_y, x, y: 2 * grad_y)
        model = pn.Sequential([double, pn.Dense(3)], seed=1)
        model.compile("adam", metrics=["accuracy", largest])
        return model

    whole, other = network(), network()
    expected = ending(whole, fit(whole))
    fit_until(2, network(), path)
    assert_same_ending(ending(other, fit(other, path)), expected)


# ---- other callbacks ---------------------------------------------------------------------------


def test_a_run_that_early_stopping_ended_stays_ended_unless_it_has_more_patience(path):
    model = build()
    expected = ending(model, fit(model, path, stopping(patience=1), epochs=40))
    assert expected["epochs"] < 40
    again, early = build(), stopping(patience=1)
    assert_same_ending(ending(again, fit(again, path, early, epochs=40)), expected)
    assert early.stopped_epoch == expected["epochs"] - 1
    assert early.best_epoch < early.stopped_epoch
    longer, whole = build(), build()
    history = fit(longer, path, stopping(patience=4), epochs=40)
    assert len(history.epochs) > expected["epochs"]
    reference = ending(whole, fit(whole, None, stopping(patience=4), epochs=40))
    assert_same_ending(ending(longer, history), reference)


@pytest.mark.filterwarnings("ignore:fit. epoch .*the loss is")
def test_a_run_that_ended_by_nan_stays_ended(path):
    ends = []
    for _ in range(2):
        model = build(optimizer=pn.SGD(1e200))
        ends.append(fit(model, path, pn.TerminateOnNaN()).epochs)
        assert model.stop_training
    assert ends == [[0], [0]]


def test_the_rate_is_reduced_after_as_many_epochs(path):
    def callbacks(rates):
        reduce = pn.ReduceLROnPlateau(patience=2, min_delta=1e9, factor=0.5)
        note = pn.LambdaCallback(
            on_epoch_end=lambda epoch, logs: rates.append(reduce.model.learning_rate)
        )
        return reduce, note

    whole, first, second = [], [], []
    options = {"optimizer": pn.SGD(0.1)}
    fit(build(**options), None, *callbacks(whole), epochs=8)
    fit_until(4, build(**options), path, *callbacks(first), epochs=8)
    fit(build(**options), path, *callbacks(second), epochs=8)
    assert first + second == whole
    assert len(set(whole)) == 4


class Notes(pn.Callback):
    """Keeps all kinds of values."""

    def __init__(self, **state):
        self.state = state

    def get_state(self):
        return self.state

    def set_state(self, state):
        self.state = state


class OtherNotes(Notes):
    pass


def test_states_of_all_kinds_come_back_to_their_classes_in_order(path):
    arrays = {"a": np.arange(3), "b": [np.float32(2.5) * np.ones((2, 2), np.float32), None]}
    given = [
        Notes(flag=True, none=None, text="ü\n", numbers=[1, -2.5, math.inf], **arrays),
        OtherNotes(nothing={}),
        Notes(number=2**70),
    ]
    fit(build(), path, *given, epochs=1)
    taken = [OtherNotes(), Notes(), pn.TerminateOnNaN(), Notes(), Notes(new=1)]
    fit(build(), path, *taken, epochs=1)
    assert taken[0].state == {"nothing": {}}
    assert taken[3].state == {"number": 2**70}
    assert taken[4].state == {"new": 1}
    state = taken[1].state
    for name in ("flag", "none", "text", "numbers"):
        assert state[name] == given[0].state[name]
    assert_same_bits(state["a"], arrays["a"])
    assert_same_bits(state["b"][0], arrays["b"][0])
    assert state["b"][1] is None


@pytest.mark.parametrize("value", [{1}, object(), np.array([None]), {1: 2}, np.float32(1)])
def test_other_states_are_refused(path, value):
    message = r"^Checkpoint: what get_state of Notes returns must hold JSON values and arrays, got "
    with pytest.raises(TypeError, match=message):
        fit(build(), path, Notes(value=[value]))
    assert not list(path.parent.iterdir())


# ---- what is refused ---------------------------------------------------------------------------

X, Y = rows()
OTHERS = {
    "units": ({"units": 6}, {}, r"layers\.0\.units was 5, is 6\. Start"),
    "seed": (
        {"seed": 4},
        {},
        r"seed was 3, is 4\. Start the same run \(with Sequential\(\.\.\., seed=3",
    ),
    "dtype": ({"dtype": "float64"}, {}, r"dtype was 'float32', is 'float64'\. Start"),
    "optimizer": (
        {"optimizer": pn.Adam(0.02)},
        {},
        r"optimizer\.learning_rate\.class was 'WarmUp', is absent; .*; 3 more\. Start",
    ),
    "loss": (
        {"loss": pn.losses.SoftmaxCrossEntropy(0.1)},
        {},
        r"loss\.label_smoothing was 0\.0, is 0\.1\. Start",
    ),
    "batch size": ({}, {"batch_size": 3}, r"fit\.batch_size was 2, is 3\. Start"),
    "shuffle": ({}, {"shuffle": False}, r"fit\.shuffle was True, is False\. Start"),
    "validation_freq": ({}, {"validation_freq": 2}, r"fit\.validation_freq was 1, is 2\. Start"),
    "fewer rows": ({}, {"data": (X[:-1], Y[:-1])}, r"fit\.data\.X\.shape\.0 was 200, is 199; fit"),
    "other rows": ({}, {"data": (X[::-1], Y)}, r"fit\.data\.X\.crc32 was '\w+', is '\w+'\. Start"),
    "other labels": (
        {},
        {"data": (X, Y[::-1])},
        r"fit\.data\.y\.crc32 was '\w+', is '\w+'\. Start",
    ),
    "rows of another type": (
        *({}, {"data": (X.astype(np.float32), Y)}),
        r"fit\.data\.X\.dtype was 'float64', is 'float32'",
    ),
    "weights": (
        *({}, {"sample_weight": np.ones(200)}),
        r"fit\.data\.sample_weight was None, is absent; .*shape\.0 was absent, is 200",
    ),
    "class weights": (
        {},
        {"class_weight": {0: 2}},
        r"fit\.data\.class_weight was None, is '{0: 2\.0}'",
    ),
    "balanced": (
        {},
        {"class_weight": "balanced"},
        r"fit\.data\.class_weight was None, is 'balanced'\. Start",
    ),
    "no validation": ({}, {"validation_data": None}, r"fit\.validation_data\.X\.shape\.0 was 30"),
}


@pytest.mark.parametrize("difference", OTHERS)
def test_a_checkpoint_of_another_run_is_refused(path, difference):
    built, fitted, message = OTHERS[difference]
    fit_until(2, build(), path)
    content = path.read_bytes()
    model = build(**built)
    before = parameter_copies(model)
    with pytest.raises(ValueError, match=rf"^Checkpoint: .*run\.ckpt is of another run: {message}"):
        fit(model, path, **fitted)
    assert path.read_bytes() == content
    assert model.steps_trained == model.epochs_trained == 0
    for name, values in before.items():
        assert_same_bits(model.parameters()[name], values, name)
    fit(model, path, resume=False, **fitted)


def test_the_order_in_memory_does_not_matter(path):
    fit_until(2, build(), path)
    data = (np.asfortranarray(X), Y.tolist())
    assert fit(build(), path, data=data) == fit(build())


def test_one_of_them_at_most(path):
    with pytest.raises(ValueError, match=r"^Checkpoint: callbacks must hold one of them at most$"):
        fit(build(), path, pn.Checkpoint(path.with_name("other")))


def test_loops_with_a_state_of_their_own_are_refused(path):
    model = build()
    checkpoint = pn.Checkpoint(path)
    loop = WatchedLoop(
        model, model.engine, prepare(model.engine, "fit", X, Y), None, 2, True, 1, [checkpoint]
    )
    with pytest.raises(ValueError, match=r"^Checkpoint: only Sequential\.fit can be resumed$"):
        loop.run()


def test_arguments():
    assert repr(pn.Checkpoint("a").path) == "'a'"
    for path, error, message in [
        (b"a", TypeError, r"path must be a str or a PathLike of one, got b'a'"),
        (3, TypeError, r"path must be a str or a PathLike of one, got 3"),
        ("", ValueError, r"path must name a file, got ''"),
    ]:
        with pytest.raises(error, match=rf"^Checkpoint: {message}"):
            pn.Checkpoint(path)
    with pytest.raises(ValueError, match=r"^Checkpoint: every must be an integer >= 1, got 0"):
        pn.Checkpoint("a", every=0)
    with pytest.raises(TypeError, match=r"^Checkpoint: resume must be True or False, got 'yes'"):
        pn.Checkpoint("a", resume="yes")
