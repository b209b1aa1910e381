"""A checkpoint that cannot be restored: an error that names the file, and nothing has changed."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest

import prelunet as pn
from checkpoint_runs import build, fit, rows, stopping
from prelunet.formats import sealed_npz
from prelunet.state import get_state
from tolerances import assert_same_bits


class Notes(pn.Callback):
    """Takes any state, in place, and moves all that it can reach; then it may fail."""

    def __init__(self, error=None):
        self.error = error
        self.notes, self.table, self.sums, self.names = [1], {"a": 1}, np.zeros(3), {"a"}
        self.best = 0

    def get_state(self):
        return {"best": self.best, "notes": self.notes}

    def set_state(self, state):
        self.best = state["best"] + 1
        self.new = True
        self.notes.append(2)
        self.table["b"] = 2
        self.names.add("b")
        self.sums += 1
        self.model.learning_rate = 9.0
        self.model.stop_training = True
        self.model.set_parameters({"3.weight": np.zeros((3, 5))})
        if self.error is not None:
            raise self.error


class Counted(pn.Callback):
    """Is called each 70 updates, so that the run has sums to keep."""

    steps_between = 70

    def on_steps(self, steps, logs=None):
        pass


def callbacks(error=None):
    """Return callbacks that take a state; the last one may fail."""
    reduce = pn.ReduceLROnPlateau(patience=1, min_delta=1e9)
    return [stopping(), reduce, pn.TerminateOnNaN(), Counted(), Notes(error)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


@pytest.fixture
def content(path):
    """Return the content and the arrays of a file of two epochs."""
    fit(build(), path, *callbacks(), epochs=2)
    text, arrays = sealed_npz.read(io.BytesIO(path.read_bytes()))
    return json.loads(text), arrays


def trained():
    """Return a model with a state of its own."""
    model = build()
    model.fit(*rows(), epochs=3, batch_size=20)
    model.learning_rate = 0.125
    model.metadata = {"mine": 1}
    return model


def state(model, taken):
    """Return all that restoring changes in a model and callbacks: arrays by name, and a text."""
    found = get_state(model.engine, "test", {})
    told = [found["description"], model.stop_training]
    for callback in taken:
        told.append({n: v for n, v in vars(callback).items() if n not in ("model", "params")})
    return found["arrays"], repr(told)


def assert_refused(path, taken, error, message, model=None):
    """Assert that a run ends with the error before its first step, and all is as before."""
    model = model or trained()
    kept = path.read_bytes()
    (before, told), schedule, engine = (
        state(model, taken),
        model.engine.compiled.schedule,
        model.engine.core,
    )
    with pytest.raises(error, match=message):
        fit(model, path, *taken)
    after, told_after = state(model, taken)
    assert told_after == told
    assert list(after) == list(before)
    for name, values in before.items():
        assert_same_bits(after[name], values, name)
    assert model.engine.compiled.schedule is schedule
    assert model.engine.core is engine
    assert path.read_bytes() == kept


def write(path, content, arrays):
    with path.open("wb") as stream:
        sealed_npz.write(stream, json.dumps(content), arrays)


def changed(*keys, to):
    """Return a change of an entry of the content: `to`, or nothing where it is None."""

    def change(content, arrays):
        *outer, last = keys
        for key in outer:
            content = content[key]
        if to is None:
            del content[last]
        else:
            content[last] = to

    return change


def changed_array(name, make):
    def change(content, arrays):
        made = make(arrays.get(name))
        if made is None:
            del arrays[name]
        else:
            arrays[name] = made

    return change


# The checkpoint itself comes first.
STOPPING, REDUCE, NAN = (("callbacks", number, 1) for number in (1, 2, 3))
CHANGES = {
    "no identity": changed("identity", to=None),
    "another identity": changed("identity", to=3),
    "no progress": changed("trained", to=None),
    "progress": changed("trained", to=[1]),
    "no epochs": changed("trained", "epochs_trained", to=None),
    "no steps": changed("trained", "steps", to=None),
    "no schedule": changed("trained", "schedule", to=None),
    "no run": changed("run", to=None),
    "run": changed("run", to=[]),
    "no history": changed("run", "history", to=None),
    "no sums": changed("run", "sums", to=None),
    "sums": changed("run", "sums", to=[[70, [1.0, 2.0, 3.0]]]),
    "a sum": changed("run", "sums", to=[70]),
    "no callbacks": changed("callbacks", to=None),
    "callbacks": changed("callbacks", to=[["EarlyStopping"]]),
    "a callback": changed("callbacks", to=[1]),
    "no state": changed("callbacks", 1, 1, to=[]),
    "no wait": changed(*STOPPING, "wait", to=None),
    "wait": changed(*STOPPING, "wait", to="1"),
    "best": changed(*STOPPING, "best", to=[1]),
    "best_epoch": changed(*STOPPING, "best_epoch", to=0.5),
    "stopped_epoch": changed(*STOPPING, "stopped_epoch", to=True),
    "best_parameters": changed(*STOPPING, "best_parameters", to=[]),
    "fewer best_parameters": changed(*STOPPING, "best_parameters", "0.weight", to=None),
    "more best_parameters": changed(*STOPPING, "best_parameters", "9.weight", to=1),
    "numbers as best_parameters": changed(*STOPPING, "best_parameters", "0.weight", to=[1.0]),
    "an array that is missing": changed(
        *STOPPING, "best_parameters", "0.weight", to={"array in this file": "state/99"}
    ),
    "cooling": changed(*REDUCE, "cooling", to=1.5),
    "no found": changed(*NAN, "found", to=None),
    "found": changed(*NAN, "found", to=0),
    "no parameter": changed_array("parameter/0.weight", lambda a: None),
    "no slot": changed_array("slot/1/3.weight", lambda a: None),
    "one parameter more": changed_array("parameter/9.weight", lambda a: np.zeros(2)),
    "one slot more": changed_array("slot/2/0.weight", lambda a: np.zeros(2)),
    "shape of a parameter": changed_array("parameter/3.weight", lambda a: a.T),
    "shape of a slot": changed_array("slot/0/3.weight", lambda a: a[:1]),
    "dtype of a parameter": changed_array("parameter/3.weight", lambda a: a.astype(np.float64)),
    "dtype of a slot": changed_array("slot/1/3.weight", lambda a: a.astype(np.int32)),
    "byte order": changed_array("parameter/3.weight", lambda a: a.astype(">f4")),
    "text": changed_array("slot/0/0.weight", lambda a: a.astype(str)),
    "shape of best_parameters": lambda content, arrays: changed_array(
        content["callbacks"][1][1]["best_parameters"]["3.weight"]["array in this file"],
        lambda a: a[:1],
    )(content, arrays),
}
CHANGES |= {
    f"epochs_trained {value}": changed("trained", "epochs_trained", to=value)
    for value in (-1, "3", 2.0, True, math.inf, 2**70, [])
}
CHANGES |= {
    f"steps {value}": changed("trained", "steps", to=value)
    for value in (-1, "3", 2.0, True, math.nan, 2**63, {})
}
CHANGES |= {
    f"schedule {value}": changed("trained", "schedule", to=value)
    for value in (3, [], "Constant", {}, {"class": "Dance"}, {"class": "Constant"})
}
CHANGES |= {
    f"history {value}": changed("run", "history", to=value)
    for value in (
        3,
        "loss",
        [3],
        {"loss": 1},
        {"loss": "12"},
        {"loss": [None]},
        {"a": [1], "b": []},
    )
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_with_something_wrong_changes_nothing(path, content, change):
    CHANGES[change](*content)
    write(path, *content)
    assert_refused(path, callbacks(), ValueError, r"^Checkpoint: .*run\.ckpt is ")


def test_an_identity_of_nothing_is_of_another_run(path, content):
    changed("identity", to={})(*content)
    write(path, *content)
    assert_refused(path, callbacks(), ValueError, r"run\.ckpt is of another run: ")


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (ValueError("not mine"), ValueError, "^not mine$"),
        (KeyError("best"), ValueError, r"run\.ckpt is damaged or incomplete: KeyError\('best'\)$"),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
        (ZeroDivisionError(), ZeroDivisionError, None),
    ],
    ids=repr,
)
def test_a_callback_that_refuses_its_state_changes_nothing(path, content, error, raised, message):
    assert_refused(path, callbacks(error), raised, message)


def test_a_model_without_steps_or_slots_stays_so(path, content):
    for optimizer in (None, pn.SGD(0.1)):
        path.unlink(missing_ok=True)
        fit(build(optimizer=optimizer), path, *callbacks(), epochs=2)
        model = build(optimizer=optimizer)
        assert_refused(path, callbacks(ValueError("no")), ValueError, "^no$", model)


def test_the_file_itself_is_restored(path, content):
    """What the tests above change is what makes them fail."""
    write(path, *content)
    model, taken = trained(), callbacks()
    history = fit(model, path, *taken)
    assert history.epochs == [0, 1]  # Notes ends training
    assert model.epochs_trained == 2
    assert taken[-1].notes == [1, 2]
