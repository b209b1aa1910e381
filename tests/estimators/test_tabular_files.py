"""Pickles, files and networks of fitted tabular estimators."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold

import prelunet as pn
from prelunet.formats import npz
from tabular_runs import classifier, regressor, table, values
from tolerances import assert_close_to_scale, assert_same_bits, sum_tolerance

LATE = table(20, seed=9)[0]
TD = {"preset": "realmlp-td", "max_one_hot_levels": 2}


def fitted(kind):
    """Return fitted estimators of all kinds, by name."""
    makers = {
        "classifier": lambda: classifier(scoring="log_loss").fit(*table()),
        "integers": lambda: classifier().fit(table()[0], np.arange(60) % 3 - 1),
        "regressor": lambda: regressor().fit(*values()),
        "outputs": lambda: regressor().fit(values()[0], np.column_stack([values()[1]] * 2)),
        "members": lambda: classifier(n_estimators=2).fit(*table()),
        "td": lambda: regressor(**TD).fit(values()[0], np.column_stack([values()[1]] * 2)),
        "folds": lambda: regressor(cv=KFold(2), activation=pn.PReLU()).fit(*values()),
    }
    return makers[kind]()


KINDS = ("classifier", "integers", "regressor", "outputs", "members", "td", "folds")


def same(found, expected):
    """Compare arrays of numbers or text."""
    np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_files_keep_what_predicts(kind, tmp_path):
    model = fitted(kind)
    model.save(tmp_path / "m.npz")
    found = pn.load(tmp_path / "m.npz")
    assert type(found) is type(model)
    same(found.predict(LATE), model.predict(LATE))
    names = ("best_epoch_", "best_score_", "loss_curve_", "validation_scores_", "temperature_")
    for name in names:
        assert getattr(found, name, None) == getattr(model, name, None)
    if kind in ("classifier", "integers", "members"):
        assert_same_bits(found.predict_proba(LATE), model.predict_proba(LATE))
        same(found.classes_, model.classes_)
    if kind in ("members", "folds"):
        for ours, theirs in zip(found.estimators_, model.estimators_, strict=True):
            same(ours.predict(LATE), theirs.predict(LATE))
    wanted, got = model.get_params(), found.get_params()
    assert got.pop("cv") is None
    del wanted["cv"]
    assert {**got, "hidden_layer_sizes": (8,)} == wanted
    clone(found).fit(*(values() if kind in ("regressor", "outputs", "td", "folds") else table()))


def test_safetensors_and_column_names(tmp_path):
    pytest.importorskip("safetensors")
    pd = pytest.importorskip("pandas")
    X, y = table()
    frame = pd.DataFrame(X, columns=[*"abcde"])
    model = classifier(random_state=np.random.RandomState(0), scoring=lambda *_: 1.0).fit(frame, y)
    model.save(tmp_path / "m.safetensors")
    found = pn.load(tmp_path / "m.safetensors")
    assert list(found.feature_names_in_) == [*"abcde"]
    assert_same_bits(found.predict_proba(frame), model.predict_proba(frame))
    with pytest.raises(ValueError, match="feature names"):
        found.predict(frame[[*"edcba"]])
    assert found.scoring is found.random_state is None  # JSON has no value for these


@pytest.mark.parametrize("kind", ["classifier", "folds"])
def test_pickles(kind):
    model = fitted(kind)
    again = pickle.loads(pickle.dumps(model))
    same(again.predict(LATE), model.predict(LATE))


@pytest.mark.parametrize("kind", ["classifier", "integers", "regressor", "outputs", "td"])
def test_to_sequential_predicts_from_encoded_rows(kind):
    model = fitted(kind)
    network = model.to_sequential()
    if kind in ("classifier", "integers"):
        found, expected = network.predict_proba(model.encode(LATE)), model.predict_proba(LATE)
    else:
        found, expected = network.predict(model.encode(LATE)), model.predict(LATE)
    expected = expected.reshape(found.shape)
    assert_close_to_scale(found, expected, sum_tolerance(100, np.float32))


def test_several_members_have_no_single_network():
    with pytest.raises(ValueError, match="to_sequential: the estimator must have one member"):
        fitted("members").to_sequential()
    with pytest.raises(ValueError, match="encode: the estimator must have one member"):
        fitted("members").encode(LATE)


def test_an_estimator_must_be_fitted_to_be_saved(tmp_path):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        classifier().save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match="must end in"):
        fitted("classifier").save(tmp_path / "m.txt")


def rewritten(path, change):
    """Write a file again after a change of its description and its arrays."""
    with path.open("rb") as stream:
        text, arrays = npz.read(stream)
    description = json.loads(text)
    change(description["estimator"], arrays)
    with path.open("wb") as stream:
        npz.write(stream, json.dumps(description), arrays)


@pytest.mark.parametrize(
    "change",
    [
        lambda found, arrays: found.update({"class": "MLPClassifier"}),
        lambda found, arrays: found["parameters"].update(depth=3),
        lambda found, arrays: found["members"].clear(),
        lambda found, arrays: found["members"][0]["columns"].pop(),
        lambda found, arrays: found["members"][0]["records"].clear() or arrays.clear(),
        lambda found, arrays: found["records"].pop("classes_"),
        lambda found, arrays: found["records"]["classes_"]["values"].append("z"),
        lambda found, arrays: found["records"]["classes_"].update(values=[["no"], ["yes"]]),
        lambda found, arrays: found["records"]["classes_"].update(dtype="V8"),
        lambda found, arrays: found["members"][0]["records"].update(predict=1),
        lambda found, arrays: arrays.pop("member/0/factor"),
        lambda found, arrays: arrays.update({"member/0/offset": np.zeros(7)}),
        lambda found, arrays: arrays.update({"member/0/low": np.full(2, np.nan)}),
        lambda found, arrays: arrays.update({"member/5/offset": np.zeros(2)}),
        lambda found, arrays: arrays.pop("member/0/encoder/center"),
        lambda found, arrays: arrays.pop("member/0/network/parameter/output.bias"),
        lambda found, arrays: arrays.update({"other": np.zeros(1)}),
    ],
)
def test_damaged_files_are_refused(change, tmp_path):
    path = tmp_path / "m.npz"
    fitted("classifier").save(path)
    rewritten(path, change)
    with pytest.raises(ValueError, match="is damaged or incomplete"):
        pn.load(path)


def test_a_file_cannot_demand_memory(tmp_path):
    path = tmp_path / "m.npz"
    fitted("classifier").save(path)
    rewritten(path, lambda found, _: found["records"]["classes_"].update(dtype="<U500000000"))
    assert pn.load(path).classes_.itemsize == 12


def test_metadata_stay_with_the_file(tmp_path):
    model = classifier().fit(*table())
    model.save(tmp_path / "a.npz", metadata={"target": "label"})
    loaded = pn.load(tmp_path / "a.npz")
    assert loaded.metadata_ == {"target": "label"}
    loaded.save(tmp_path / "b.npz")
    assert pn.load(tmp_path / "b.npz").metadata_ == {"target": "label"}
    assert not hasattr(loaded.fit(*table()), "metadata_")


def test_fingerprints_tell_encodings_networks_and_classes_apart(tmp_path):
    X, y = table()
    model = classifier(n_estimators=2).fit(X, y)
    model.save(tmp_path / "a.npz")
    assert len(model.fingerprint()) == 16
    assert pn.load(tmp_path / "a.npz").fingerprint() == model.fingerprint()
    others = [
        classifier(n_estimators=2, random_state=1).fit(X, y),
        classifier(n_estimators=2).fit(X, np.where(y == "yes", "so", "no")),
        model.estimators_[0],
        regressor().fit(*values()),
    ]
    assert len({model.fingerprint(), *(other.fingerprint() for other in others)}) == 5


def test_columns_are_described():
    X, y = table()
    model = classifier(cv=2).fit(X, y)
    kinds = [column["kind"] for column in model.describe_columns()]
    assert kinds == ["number", "number", "category", "category", "date"]
    assert sorted(model.describe_columns()[2]["levels"]) == ["blue", "green", "red"]
    assert [column["name"] for column in model.describe_columns()] == list(range(5))
