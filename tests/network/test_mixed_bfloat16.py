"""Models of dtype "mixed_bfloat16": their bits, per order of sums, and what they promise."""

from __future__ import annotations

import copy
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import prelunet as pn
from bfloat16_runs import RATE, SIZES, case, network
from network_models import twin
from prelunet import _core
from prelunet.dtypes import ORDERS
from reference.bfloat16 import from_bfloat16
from reference.mixed_bfloat16 import sgd_step
from sparse_rows import Csr
from subprocesses import run_python
from tolerances import assert_same_bits

THREADS = (1, 2, 3, 4)
CONFIG = pn.show_config(mode="dicts")
needs_fma = pytest.mark.skipif(
    CONFIG["isa"] == "baseline", reason="float32 has other bits on the baseline ISA"
)


@pytest.fixture(scope="module", params=ORDERS)
def order(request):
    return request.param


@pytest.fixture(scope="module")
def results(order, tmp_path_factory):
    """Return what a process with that order computes, on the instruction where there is one."""
    return run(tmp_path_factory, {"PRELUNET_BF16": order}, *THREADS)


def run(tmp_path_factory, environment, *threads):
    path = tmp_path_factory.mktemp("bfloat16") / "results.npz"
    run_python("bfloat16_runs.py", path, *threads, environment=environment)
    with np.load(path) as bundle:
        return dict(bundle)


def of(results, threads):
    start = f"{threads} threads "
    return {n.removeprefix(start): a for n, a in results.items() if n.startswith(start)}


# ---- bits --------------------------------------------------------------------------------------


@needs_fma
@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "x".join(map(str, sizes)))
def test_a_step_has_the_oracles_bits(results, order, sizes):
    assert results["bfloat16_order"] == order
    name = "x".join(map(str, sizes))
    found = {
        key.removeprefix(f"{name} "): value
        for key, value in of(results, 1).items()
        if key.startswith(f"{name} ")
    }
    model, X, y = case(*sizes)
    other = twin(model)
    outputs, gradients, updated = sgd_step(other.layers, X, y, order, RATE)
    assert_same_bits(found["predict"], outputs)
    for key, gradient in other.renamed(gradients).items():
        assert_same_bits(found[f"gradient of {key}"], gradient, key)
    for key, full in other.names.items():
        index, _, parameter = key.partition(".")
        assert_same_bits(found[full], updated[int(index)][parameter], full)


def test_threads_do_not_change_the_bits(results):
    expected = of(results, 1)
    for threads in THREADS[1:]:
        for name, array in of(results, threads).items():
            assert_same_bits(array, expected[name], f"{threads} threads: {name}")


@needs_fma
def test_emulation_has_the_instructions_bits(results, order, tmp_path_factory):
    if "avx2" not in CONFIG["isas_available"]:
        pytest.skip("this machine has no AVX2")
    emulated = run(tmp_path_factory, {"PRELUNET_BF16": order, "PRELUNET_ISA": "avx2"}, 2)
    assert emulated["bfloat16_runs_on"] == "emulation"
    for name, array in of(emulated, 2).items():
        assert_same_bits(array, of(results, 2)[name], name)


def test_a_row_does_not_depend_on_its_neighbors(rng):
    X = rng.integers(256, size=(300, 9, 8, 2)).astype(np.uint8)
    model = network()
    whole = model.predict(X)
    for rows in (slice(0, 1), slice(17, 18), slice(3, 36), slice(31, 300)):
        assert_same_bits(model.predict(X[rows]), whole[rows])


def test_fusion_and_blocks_do_not_change_the_bits(rng):
    X = rng.integers(256, size=(1100, 9, 8, 2)).astype(np.uint8)
    y = rng.integers(10, size=1100)
    model = network()
    _, gradients = model.loss_and_gradients(X, y)  # blocks of 256 rows
    plain = model.engine.copy("test", fuse=False)
    rows, targets = plain.rows("test", X), plain.core.targets("test", y, None)
    assert_same_bits(plain.core.predict(rows), model.predict(X))
    tape = plain.tape("test", rows, targets, training=True)  # one block
    whole, blocks = tape.backward_from_loss()[1], plain.core.loss_and_gradients(rows, targets)[1]
    for name, one, many in zip(gradients, whole, blocks, strict=True):
        assert_same_bits(one, gradients[name], name)
        assert_same_bits(many, gradients[name], name)


def test_training_leaves_all_panels_current(rng):
    X, y = rng.standard_normal((160, 65)).astype(np.float32), rng.integers(64, size=160)
    layers = [pn.Dense(64), pn.ReLU(), pn.Dense(64)]
    model = pn.Sequential(layers, input_shape=(65,), dtype="mixed_bfloat16", seed=0)
    model.compile(pn.SGD(0.1))
    model.fit(X, y, batch_size=16, verbose=False)  # enough steps to skip the panels of grad_x
    fresh = copy.deepcopy(model)  # packs its panels anew
    (outputs, backward), (expected, fresh_backward) = model.vjp(X), fresh.vjp(X)
    assert_same_bits(outputs, expected)
    grad = rng.standard_normal((160, 64)).astype(np.float32)
    assert_same_bits(backward(grad)[0], fresh_backward(grad)[0])


# ---- which layers ------------------------------------------------------------------------------


def trained(dtype, widths, features=63):
    rng = np.random.default_rng(1)
    layers = [layer for units in widths for layer in (pn.Dense(units), pn.Tanh())]
    model = pn.Sequential(layers, input_shape=(features,), dtype=dtype, seed=2)
    model.compile(pn.Adam(), "mean_squared_error")
    X = rng.standard_normal((40, features))
    model.fit(X, rng.standard_normal((40, widths[-1])), epochs=2, batch_size=16, verbose=False)
    return {name: values.copy() for name, values in model.parameters().items()}


@pytest.mark.parametrize("width", [1, 15, 16, 17, 31, 32, 33, 63])
def test_narrow_layers_are_float32(width):
    mixed, plain = (trained(dtype, (width, 200, 63)) for dtype in ("mixed_bfloat16", "float32"))
    for name, values in plain.items():
        assert_same_bits(mixed[name], values, name)


# Bits of the parameters, of the gradients and of a trace, of models that train on few rows.
def few_rows(dtype, rows):
    rng = np.random.default_rng(rows)
    X = rng.standard_normal((70, 65)).astype(np.float32)
    y = rng.integers(64, size=70)
    layers = [pn.Dense(64), pn.PReLU(), pn.Residual([pn.Dense(64), pn.Tanh()]), pn.Dense(64)]
    model = pn.Sequential(layers, input_shape=(65,), dtype=dtype, seed=4)
    model.compile(pn.Adam(1e-2, clip_norm=1.0 if rows == 7 else None))
    model.fit(X, y, epochs=2, batch_size=rows, verbose=False)
    model.train_on_batch(X[:rows], y[:rows])
    outputs, backward = model.vjp(X[:rows])
    _, gradients = backward(outputs)
    model.apply_gradients(gradients)
    found = dict(model.loss_and_gradients(X[:rows], y[:rows])[1])
    found |= {f"{name} after": values.copy() for name, values in model.parameters().items()}
    return model, X, found | {"outputs": outputs}


@pytest.mark.parametrize("rows", [1, 7, 15, 16])
def test_gradients_of_few_rows_are_float32(rows):
    (mixed, X, found), (_, _, plain) = (few_rows(d, rows) for d in ("mixed_bfloat16", "float32"))
    for name, values in plain.items():
        if rows < 16:
            assert_same_bits(found[name], values, name)
        else:
            assert not np.array_equal(found[name], values), name
    # Outputs are bfloat16 for any number of rows, with the parameters of the last update.
    fresh = copy.deepcopy(mixed)
    assert_same_bits(mixed.predict(X[:rows]), fresh.predict(X)[:rows])


@pytest.mark.parametrize("batch_size", [15, 16])
def test_calls_of_single_steps_have_the_bits_of_one_call(rng, batch_size):
    class EachStep(pn.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    X, y = rng.standard_normal((3 * batch_size + 5, 65)), rng.integers(64, size=3 * batch_size + 5)
    outputs = []
    for callbacks in ([], [EachStep()]):
        layers = [pn.Dense(64), pn.ReLU(), pn.Dense(64)]
        model = pn.Sequential(layers, input_shape=(65,), dtype="mixed_bfloat16", seed=0)
        model.compile(pn.SGD(0.1))
        model.fit(X, y, epochs=2, batch_size=batch_size, callbacks=callbacks, verbose=False)
        outputs.append(model.predict(X))
    assert_same_bits(*outputs)


def test_few_and_many_rows_alternate(rng):
    X, y = rng.standard_normal((40, 65)).astype(np.float32), rng.integers(64, size=40)

    def model():
        layers = [pn.Dense(64), pn.ReLU(), pn.Dense(64)]
        made = pn.Sequential(layers, input_shape=(65,), dtype="mixed_bfloat16", seed=0)
        made.compile(pn.SGD(0.1, momentum=0.9))
        return made

    one = model()
    for rows in (8, 40, 8, 8, 40, 40, 8):
        before = copy.deepcopy(one)  # packs its weights anew
        for each in (one, before):
            each.train_on_batch(X[:rows], y[:rows])
        for name, values in before.parameters().items():
            assert_same_bits(one.parameters()[name], values, name)
        assert_same_bits(one.predict(X), copy.deepcopy(one).predict(X))
        assert one.evaluate(X, y) == copy.deepcopy(one).evaluate(X, y)


def test_threads_may_be_the_first_to_compute_gradients_of_few_rows(rng):
    X = rng.standard_normal((4, 64)).astype(np.float32)
    layers = [pn.Dense(256, "relu"), pn.Dense(256, "relu"), pn.Dense(8)]
    model = pn.Sequential(layers, input_shape=(64,), dtype="mixed_bfloat16", seed=0)
    expected = model.vjp(X)[0]
    for _ in range(60):
        new = copy.deepcopy(model)
        together = threading.Barrier(4)

        def outputs(new=new, together=together):
            together.wait()
            return new.vjp(X)[0]

        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(outputs) for _ in range(4)]
        for future in futures:
            assert_same_bits(future.result(), expected, "outputs")


def test_wide_layers_round_their_operands(rng):
    model = pn.Sequential([pn.Dense(64)], input_shape=(64,), dtype="mixed_bfloat16", seed=0)
    X = rng.standard_normal((5, 64)).astype(np.float32)
    rounded = from_bfloat16(pn.ops.to_bfloat16(X))
    assert_same_bits(model.predict(X), model.predict(rounded))
    assert not np.array_equal(rounded, X)
    weight = pn.ops.to_bfloat16(model.parameters()["0.weight"].copy())
    assert_same_bits(model.predict(X), pn.ops.bfloat16_gemm(X, from_bfloat16(weight).T.copy()))


# ---- the promises ------------------------------------------------------------------------------


def test_dtypes_of_a_model():
    model = network()
    assert (model.dtype, model.compute_dtype) == ("mixed_bfloat16", "bfloat16")
    assert model.variable_dtype == "float32"
    assert {values.dtype.name for values in model.parameters().values()} == {"float32"}
    for dtype in ("float32", "float64"):
        plain = pn.Sequential([pn.Dense(1)], dtype=dtype)
        assert (plain.compute_dtype, plain.variable_dtype) == (dtype, dtype)
    for name in ("compute_dtype", "variable_dtype"):
        with pytest.raises(AttributeError):
            setattr(model, name, "float32")


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_files_hold_dtype_and_order(tmp_path, rng, ending):
    if ending == "safetensors":
        pytest.importorskip("safetensors")
    X, y = rng.integers(256, size=(50, 9, 8, 2)).astype(np.uint8), rng.integers(10, size=50)
    model = network()
    model.fit(X, y, epochs=1, verbose=False)
    path = tmp_path / f"m.{ending}"
    model.save(path)
    loaded = pn.load(path)
    assert loaded.dtype == "mixed_bfloat16"
    assert_same_bits(loaded.predict(X), model.predict(X))
    assert loaded.engine.bfloat16_order == _core.bfloat16()[0]
    assert network().engine.copy("test", dtype="float32").bfloat16_order is None


RESUME = """
import sys
import numpy as np
import prelunet as pn
from bfloat16_runs import network

rng = np.random.default_rng(0)
X, y = rng.integers(256, size=(50, 9, 8, 2)).astype(np.uint8), rng.integers(10, size=50)
model = network()
try:
    model.fit(X, y, epochs=int(sys.argv[2]), callbacks=[pn.Checkpoint(sys.argv[1])], verbose=False)
    print("trained", model.epochs_trained)
except ValueError as error:
    print(error)
model.save(sys.argv[3])
"""


def test_a_run_resumes_in_its_order_only(tmp_path):
    def resume(order, epochs):
        arguments = (tmp_path / "a.ckpt", epochs, tmp_path / "m.npz")
        return run_python("-c", RESUME, *arguments, environment={"PRELUNET_BF16": order})

    assert resume("vdpbf16", 1) == "trained 1\n"
    message = resume("amx", 2)
    assert "bfloat16_order was 'vdpbf16', is 'amx'" in message
    assert "PRELUNET_BF16=vdpbf16" in message
    assert resume("vdpbf16", 2) == "trained 2\n"
    model = pn.load(tmp_path / "m.npz")
    assert model.engine.bfloat16_order == "vdpbf16"
    model.save(tmp_path / "again.npz")  # a copy of what vdpbf16 trained
    assert pn.load(tmp_path / "again.npz").engine.bfloat16_order == "vdpbf16"


def test_gradients_are_checked_in_float64(rng):
    X, y = rng.integers(256, size=(8, 9, 8, 2)).astype(np.uint8), rng.integers(10, size=8)
    assert pn.check_gradients(network(), X, y)


def test_estimators_take_it(rng):
    pytest.importorskip("sklearn")
    X = rng.standard_normal((200, 64)).astype(np.float32)
    y = (X[:, 0] > 0).astype(int)
    options = {"dtype": "mixed_bfloat16", "batch_size": 20, "tol": 1.0, "random_state": 0}
    assert pn.MLPClassifier((64, 64), **options).fit(X, y).score(X, y) > 0.9
    assert (
        pn.MLPRegressor(hidden_layer_sizes=(64,), **options).fit(X, X[:, 0]).score(X, X[:, 0]) > 0.5
    )


@pytest.mark.parametrize("clip_delta", [None, 0.01])
def test_sparse_rows_have_the_bits_of_dense_rows(rng, clip_delta):
    dense = rng.standard_normal((300, 70)).astype(np.float32)
    dense[dense < 0.8] = 0
    y = rng.integers(64, size=300)
    results = []
    for X in (dense, Csr.of(dense)):
        layers = [pn.Dense(65), pn.PReLU("channel"), pn.Dense(64)]
        model = pn.Sequential(layers, input_shape=(70,), dtype="mixed_bfloat16", seed=0)
        model.compile(pn.SGD(0.1, momentum=0.9), clip_delta=clip_delta)
        model.fit(X, y, epochs=2, batch_size=100, verbose=False)
        results.append(model.predict(X))
    assert_same_bits(*results)
