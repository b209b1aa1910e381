"""Files that are no models, not any more or not quite: an error that names the file."""

from __future__ import annotations

import json
import pickle
import zipfile

import numpy as np
import pytest
import safetensors.numpy

import prelunet as pn
from prelunet.formats import format_of
from tolerances import assert_same_bits

SUFFIXES = ["npz", "safetensors"]


def small_file(path):
    """Save a small model and return its bytes."""
    model = pn.Sequential([pn.Dense(2)], input_shape=(3,), seed=0)
    model.compile(pn.SGD(0.1, momentum=0.5))
    model.save(path)
    return model, path.read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncated_files_are_refused(tmp_path, suffix):
    path = tmp_path / f"m.{suffix}"
    _, content = small_file(path)
    for length in [*range(0, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        expected = rf"m\.{suffix} is not a model of prelunet, or is damaged"
        with pytest.raises(ValueError, match=expected):
            pn.load(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("bits", [0b1, 0b1000, 0b11111111])
def test_a_flipped_byte_is_refused_or_does_not_matter(tmp_path, bits, suffix):
    """All that is read has a checksum; what lies beside it, dates say, is not looked at."""
    path = tmp_path / f"m.{suffix}"
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
        assert (repr(other), other.engine.core.steps) == (repr(model), 0)
        for name, values in model.parameters().items():
            assert_same_bits(other.parameters()[name], values, name)
    assert refused > len(content) // 17 * 3 // 4


def rewritten(path, change):
    """Save a model whose file is changed by `change(entries)`, a dictionary of arrays."""
    small_file(path)
    _, file_format = format_of("load", path)
    with path.open("rb") as stream:
        text, arrays = file_format.read(stream)
    entries = {"prelunet": np.array(text), **arrays}
    change(entries)
    with path.open("wb") as stream:
        file_format.write(stream, str(entries.pop("prelunet")), entries)


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
    "not JSON": (replaced("prelunet", lambda _: np.array("{")), "not a model of prelunet"),
    "a list": (replaced("prelunet", lambda _: np.array("[]")), "not a model of prelunet"),
    "no format": (
        described(format=None),
        "not a model of prelunet, or is damaged: 'format' is missing",
    ),
    "a later format": (described(format=2, version="9.1"), r"has format 2 \(prelunet 9\.1\); this"),
    "no layers": (described(layers=None), "damaged or incomplete: 'layers'"),
    "no seed": (described(seed=None), "damaged or incomplete: 'seed'"),
    "no loss": (described(loss=None), "damaged or incomplete: 'loss'"),
    "layers": (described(layers=[{"class": "Dance", "units": 2}]), "got 'Dance'"),
    "units": (described(layers=[{"class": "Dense", "units": "2"}]), "Dense: units must be"),
    "no units": (described(layers=[{"class": "Dense"}]), "damaged or incomplete: .*'units'"),
    "abstract": (described(layers=[{"class": "Activation"}]), "got 'Activation'"),
    "optimizer": (described(optimizer={"class": "Adam"}), "tensor 'slot/1/0.weight' is missing"),
    "input_shape": (described(input_shape=[-3]), "entry of input_shape must be"),
    "steps": (described(steps="many"), "damaged or incomplete"),
    "metrics": (described(metrics=["auc"]), "must be one of 'accuracy', got 'auc'"),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("change", CHANGES)
def test_entries_that_do_not_fit_are_refused(tmp_path, change, suffix):
    make, message = CHANGES[change]
    path = tmp_path / f"m.{suffix}"
    rewritten(path, make)
    with pytest.raises(ValueError, match=rf"^load: .*m\.{suffix} .*{message}"):
        pn.load(path)


class Bomb:
    """What runs code when it is unpickled."""

    exploded = False

    def __reduce__(self):
        return (setattr, (Bomb, "exploded", True))


def test_pickles_are_refused_unopened(tmp_path):
    objects = np.array([Bomb(), None], dtype=object)
    np.savez(tmp_path / "m.npz", prelunet=np.array("{}"), **{"parameter/0.bias": objects})
    (tmp_path / "p.npz").write_bytes(pickle.dumps(Bomb()))
    for name, reason in {"m.npz": "Object arrays are pickles", "p.npz": ".*not a zip"}.items():
        with pytest.raises(ValueError, match=rf"or is damaged: {reason}"):
            pn.load(tmp_path / name)
    assert not Bomb.exploded


def test_other_npz_files_are_refused(tmp_path):
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


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"prelunet": "{}"}])
def test_other_safetensors_files_are_refused(tmp_path, metadata):
    path = tmp_path / "m.safetensors"
    safetensors.numpy.save_file({"x": np.zeros(3)}, path, metadata)
    with pytest.raises(ValueError, match=r"not a model of .*: its metadata lack 'prelunet' or"):
        pn.load(path)


def test_tensors_that_other_hands_have_changed_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    small_file(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    tensors = safetensors.numpy.load_file(path)
    tensors["parameter/0.bias"][0] += 1
    safetensors.numpy.save_file(tensors, path, metadata)
    with pytest.raises(ValueError, match="or is damaged: its checksum does not match"):
        pn.load(path)
