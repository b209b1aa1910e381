"""Models as files and copies: what comes back, and what is refused."""

from __future__ import annotations

import copy
import json
import pickle
import sys

import numpy as np
import pytest
import safetensors

import prelunet as pn
from network_models import labelled, mlp, parameter_copies
from subprocesses import run_code
from tolerances import assert_same_bits

OPTIMIZERS = [
    pn.SGD(0.1),
    pn.SGD(0.1, momentum=0.9, nesterov=True, l2=0.01, clip_norm=1.0),
    pn.Adam(pn.schedules.WarmUp(pn.schedules.CosineDecay(0.01, 20), 5)),
    pn.AdamW(0.01, decay_all=True),
]


SUFFIXES = ["npz", "safetensors"]


@pytest.fixture
def data(rng):
    return labelled(rng, 40)


def saved_and_loaded(model, path, suffix="npz"):
    model.save(path / f"m.{suffix}")
    return pn.load(path / f"m.{suffix}")


def copies(model, path):
    """Return the model as each of the ways to copy it gives it back."""
    return {
        **{f"load {suffix}": saved_and_loaded(model, path, suffix) for suffix in SUFFIXES},
        "pickle": pickle.loads(pickle.dumps(model)),
        "deepcopy": copy.deepcopy(model),
        "copy": copy.copy(model),
    }


def state(model):
    """Return all that a model is, but its metrics."""
    slots = [np.array(values) for slot in model.engine.core.state("test")[1] for values in slot]
    return {
        "described": [
            model.layers,
            model.input_shape,
            model.dtype,
            model.seed,
            model.metadata,
            model.epochs_trained,
            model.engine.compiled.optimizer,
            model.engine.compiled.loss,
            model.engine.compiled.schedule,
            model.engine.core.steps,
            list(model.parameters()),
        ],
        "arrays": [*parameter_copies(model).values(), *slots],
    }


def assert_same_state(one, other):
    one, other = state(one), state(other)
    assert one["described"] == other["described"]
    for got, expected in zip(one["arrays"], other["arrays"], strict=True):
        assert_same_bits(got, expected)


# ---- what comes back ---------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_training_goes_on_with_the_bits_of_an_uninterrupted_run(data, tmp_path, optimizer, dtype):
    X, y = data
    model = pn.Sequential(
        [
            *(pn.Dense(8), pn.PReLU(), pn.Dropout(0.3)),
            pn.Residual([pn.Dense(8), pn.PReLU("shared"), pn.Dropout(0.1)], step=0.5, name="block"),
            pn.Dense(5),
        ],
        seed=4,
        dtype=np.dtype(dtype).name,
    )
    model.compile(optimizer, pn.losses.SoftmaxCrossEntropy(0.1), ["accuracy"])
    model.fit(X, y, epochs=2, batch_size=16)
    others = copies(model, tmp_path)
    for other in others.values():
        assert_same_state(other, model)
        assert not np.shares_memory(other.parameters()["0.bias"], model.parameters()["0.bias"])
    history = model.fit(X, y, epochs=2, batch_size=16)
    for other in others.values():
        assert other.fit(X, y, epochs=2, batch_size=16) == history
        assert_same_state(other, model)


def test_a_learning_rate_set_by_hand_comes_back(data, tmp_path):
    model = mlp(optimizer=pn.SGD(0.5))
    model.learning_rate = 0.125
    for other in copies(model, tmp_path).values():
        assert other.learning_rate == 0.125
        assert other.engine.compiled.optimizer == pn.SGD(0.5)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("shape", [None, (19,)])
def test_models_that_are_not_built_or_compiled(data, tmp_path, compiled, shape):
    model = pn.Sequential([pn.Dense(8, "prelu", name="a"), pn.Dense(5)], seed=4, input_shape=shape)
    if compiled:
        model.compile(pn.Adam(0.01), metrics=["accuracy"])
    for other in copies(model, tmp_path).values():
        assert repr(other) == repr(model)
        assert other.input_shape == shape
        if compiled:
            assert list(other.fit(*data)) == ["loss", "accuracy"]
        else:
            with pytest.raises(RuntimeError, match="compile the model first"):
                other.fit(*data)
        assert other.input_shape == ((19,) if compiled else shape)


def largest(y_true, outputs):
    """Return a metric; a function of a module, which is what pickle takes."""
    return outputs.max()


def test_metrics_that_are_functions_are_in_copies_but_not_in_files(data, tmp_path):
    model = mlp(metrics=[largest, "accuracy"])
    for way, other in copies(model, tmp_path).items():
        expected = model.evaluate(*data)
        if way.startswith("load"):
            del expected["largest"]
        assert other.evaluate(*data) == expected


def test_metadata_travel(tmp_path):
    model = mlp()
    model.metadata = {"classes": ["a", "ä", "\N{SNOWMAN}"], "scale": [1, 2.5, None, True]}
    for other in copies(model, tmp_path).values():
        assert other.metadata == model.metadata
    model.save(tmp_path / "other.npz", metadata={"kept": 1})
    assert pn.load(tmp_path / "other.npz").metadata == {"kept": 1}
    assert "classes" in model.metadata  # what goes into one file is not the model's


def test_copies_do_not_share_metadata():
    model = mlp()
    model.metadata = {"list": [1]}
    copy.deepcopy(model).metadata["list"].append(2)
    assert model.metadata == {"list": [1]}


class Classifier(pn.Sequential):
    """A model with a constructor of its own."""

    def __init__(self, units):
        super().__init__([pn.Dense(units)], input_shape=(4,), seed=1)


def test_subclasses_copy():
    model = Classifier(3)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert type(other) is Classifier
        assert_same_bits(other.parameters()["0.weight"], model.parameters()["0.weight"])


def test_descriptions_of_users_come_back(data, tmp_path):
    class Steps(pn.schedules.Schedule):
        """A schedule with lists among its arguments."""

        def __init__(self, rates, ends):
            self.rates, self.ends = tuple(rates), tuple(ends)

        def at(self, step):
            return self.rates[sum(step >= end for end in self.ends)]

    model = mlp(optimizer=pn.SGD(Steps([0.5, 0.25], [2])))
    model.fit(*data, batch_size=10)
    other = saved_and_loaded(model, tmp_path)
    assert other.learning_rate == model.learning_rate == 0.25
    assert other.engine.compiled.schedule == model.engine.compiled.schedule


# ---- the file ----------------------------------------------------------------------------------


def test_a_file_is_an_npz_without_pickles(tmp_path):
    mlp(optimizer=pn.SGD(0.1, momentum=0.5)).save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        description = json.loads(str(file["prelunet"]))
        names = set(file.files) - {"prelunet"}
    assert description["format"] == 1
    assert description["version"] == pn.__version__
    parameters = list(mlp().parameters())
    assert names == {
        *(f"parameter/{name}" for name in parameters),
        *(f"slot/0/{name}" for name in parameters),
    }


def test_a_safetensors_file_is_one_for_everybody(tmp_path):
    model = mlp(optimizer=pn.SGD(0.1, momentum=0.5))
    model.save(tmp_path / "m.safetensors")
    with safetensors.safe_open(tmp_path / "m.safetensors", framework="numpy") as file:
        description = json.loads(file.metadata()["prelunet"])
        names = set(file.keys())
        for name, values in model.parameters().items():
            assert_same_bits(file.get_tensor(f"parameter/{name}"), values)
    assert description["format"] == 1
    assert description["version"] == pn.__version__
    assert names - {f"parameter/{name}" for name in model.parameters()} == {
        f"slot/0/{name}" for name in model.parameters()
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_path_is_a_string_or_a_path(tmp_path, suffix):
    for path in (tmp_path / f"path.{suffix}", str(tmp_path / f"string.{suffix}")):
        mlp().save(path)
        assert pn.load(path).input_shape == (19,)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_paths_that_are_refused(tmp_path, suffix):
    for call, name in ((mlp().save, "save"), (pn.load, "load")):
        for bad in ("m", "m.npy", "m.npz.part", tmp_path):
            expected = rf"^{name}: path must end in \.npz or \.safetensors, got '"
            with pytest.raises(ValueError, match=expected):
                call(bad)
        for bad in (None, b"m.npz", 3):
            with pytest.raises(TypeError, match=rf"^{name}: path must be a str or a PathLike"):
                call(bad)
        with pytest.raises(FileNotFoundError):
            call(tmp_path / "nowhere" / f"m.{suffix}")
    (tmp_path / f"folder.{suffix}").mkdir()
    with pytest.raises(OSError, match=rf"folder\.{suffix}"):
        pn.load(tmp_path / f"folder.{suffix}")


@pytest.mark.parametrize(
    ("metadata", "error", "message"),
    [
        (
            {"a": float("nan")},
            ValueError,
            "metadata must hold JSON values only: Out of range",
        ),
        ({"a": {1, 2}}, ValueError, "metadata must hold JSON values only: .*set"),
        ({"a": np.float32(1)}, ValueError, "metadata must hold JSON values only: .*float32"),
        ([1], TypeError, r"metadata must be a mapping, got \[1\]"),
    ],
)
def test_bad_metadata(tmp_path, metadata, error, message):
    model = mlp()
    with pytest.raises(error, match=f"^save: {message}"):
        model.save(tmp_path / "m.npz", metadata=metadata)
    assert model.metadata == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_write_leaves_the_file_that_was_there(tmp_path, suffix):
    """The operating system allows the process files of 4 KiB; the model needs more."""
    path = tmp_path / f"m.{suffix}"
    mlp().save(path)
    before = path.read_bytes()
    run_code(
        """
        import resource, signal, sys
        import prelunet as pn

        model = pn.load(sys.argv[1])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            model.save(sys.argv[1])
        except OSError as error:
            assert "too large" in str(error), error
        else:
            raise AssertionError("it was written")
        """,
        path,
    )
    assert len(before) > 4096
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


@pytest.mark.parametrize("call", ["save", "load"])
def test_a_missing_package_is_named(tmp_path, monkeypatch, call):
    path = tmp_path / "m.safetensors"
    model = mlp()
    model.save(path)
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"a \.safetensors file needs .* 'prelunet\[io\]'"):
        model.save(path) if call == "save" else pn.load(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.safetensors"]
