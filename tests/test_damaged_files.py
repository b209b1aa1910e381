"""Files that are no models, not any more or not quite: an error that names the file."""

from __future__ import annotations

import json
import pickle
import zipfile

import numpy as np
import pytest

import prelunet as pn
from tolerances import assert_same_bits


def small_file(path):
    """Save a small model and return its bytes."""
    model = pn.Sequential([pn.Dense(2)], input_shape=(3,), seed=0)
    model.compile(pn.SGD(0.1, momentum=0.5))
    model.save(path)
    return model, path.read_bytes()


def test_truncated_files_are_refused(tmp_path):
    path = tmp_path / "m.npz"
    _, content = small_file(path)
    for length in [*range(0, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"m\.npz is not a model of prelunet, or is damaged"):
            pn.load(path)


@pytest.mark.parametrize("bits", [0b1, 0b1000, 0b11111111])
def test_a_flipped_byte_is_refused_or_does_not_matter(tmp_path, bits):
    """Each entry has a checksum; what lies beside entries, dates say, is not looked at."""
    path = tmp_path / "m.npz"
    model, content = small_file(path)
    refused = 0
    for place in range(0, len(content), 17):
        damaged = bytearray(content)
        damaged[place] ^= bits
        path.write_bytes(damaged)
        try:
            other = pn.load(path)
        except ValueError:
            refused += 1
            continue
        assert (repr(other), other._network.steps) == (repr(model), 0)
        for name, values in model.parameters().items():
            assert_same_bits(other.parameters()[name], values, name)
    assert refused > len(content) // 17 * 3 // 4


def rewritten(path, change):
    """Save a model whose file is changed by `change(entries)`, a dictionary of arrays."""
    small_file(path)
    with np.load(path, allow_pickle=False) as file:
        entries = dict(file)
    change(entries)
    np.savez(path, **entries)


def described(**changes):
    """Return a change of the description; None takes an entry away."""

    def change(entries):
        description = json.loads(str(entries["prelunet"])) | changes
        text = json.dumps({name: v for name, v in description.items() if v is not None})
        entries["prelunet"] = np.array(text)

    return change


def replaced(name, make):
    def change(entries):
        entries[name] = make(entries.get(name))

    return change


CHANGES = {
    "missing parameter": (lambda e: e.pop("parameter/0.bias"), "'parameter/0.bias' is missing"),
    "missing slot": (lambda e: e.pop("slot/0/0.weight"), "tensor 'slot/0/0.weight' is missing"),
    "extra": (replaced("parameter/1.bias", lambda _: np.zeros(2)), "'parameter/1.bias' is not one"),
    "shape": (replaced("parameter/0.weight", lambda w: w.T), r"shape \(2, 3\) .* got \(3, 2\)"),
    "slot shape": (replaced("slot/0/0.bias", lambda b: b[:1]), r"shape \(2,\) .* got \(1,\)"),
    "dtype": (replaced("parameter/0.bias", np.float64), "dtype float32, got .* float64"),
    "no description": (lambda e: e.pop("prelunet"), "not a model of prelunet, or is damaged"),
    "not JSON": (replaced("prelunet", lambda _: np.array("{")), "not a model of prelunet"),
    "a list": (replaced("prelunet", lambda _: np.array("[]")), "not a model of prelunet"),
    "no format": (described(format=None), "not a model of prelunet, or is damaged: 'format'"),
    "a later format": (described(format=2, version="9.1"), r"has format 2 \(prelunet 9\.1\); this"),
    "no layers": (described(layers=None), "damaged or incomplete: 'layers'"),
    "no seed": (described(seed=None), "damaged or incomplete: 'seed'"),
    "no loss": (described(loss=None), "damaged or incomplete: 'loss'"),
    "layers": (described(layers=[{"class": "Dance", "units": 2}]), "got 'Dance'"),
    "units": (described(layers=[{"class": "Dense", "units": "2"}]), "Dense: units must be"),
    "no units": (described(layers=[{"class": "Dense"}]), "damaged or incomplete: .*'units'"),
    "abstract": (described(layers=[{"class": "Activation"}]), "damaged or incomplete: .*abstract"),
    "optimizer": (described(optimizer={"class": "Adam"}), "tensor 'slot/1/0.weight' is missing"),
    "input_shape": (described(input_shape=[-3]), "entry of input_shape must be"),
    "steps": (described(steps="many"), "damaged or incomplete"),
    "metrics": (described(metrics=["auc"]), "must be one of 'accuracy', got 'auc'"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_entries_that_do_not_fit_are_refused(tmp_path, change):
    make, message = CHANGES[change]
    rewritten(tmp_path / "m.npz", make)
    with pytest.raises(ValueError, match=rf"^load: .*m\.npz .*{message}"):
        pn.load(tmp_path / "m.npz")


class Bomb:
    """What runs code when it is unpickled."""

    exploded = False

    def __reduce__(self):
        return (setattr, (Bomb, "exploded", True))


def test_pickles_are_refused_unopened(tmp_path):
    objects = np.array([Bomb(), None], dtype=object)
    rewritten(tmp_path / "m.npz", replaced("parameter/0.bias", lambda _: objects))
    (tmp_path / "p.npz").write_bytes(pickle.dumps(Bomb()))
    for name in ("m.npz", "p.npz"):
        with pytest.raises(ValueError, match=r"or is damaged: .*allow_pickle"):
            pn.load(tmp_path / name)
    assert not Bomb.exploded


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "m.npz"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="not a model of prelunet"):
        pn.load(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match="not a model of prelunet"):
        pn.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("prelunet.npy", "not an array")
    with pytest.raises(ValueError, match="not a model of prelunet"):
        pn.load(path)
    np.savez(path, x=np.zeros(3))
    with pytest.raises(ValueError, match="not a model of prelunet"):
        pn.load(path)
