"""History: one number an epoch for every name."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest

from prelunet.history import History


@pytest.fixture
def history():
    made = History()
    for epoch in range(3):
        made.append({"loss": 1.0 / (epoch + 1), "accuracy": np.float32(0.5)})
    return made


def test_is_a_mapping_of_lists(history):
    assert history["loss"] == [1.0, 1 / 2, 1 / 3]
    assert history["accuracy"] == [0.5, 0.5, 0.5]
    assert all(type(value) is float for value in history["accuracy"])
    assert "loss" in history
    assert "val_loss" not in history
    assert list(history) == list(history.keys()) == ["loss", "accuracy"]
    assert len(history) == 2
    assert history.epochs == [0, 1, 2]
    assert dict(history.items()) == history.to_dict()
    assert history.get("val_loss") is None


def test_a_missing_name_lists_those_there(history):
    with pytest.raises(KeyError, match="there is no 'acc'; there is 'loss', 'accuracy'"):
        history["acc"]
    with pytest.raises(KeyError, match="there is nothing"):
        History()["loss"]


def test_cannot_be_assigned_to(history):
    with pytest.raises(TypeError):
        history["loss"] = []


def test_names_that_come_and_go_have_nan(history):
    history.append({"loss": 0.2, "val_loss": 0.3})
    assert len({len(values) for values in history.values()}) == 1
    assert history["accuracy"][:3] == [0.5, 0.5, 0.5]
    assert math.isnan(history["accuracy"][3])
    assert all(math.isnan(value) for value in history["val_loss"][:3])
    assert history["val_loss"][3] == 0.3


def test_epochs_may_have_numbers(history):
    history.append({"loss": 0.2}, epoch=7)
    history.append({"loss": 0.1})
    assert history.epochs == [0, 1, 2, 7, 8]


def test_to_dict_goes_through_json_and_back(history):
    read = History(json.loads(json.dumps(history.to_dict())))
    assert read == history
    assert read.epochs == history.epochs
    read.append({"loss": 0.0, "accuracy": 1.0})
    assert len(history["loss"]) == 3


def test_history_is_keras_name_of_it(history):
    assert history.history == history.to_dict()
    assert type(history.history) is dict


def test_to_dict_copies(history):
    history.to_dict()["loss"].clear()
    assert len(history["loss"]) == 3


def test_epochs_are_kept_through_the_constructor_and_pickle():
    history = History({"loss": [1, 2]}, epochs=[4, 5])
    history.append({"loss": 3})
    assert history.epochs == [4, 5, 6]
    copied = pickle.loads(pickle.dumps(history))
    assert (copied, copied.epochs) == (history, history.epochs)


@pytest.mark.parametrize(
    ("logs", "epochs"), [({"loss": [1.0], "accuracy": [1.0, 2.0]}, None), ({"loss": [1.0]}, [0, 1])]
)
def test_lengths_must_agree(logs, epochs):
    with pytest.raises(ValueError, match="History: logs must have 2 values each, one an epoch"):
        History(logs, epochs=epochs)


@pytest.mark.parametrize("value", ["0.1", None, np.zeros(2)])
def test_a_value_that_is_no_number_changes_nothing(history, value):
    before = history.to_dict()
    with pytest.raises(TypeError, match=r"History\.append: logs\['loss'\] must be a number, got"):
        history.append({"accuracy": 1.0, "extra": 1.0, "loss": value})
    assert history.to_dict() == before
    assert history.epochs == [0, 1, 2]


def test_repr_is_a_table(history):
    assert repr(history).splitlines() == [
        "epoch    loss  accuracy",
        "    0       1       0.5",
        "    1     0.5       0.5",
        "    2  0.3333       0.5",
    ]
    assert repr(History()) == "History: no epochs"


def test_repr_of_a_long_history_leaves_out_the_middle():
    lines = repr(History({"loss": list(range(1000))})).splitlines()
    assert len(lines) == 12
    assert [line.split()[0] for line in lines] == [
        "epoch",
        *map(str, range(5)),
        "...",
        *map(str, range(995, 1000)),
    ]


def test_repr_shows_ten_epochs_whole():
    assert "..." not in repr(History({"loss": [0.5] * 10}))


def test_extend_is_many_appends():
    one_by_one, at_once = History({"loss": [3.0]}), History({"loss": [3.0]})
    for loss, accuracy in ((2.0, 0.5), (1.0, 0.75)):
        one_by_one.append({"loss": loss, "accuracy": accuracy})
    at_once.extend({"loss": [2.0, 1.0], "accuracy": [0.5, 0.75]})
    assert at_once.epochs == one_by_one.epochs == [0, 1, 2]
    assert repr(at_once) == repr(one_by_one)
    at_once.extend({})
    assert at_once.epochs == [0, 1, 2]


def test_extend_refuses_unlike_lengths():
    history = History({"loss": [3.0]})
    with pytest.raises(
        ValueError, match=r"History.extend: logs must have one length, got \[1, 2\]"
    ):
        history.extend({"loss": [2.0, 1.0], "accuracy": [0.5]})
    assert history.to_dict() == {"loss": [3.0]}
