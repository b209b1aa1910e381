"""Memory is parameters, gradients, state and one block, whatever the batch; steps reuse it."""

from __future__ import annotations

import json

import pytest

from memory_use import needs_linux
from subprocesses import run_code

pytestmark = needs_linux

MEGABYTE = 2**20
PAGE = 4096

# What the scripts below begin with.
MEASURE = """
import json, sys
import numpy as np
import prelunet as pn
from memory_use import faults, peak
from network_models import dense

def network(features, *widths):
    layers = []
    for units in widths[:-1]:
        layers += [dense(units), pn.PReLU(), pn.Dropout(0.1)]
    layers.append(pn.Residual([dense(8), pn.PReLU(), dense(widths[-2])], step=0.1))
    model = pn.Sequential([*layers, dense(widths[-1])], input_shape=(features,), seed=1)
    model.compile(pn.Adam(1e-3), metrics=["accuracy"])
    return model

def data(rows, features):
    X = np.broadcast_to(np.linspace(-1, 1, features, dtype=np.float32), (rows, features))
    return X, np.zeros(rows, np.uint8)
"""


def measured(code, *arguments):
    """Return what a script prints as JSON."""
    return json.loads(run_code(MEASURE + code, *arguments))


WIDTH = 1024
ROWS = 20_000
A_LAYER = WIDTH * ROWS * 4  # bytes of one layer's outputs for all rows
# What may grow with the rows: labels, order, weights and losses, a few numbers of 8 bytes each.
ALLOWED = ROWS * 8 * 8 + 2 * MEGABYTE


@pytest.mark.parametrize("threads", [2])
def test_memory_does_not_grow_with_the_batch(threads):
    peaks = measured(
        f"""
pn.set_num_threads(int(sys.argv[1]))
X, y = data({ROWS}, 8)
model = network(8, {WIDTH}, 4)
calls = {{
    "train_on_batch": lambda: model.train_on_batch(X, y),
    "train_epoch": lambda: model.train_epoch(X, y, order=np.arange({ROWS}), batch_size=None),
    "gradients": lambda: model.loss_and_gradients(X, y),
    "evaluate": lambda: model.evaluate(X, y),
    "predict": lambda: model.predict(X),
}}
model.fit(X[:600], y[:600], batch_size=600)
model.evaluate(X[:600], y[:600])
print(json.dumps({{name: peak(call) for name, call in calls.items()}}))
""",
        threads,
    )
    for name, growth in peaks.items():
        assert growth <= ALLOWED, f"{name} took {growth:,} bytes"
    assert ALLOWED * 10 < A_LAYER  # so that one forgotten layer would show


STEPS = 300


@pytest.mark.parametrize("threads", [2])
def test_steps_after_the_first_take_no_new_memory(threads):
    few, many = measured(
        f"""
pn.set_num_threads(int(sys.argv[1]))
X, y = data(200, 64)
model = network(64, 200, 200, 5)
order = np.zeros({STEPS} * 200, np.uint8)

def steps(count):
    return lambda: model.train_epoch(X, y, order=order[: count * 200], batch_size=200)

steps({STEPS})()
print(json.dumps([faults(steps(1)), faults(steps({STEPS}))]))
""",
        threads,
    )
    order = STEPS * 200 * 8 / PAGE  # the call's own copy of the order
    assert many - few < order + STEPS / 10  # the least one could take is a page for each step


@pytest.mark.parametrize("threads", [1, 2])
def test_calls_after_the_first_take_no_new_memory(threads):
    calls = 100
    counts = measured(
        f"""
pn.set_num_threads(int(sys.argv[1]))
X, y = data(200, 64)
model = network(64, 200, 200, 5)
kinds = {{
    "train_on_batch": lambda: model.train_on_batch(X, y),
    "evaluate": lambda: model.evaluate(X, y),
    "predict": lambda: model.predict(X),
}}

def repeat(call):
    def calls():
        for _ in range({calls}):
            call()

    return calls

for call in kinds.values():
    repeat(call)()
print(json.dumps({{name: faults(repeat(call)) for name, call in kinds.items()}}))
""",
        threads,
    )
    for name, count in counts.items():
        assert count < calls / 2, f"{name}: {count} page faults in {calls} calls"


def test_nothing_leaks():
    growth = measured(
        """
import copy, pickle

X, y = data(300, 64)

def live():
    model = network(64, 300, 300, 5)
    model.fit(X, y, epochs=2)
    views = model.parameters()
    _, gradients = model.loss_and_gradients(X, y)
    model.set_parameters(views)
    model.predict(X)
    model.evaluate(X, y, sample_weight=np.ones(300))
    for bad in (lambda: model.fit(X, y + 9), lambda: model.predict(X[:, 1:])):
        try:
            bad()
        except ValueError:
            pass
    return pickle.loads(pickle.dumps(copy.deepcopy(model)))

def lives(count):
    for _ in range(count):
        live()

lives(5)
print(json.dumps(peak(lambda: lives(30))))
"""
    )
    # A model's parameters, gradients and moments alone are 1.8 MB: 30 of them would show.
    assert growth < 20 * MEGABYTE


def test_a_compile_that_finds_no_memory_leaves_the_model_compiled_as_it_was():
    run_code(
        """
        import resource
        import numpy as np
        import prelunet as pn

        def made():
            layers = [pn.Dense(4000, "relu"), pn.Dense(3)]
            model = pn.Sequential(layers, input_shape=(4000,), seed=0)
            model.compile(pn.SGD(0.01))
            model.train_on_batch(X, y)
            return model

        X, y = np.ones((8, 4000), np.float32), np.zeros(8, int)
        expected = made().train_on_batch(X, y)
        model = made()
        pages = int(open("/proc/self/statm").read().split()[0])
        limit = pages * resource.getpagesize() + 100 * 2**20  # a slot takes 64 MB, Adam's two
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            model.compile(pn.Adam())
        except MemoryError:
            pass
        else:
            raise AssertionError("there was memory")
        assert model.engine.compiled.optimizer == pn.SGD(0.01)
        assert model.steps_trained == 1
        assert model.train_on_batch(X, y) == expected
        """
    )
