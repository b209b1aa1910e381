"""The same bits for any number of threads, on each ISA with FMA, for any blocks and slices."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import prelunet as pn
from network_models import activation_layer, dense, inputs, labelled, mlp, parameter_copies
from network_runs import DTYPES, ROWS, RUNS, all_runs, train
from prelunet import _core
from subprocesses import run_python, skip_unless_available
from tolerances import assert_same_bits

ISAS = ["baseline", "avx2", "avx512", "neon"]
NAMES = [(run, dtype) for run in RUNS for dtype in DTYPES]


def assert_same(results, expected, label):
    """Assert that two dictionaries hold the same bits."""
    assert list(results) == list(expected)
    for name, values in expected.items():
        assert_same_bits(results[name], values, f"{label}: {name}")


def assert_same_model(model, other, label=""):
    """Assert that two models have the same parameters."""
    assert_same(model.parameters(), other.parameters(), label)


# ---- threads -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_thread():
    """Return the results of every run with one thread."""
    before = pn.get_num_threads()
    results = all_runs(1)
    pn.set_num_threads(before)
    return results


@pytest.mark.parametrize("threads", [2, 3, pytest.param(4, marks=pytest.mark.slow)])
def test_any_number_of_threads_trains_the_same_bits(one_thread, threads):
    assert_same(all_runs(threads), one_thread, f"{threads} threads")


def test_a_long_run_of_tiny_steps_trains_the_same_bits(rng):
    """A team takes such steps over from one thread, and leaves them, while they run."""
    X = rng.normal(size=(80_000, 2)).astype(np.float32)
    y = rng.integers(2, size=80_000)
    models = []
    for threads in (1, 2, 3):
        pn.set_num_threads(threads)
        layers = [pn.Dense(10), pn.Tanh(), pn.Dense(2)]
        models.append(pn.Sequential(layers, input_shape=(2,), seed=0))
        models[-1].compile(pn.SGD(0.1), "softmax_cross_entropy")
        for _ in range(60):  # a tenth of a second; teams are compared after a fortieth
            logs = models[-1].train_epoch(X, y, batch_size=200)
        assert np.isfinite(logs["loss"])
        assert_same_model(models[-1], models[0], f"{threads} threads")


def test_the_runs_train(one_thread):
    """Bits that are equal because nothing moves, or because all is NaN, would show nothing."""
    for name in RUNS:
        for dtype in DTYPES:
            results = {
                key.partition(": ")[2]: values
                for key, values in one_thread.items()
                if key.startswith(f"{name} {dtype}: ")
            }
            assert all(np.isfinite(values).all() for values in results.values())
            assert len(np.unique(results["predict"])) > ROWS
            for key in [key for key in results if key.startswith("gradient of")]:
                assert results[key].any(), f"{name}: {key}"


@pytest.mark.parametrize("units", [8, 24, 40, 56, 104, 200, 392])
@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_an_update_packs_what_a_new_model_packs(rng, dtype, units, threads):
    """Threads share a weight's rows by eight; a block that is packed may be longer."""
    X, y = labelled(rng, 64, (70,), units, dtype)
    models = []
    for _ in range(2):
        model = pn.Sequential(
            [pn.Dense(units, activation="relu"), pn.Dense(units)], dtype=dtype, seed=1
        )
        model.compile(pn.SGD(0.1))
        model.build((70,))
        models.append(model)
    pn.set_num_threads(threads)
    models[0].fit(X, y, epochs=2, batch_size=64)
    models[1].copy_from(models[0])
    assert_same_bits(models[0].predict(X), models[1].predict(X))


def assert_one_call_is_many(rng, dtype, optimizer, *, units, features, rows):
    """Assert that 9 steps of one call, by 1 to 3 threads, are those of 9 calls."""
    X, y = labelled(rng, 9 * rows, (features,), 3, dtype)
    models = []
    for threads in (None, 1, 2, 3):
        model = pn.Sequential(
            [pn.Dense(units, "tanh"), pn.Dense(3)], input_shape=(features,), dtype=dtype, seed=1
        )
        model.compile(optimizer)
        pn.set_num_threads(threads or 1)
        if threads is not None:
            model.fit(X, y, batch_size=rows, shuffle=False)
        else:
            for begin in range(0, len(X), rows):
                model.train_on_batch(X[begin : begin + rows], y[begin : begin + rows])
        models.append(model)
    for model in models[1:]:
        assert_same_model(model, models[0])
        assert_same_bits(model.predict(X[:5]), models[0].predict(X[:5]))


@pytest.mark.parametrize("optimizer", [pn.SGD(0.1, momentum=0.9), pn.Adam(0.01)])
@pytest.mark.parametrize("features", [2, 63, 81])
@pytest.mark.parametrize("units", [2, 10, 31, 48, 50, 58, 66, 75, 91, 96, 100, 112])
def test_many_steps_in_a_call_are_those_of_many_calls(rng, dtype, units, features, optimizer):
    """In one call the lowest weight lies as its products read it, and its gradient is made so."""
    sizes = {"units": units, "features": features, "rows": 300}  # a batch takes two blocks
    assert_one_call_is_many(rng, dtype, optimizer, **sizes)


@pytest.mark.parametrize("features", [128, 200])
@pytest.mark.parametrize("units", [46, 48, 50, 110])
def test_many_steps_that_look_ahead_are_those_of_many_calls(rng, dtype, units, features):
    """Products of so much ask for what comes next: of all there is, a tile lists what it can."""
    sizes = {"units": units, "features": features, "rows": 256}
    assert_one_call_is_many(rng, dtype, pn.Adam(0.01), **sizes)


# ---- instruction sets --------------------------------------------------------------------------


# Three threads on two CPUs take three times as long as two. On the ISA of this process they train
# in test_any_number_of_threads_trains_the_same_bits.
TEAM = min(3, max(2, pn.show_config(mode="dicts")["cpus"]))


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Return a function that gives an ISA's runs with 1 and TEAM threads, computed once."""
    folder, computed = tmp_path_factory.mktemp("isas"), {}

    def results(isa):
        skip_unless_available(isa)
        if isa not in computed:
            path = folder / f"{isa}.npz"
            run_python("network_runs.py", path, 1, TEAM, environment={"PRELUNET_ISA": isa})
            with np.load(path) as file:
                computed[isa] = dict(file)
        return computed[isa]

    return results


def of_threads(bundle, threads):
    """Return the results of a bundle with that many threads."""
    prefix = f"{threads} threads, "
    found = {k.removeprefix(prefix): v for k, v in bundle.items() if k.startswith(prefix)}
    assert found
    return found


@pytest.mark.parametrize("isa", ISAS)
def test_the_forced_isa_runs_and_threads_do_not_matter(bundles, isa):
    bundle = bundles(isa)
    assert bundle["isa"] == isa
    assert_same(of_threads(bundle, TEAM), of_threads(bundle, 1), isa)


def test_avx2_and_avx512_train_the_same_bits(bundles):
    avx2, avx512 = bundles("avx2"), bundles("avx512")
    assert_same(of_threads(avx512, TEAM), of_threads(avx2, 1), "AVX-512 and AVX2")


def test_this_process_trains_the_bits_of_its_isa(bundles, one_thread):
    isa = pn.show_config(mode="dicts")["isa"]
    expected = {name.replace("/", "-"): values for name, values in one_thread.items()}
    assert_same(of_threads(bundles(isa), 1), expected, isa)


# ---- rows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", [(19,), (1,), (4, 3, 2)])
def test_a_row_alone_is_predicted_as_among_others(rng, dtype, shape, threads):
    pn.set_num_threads(threads)
    rows = 203
    for activation in ("prelu-channel", "prelu-shared", "gelu"):
        model = mlp(shape, (47, 18, 7), activation=activation, dtype=np.dtype(dtype).name)
        X = inputs(rng, rows, shape)
        together = model.predict(X)
        alone = np.concatenate([model.predict(X[i : i + 1]) for i in range(rows)])
        assert_same_bits(together, alone, activation)
        assert_same_bits(model.predict(X[::-1])[::-1], alone, activation)


def test_predictions_of_a_team_are_those_of_one_thread(rng, dtype):
    X = inputs(rng, 5001, dtype=dtype)
    model = mlp(dtype=np.dtype(dtype).name)
    pn.set_num_threads(1)
    expected = model.predict(X)
    for threads in (2, 3, 4):
        pn.set_num_threads(threads)
        assert_same_bits(model.predict(X), expected, f"{threads} threads")


# ---- the plan ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RUNS)
def test_fused_steps_give_the_bits_of_plain_ones(monkeypatch, one_thread, name, dtype):
    pn.set_num_threads(1)
    plain = {
        "float32": partial(_core.Engine32, fuse=False),
        "float64": partial(_core.Engine64, fuse=False),
    }
    monkeypatch.setattr("prelunet.engine.CORES", plain)
    for result, values in train(dtype, **RUNS[name]).items():
        assert_same_bits(values, one_thread[f"{name} {dtype}: {result}"], result)


def test_an_activation_inside_dense_is_a_layer_after_it(rng):
    X, y = labelled(rng, 300)
    inside = [dense(33, activation=activation_layer("prelu-channel")), dense(5)]
    after = [dense(33), activation_layer("prelu-channel"), dense(5)]
    models = []
    for layers in (inside, after):
        model = pn.Sequential(layers, input_shape=(19,), seed=2)
        model.compile(pn.Adam(1e-3))
        model.fit(X, y, epochs=2)
        models.append(model)
    for values, expected in zip(*(m.parameters().values() for m in models), strict=True):
        assert_same_bits(values, expected)
    assert_same_bits(models[0].predict(X), models[1].predict(X))


# ---- slices and blocks -------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [pn.SGD(0.1, momentum=0.9), pn.Adam(1e-3)])
def test_an_epoch_in_slices_is_an_epoch(rng, optimizer):
    X, y = labelled(rng, 500)
    order = rng.permutation(500)
    weights = rng.uniform(size=500)
    whole, sliced, single = (mlp(optimizer=optimizer) for _ in range(3))
    whole.train_epoch(X, y, order=order, batch_size=23, sample_weight=weights)
    for begin in range(0, 500, 4 * 23):
        part = order[begin : begin + 4 * 23]
        sliced.train_epoch(X, y, order=part, batch_size=23, sample_weight=weights)
    for begin in range(0, 500, 23):
        part = order[begin : begin + 23]
        single.train_on_batch(X[part], y[part], sample_weight=weights[part])
    assert_same_model(sliced, whole, "slices")
    assert_same_model(single, whole, "single batches")


def test_fit_with_callbacks_trains_the_bits_of_fit_without(rng):
    X, y = labelled(rng, 333)
    plain, watched = mlp(), mlp()
    history = plain.fit(X, y, epochs=3, batch_size=10)
    batches = []
    callback = pn.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(batch))
    watched_history = watched.fit(X, y, epochs=3, batch_size=10, callbacks=[callback])
    assert len(batches) == 3 * 34
    assert_same_model(watched, plain)
    assert history["loss"] == watched_history["loss"]


@pytest.mark.parametrize("alphas", ["channel", "shared"])
def test_blocks_give_the_bits_of_ops_on_the_whole_batch(rng, dtype, alphas):
    rows = 600
    X, y = labelled(rng, rows, dtype=dtype)
    model = pn.Sequential(
        [dense(33), activation_layer(f"prelu-{alphas}"), dense(5)],
        input_shape=(19,),
        dtype=np.dtype(dtype).name,
        seed=9,
    )
    model.compile(loss="softmax_cross_entropy")
    p = parameter_copies(model)
    z = pn.ops.gemm(X, p["0.weight"], transpose_b=True, bias=p["0.bias"])
    a = pn.ops.prelu_forward(z, p["1.alpha"])
    logits = pn.ops.gemm(a, p["2.weight"], transpose_b=True, bias=p["2.bias"])
    loss, grad_logits = pn.ops.softmax_cross_entropy(logits, y)
    grad_a = pn.ops.gemm(grad_logits, p["2.weight"])
    grad_z, grad_alpha = pn.ops.prelu_backward(grad_a, z, p["1.alpha"])
    expected = {
        "0.weight": pn.ops.gemm(grad_z, X, transpose_a=True),
        "0.bias": pn.ops.column_sums(grad_z),
        "1.alpha": grad_alpha,
        "2.weight": pn.ops.gemm(grad_logits, a, transpose_a=True),
        "2.bias": pn.ops.column_sums(grad_logits),
    }
    _, gradients = model.loss_and_gradients(X, y)
    assert_same(gradients, expected, "gradients")
    assert model.evaluate(X, y)["loss"] == loss
    assert_same_bits(model.predict(X), logits)
