"""What reads or replaces a model's state while another thread trains or compiles it."""

from __future__ import annotations

import copy
import hashlib
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp, parameter_copies
from subprocesses import run_code
from thread_checks import BUSY, PATIENCE, during_a_fit, in_another_thread
from tolerances import assert_same_bits, bits_of


def save(suffix):
    return lambda model, path, X, y: model.save(path / f"m.{suffix}")


READERS = {
    "npz": save("npz"),
    "safetensors": save("safetensors"),
    "pickle": lambda model, path, X, y: pickle.dumps(model),
    "copy": lambda model, path, X, y: copy.copy(model),
    "deepcopy": lambda model, path, X, y: copy.deepcopy(model),
    "to_onnx": lambda model, path, X, y: model.to_onnx(path / "m.onnx"),
    "to_c": lambda model, path, X, y: model.to_c(path / "m.h"),
    "parameters": lambda model, path, X, y: model.parameters(),
    "copy_from": lambda model, path, X, y: mlp().copy_from(model),
    "copy_from to it": lambda model, path, X, y: model.copy_from(mlp()),
    "vjp": lambda model, path, X, y: model.vjp(X),
    "trace": lambda model, path, X, y: model.trace(X, y),
    "check_gradients": lambda model, path, X, y: pn.check_gradients(model, X, y, entries=1),
}
NAMES = {"npz": "save", "safetensors": "save", "copy_from to it": "copy_from"}
NAMES |= dict.fromkeys(["pickle", "copy", "deepcopy"], "pickle or copy")
NAMES["check_gradients"] = "loss_and_gradients"
PACKAGES = {"safetensors": "safetensors", "to_onnx": "onnx"}


@pytest.fixture
def reader(request):
    """Return a name of READERS; skip the test if it needs a package that is missing."""
    if request.param in PACKAGES:
        pytest.importorskip(PACKAGES[request.param])
    return request.param


@pytest.mark.parametrize("reader", READERS, indirect=True)
def test_another_thread_may_not_read_a_model_between_the_steps_of_its_fit(rng, tmp_path, reader):
    X, y = labelled(rng, 100)
    model, other = mlp(), mlp()

    def use():
        with pytest.raises(RuntimeError, match=f"^{NAMES.get(reader, reader)}: {BUSY}"):
            in_another_thread(lambda: READERS[reader](model, tmp_path, X, y))

    during_a_fit(use, model, X, y)
    other.fit(X, y, epochs=2)
    for parameter, values in parameter_copies(other).items():
        assert_same_bits(model.parameters()[parameter], values, parameter)
    assert not list(tmp_path.iterdir())
    in_another_thread(lambda: READERS[reader](model, tmp_path, X, y))


@pytest.mark.parametrize("reader", [n for n in READERS if n != "copy_from to it"], indirect=True)
def test_callbacks_may_read_the_model(rng, tmp_path, reader):
    X, y = labelled(rng, 100)
    model, other = mlp(), mlp()
    during_a_fit(lambda: READERS[reader](model, tmp_path, X, y), model, X, y)
    other.fit(X, y, epochs=2)
    for parameter, values in parameter_copies(other).items():
        assert_same_bits(model.parameters()[parameter], values, parameter)


def test_summary_needs_no_values(rng):
    X, y = labelled(rng, 100)
    model = mlp()
    expected = model.summary()
    assert during_a_fit(lambda: in_another_thread(model.summary), model, X, y) == expected


def test_a_layer_of_python_reads_the_parameters_in_the_middle_of_a_step(rng):
    seen = []

    def look(x):
        seen.append(model.parameters()["0.weight"].sum())
        return x

    layers = [pn.Dense(4), pn.Lambda(look, lambda grad_y, x, y: grad_y), pn.Dense(5)]
    model = pn.Sequential(layers, input_shape=(19,), seed=0)
    model.compile()
    model.fit(*labelled(rng, 100), epochs=2)
    assert len(set(seen)) == 8


# ---- states of one moment ----------------------------------------------------------------------


def digest(model):
    """Return a checksum of all that training moves."""
    state = model.__getstate__()
    whole = hashlib.sha256(repr(state["description"]).encode())
    for name, values in state["arrays"].items():
        whole.update(name.encode() + bits_of(values))
    return whole.hexdigest()


RUNS, ORDER = 12, np.tile(np.arange(100), 50)


def trained_run_by_run(model, X, y, after_each):
    for _ in range(RUNS):
        model.train_epoch(X, y, order=ORDER, batch_size=10)
        after_each()


@pytest.mark.parametrize("optimizer", [pn.SGD(0.01), pn.Adam(0.001)], ids=str)
def test_a_copy_of_a_model_in_training_is_of_a_moment_between_two_runs(rng, optimizer):
    """The first layer keeps its weight elsewhere in a run of so many steps."""
    X, y = labelled(rng, 100)
    model, twin = (mlp(widths=(64, 32, 5), optimizer=optimizer) for _ in range(2))
    moments = {digest(twin)}
    trained_run_by_run(twin, X, y, lambda: moments.add(digest(twin)))
    assert len(moments) == RUNS + 1
    work = (model, X, y, lambda: time.sleep(0.001))
    trainer = threading.Thread(target=trained_run_by_run, args=work)
    trainer.start()
    copies, refused = [], 0
    while trainer.is_alive():
        try:
            copies.append(pickle.dumps(model))
        except RuntimeError as error:
            assert str(error).startswith("pickle or copy: the model is being trained")  # noqa: PT017
            refused += 1
    trainer.join(PATIENCE)
    assert refused
    assert {digest(pickle.loads(found)) for found in copies} <= moments
    assert digest(model) == digest(twin)


COMPILING = """
    import copy, pickle, sys, threading, time
    import numpy as np
    import prelunet as pn

    model = pn.Sequential([pn.Dense(700), pn.Dense(5)], input_shape=(900,), seed=0)
    model.compile(pn.Adam())
    optimizers = [pn.Adam(), pn.SGD(), pn.SGD(momentum=0.5)]
    done = threading.Event()
    compiled = 0

    def compile_again():
        global compiled
        while not done.is_set():
            model.compile(optimizers[compiled % 3], clip_delta=float(compiled % 3 + 1))
            compiled += 1
            time.sleep(0.002)  # a copy that begins during a compilation is refused

    def saved(model):
        model.save(sys.argv[2] + "/m.npz")
        return pn.load(sys.argv[2] + "/m.npz")

    ways = {
        "pickle": lambda model: pickle.loads(pickle.dumps(model)),
        "deepcopy": copy.deepcopy,
        "save": saved,
    }
    sys.setswitchinterval(1e-5)
    compiler = threading.Thread(target=compile_again)
    compiler.start()
    copies, until = 0, time.monotonic() + 60
    while (copies < 30 or compiled < 30) and time.monotonic() < until:
        try:
            other = ways[sys.argv[1]](model)
        except RuntimeError as error:
            assert "the model is being trained or changed by another thread" in str(error), error
            continue
        copies += 1
        kind = int(other.engine.compiled.clip_delta or 1) - 1  # 1 at first, too
        assert other.engine.compiled.optimizer == optimizers[kind]
        slots = other.engine.core.state("test")[1]
        assert len(slots) == [2, 0, 1][kind]
        assert not any(values.any() for slot in slots for values in slot)
    done.set()
    compiler.join()
    assert copies >= 30 and compiled >= 30, (copies, compiled)
"""


@pytest.mark.parametrize("way", ["pickle", "deepcopy", "save"])
def test_a_model_that_another_thread_compiles_is_copied_whole(tmp_path, way):
    """In a process of its own: slots that are gone would end it."""
    run_code(COMPILING, way, tmp_path)


def test_a_model_is_ready_when_other_threads_see_it(rng, monkeypatch):
    """A first fit builds the model; the engine that others get then is compiled."""
    X, y = labelled(rng, 20)
    model = pn.Sequential([pn.Dense(5)], seed=0)
    model.compile(pn.Adam())
    seen = []
    compile_core = pn.engine.compile_core

    def watched(*arguments):
        seen.append(model.engine.is_built)
        compile_core(*arguments)

    monkeypatch.setattr(pn.engine, "compile_core", watched)
    model.fit(X, y)
    assert seen == [False]


# ---- a first use that builds -------------------------------------------------------------------


class Watched(pn.initializers.Zeros):
    """An initializer that calls `then` in another thread the first time, and waits a little."""

    def draw(self, rng, shape, fan_in, fan_out):
        DRAWN.append(shape)
        if len(DRAWN) == 1:
            START.pop()()
        return super().draw(rng, shape, fan_in, fan_out)


DRAWN, START = [], []


def start_in_another_thread(pool, function):
    """Start a function and give it time to end, unless it waits for this thread."""
    future = pool.submit(function)
    wait([future], timeout=0.2)
    return future


USES = {
    "predict": lambda model, X, y: model.predict(X),
    "vjp": lambda model, X, y: model.vjp(X)[0],
    "trace": lambda model, X, y: model.trace(X),
    "pickle": lambda model, X, y: pickle.loads(pickle.dumps(model)).predict(X),
    "train_on_batch": lambda model, X, y: model.train_on_batch(X, y),
    "fit": lambda model, X, y: model.fit(X, y),
    "build": lambda model, X, y: model.build((19,)),
    "compile": lambda model, X, y: model.compile("adam"),
}


@pytest.mark.parametrize("name", USES)
def test_threads_that_use_a_model_first_build_it_once(rng, name):
    X, y = labelled(rng, 20)
    model = pn.Sequential([pn.Dense(5, weight_init=Watched())], seed=0)
    model.compile()
    DRAWN.clear()
    with ThreadPoolExecutor(1) as pool:
        others = []
        use = lambda: USES[name](model, X, y)  # noqa: E731
        START.append(lambda: others.append(start_in_another_thread(pool, use)))
        model.build((19,))
        if name == "build":
            with pytest.raises(ValueError, match="already built"):
                others[0].result(PATIENCE)
        else:
            others[0].result(PATIENCE)
    assert DRAWN == [(5, 19)]


@pytest.mark.parametrize("name", [name for name in USES if name not in ("build", "compile")])
def test_a_build_that_is_undone_is_never_seen(rng, name):
    """The data of another thread have another shape and determine the build."""
    X, y = labelled(rng, 20)
    model = pn.Sequential([pn.Dense(5)], seed=0)
    model.compile()
    with ThreadPoolExecutor(1) as pool:
        others = []

        class Labels:
            def __array__(self, dtype=None, copy=None):
                use = lambda: USES[name](model, X, y)  # noqa: E731
                others.append(start_in_another_thread(pool, use))
                return np.full(20, 7)

        with pytest.raises(ValueError, match="y must"):
            model.fit(X[:, :3], Labels())
        others[0].result(PATIENCE)
    assert model.input_shape == (None if name == "pickle" else (19,))


# ---- arrays that outlive a model ---------------------------------------------------------------


def test_arrays_stay_as_they_are_when_their_model_is_gone():
    """In a process of its own: memory that is gone would end it."""
    run_code(
        """
        import gc
        import numpy as np
        import prelunet as pn

        layers = [pn.Dense(700), pn.PReLU(), pn.Dense(5)]
        model = pn.Sequential(layers, input_shape=(900,), seed=0)
        model.compile(pn.Adam())
        X, y = np.ones((300, 900)), np.zeros(300, int)
        model.fit(X, y)
        outputs, backward = model.vjp(X)
        grad_x, gradients = backward(outputs)
        arrays = [outputs, grad_x, model.predict(X), *gradients.values()]
        arrays += [*model.parameters().values(), *model.trace(X, y).values()]
        arrays += [*model.loss_and_gradients(X, y)[1].values(), *model.engine.core.gradients()]
        arrays += [values for slot in model.engine.core.state("test")[1] for values in slot]
        copies = [np.array(values) for values in arrays]
        model.compile("sgd")
        del model, backward
        gc.collect()
        for seed in range(3):  # takes the memory, were it free
            other = pn.Sequential(layers, input_shape=(900,), seed=seed)
            other.compile(pn.Adam())
            other.fit(X, y)
        for found, expected in zip(arrays, copies, strict=True):
            assert found.tobytes() == expected.tobytes()
        """
    )


# ---- what does not fit changes nothing ---------------------------------------------------------


def test_an_engine_takes_all_of_a_state_or_nothing(rng):
    model = mlp(optimizer=pn.Adam())
    model.fit(*labelled(rng, 50))
    network, before = model.engine.core, digest(model)
    ones = {i: np.ones((1, *values.shape)) for i, values in enumerate(network.values())}
    last = max(ones)
    for wrong in (ones[last][:, :-1], ones[last][0], np.full(ones[last].shape, "a")):
        bad = ones | {last: wrong}
        for parameters, *slots in ((bad, ones, ones), (ones, ones, bad), (ones, bad, ones)):
            with pytest.raises((TypeError, ValueError), match=r"^load: "):
                network.restore("load", parameters, slots, 7)
        with pytest.raises((TypeError, ValueError), match=r"^set_parameters: "):
            network.write_parameters(bad)
    with pytest.raises(ValueError, match=r"^load: slots must be 2, got 1"):
        network.restore("load", ones, [ones], 7)
    assert digest(model) == before
    network.restore("load", ones, [ones, ones], 7)
    assert model.steps_trained == 7
    assert all((values == 1).all() for slot in network.state("test")[1] for values in slot)
    assert all((values == 1).all() for values in network.values())
