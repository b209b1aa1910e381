"""`fit_many` and `predict_many`: every model as if alone."""

from __future__ import annotations

import os
import re
import signal
import threading

import numpy as np
import pytest

import prelunet as pn
from network_models import labelled, mlp, parameter_copies
from subprocesses import run_python, skip_unless_available
from tolerances import assert_same_bits

KINDS = 8


def mixed(number):
    """Return a compiled model on 19 features and 5 classes; the kind depends on the number."""
    optimizer = pn.Adam(0.01) if number % 2 else pn.SGD(0.05, momentum=0.9)
    kind = number % KINDS
    if kind < 4:
        dtype = "float32" if kind < 2 else "float64"
        return mlp(widths=(8 + number, 5), dtype=dtype, seed=number, optimizer=optimizer)
    layers = {
        4: [pn.Dense(24), pn.ReLU(), pn.Dropout(0.3), pn.Dense(5)],
        5: [pn.Dense(16), pn.Residual([pn.Dense(16), pn.Tanh()]), pn.Dense(5)],
        6: [pn.Dense(25), pn.Dense(64), pn.GELU(), pn.Dense(5)],
        7: [pn.Dense(64), pn.ReLU(), pn.Dense(64), pn.ReLU(), pn.Dense(5)],
    }[kind]
    dtype = "mixed_bfloat16" if kind == 7 else "float32"
    model = pn.Sequential(layers, dtype=dtype, seed=number)
    model.compile(optimizer, metrics=["accuracy"])
    return model


def assert_same_models(found, expected):
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        values = other.parameters()
        for name, array in one.parameters().items():
            assert_same_bits(array, values[name], f"{number} {name}")


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_models_end_with_the_bits_of_single_fits(rng, threads):
    X, y = labelled(rng, 200)
    count = 40
    rows = [None if n % 3 else rng.integers(0, 200, 90 + n) for n in range(count)]
    epochs = [1 + n % 4 for n in range(count)]
    weights = [None if n % 5 else "balanced" for n in range(count)]
    shared = {"batch_size": 32, "validation_data": (X[:50], y[:50])}

    def stopping(number):
        return [pn.EarlyStopping(patience=1, min_delta=0.1)] if number % 7 == 0 else []

    expected, histories = [mixed(n) for n in range(count)], []
    for n, model in enumerate(expected):
        own = (X, y) if rows[n] is None else (X[rows[n]], y[rows[n]])
        options = {"epochs": epochs[n], "class_weight": weights[n], "callbacks": stopping(n)}
        histories.append(model.fit(*own, **options, **shared))
    pn.set_num_threads(threads)
    found = [mixed(n) for n in range(count)]
    each = {"epochs": epochs, "class_weight": weights, "rows": rows}
    results = pn.fit_many(
        found, X, y, callbacks=list(map(stopping, range(count))), **each, **shared
    )
    assert_same_models(found, expected)
    assert [result.to_dict() for result in results] == [one.to_dict() for one in histories]


@pytest.mark.parametrize("isa", ["avx2", "avx512"])
def test_the_bits_are_those_of_single_fits_on_every_isa(isa):
    if "PRELUNET_ISA" in os.environ:
        pytest.skip("PRELUNET_ISA is set: this run is of that ISA alone")
    skip_unless_available(isa)
    name = f"{__file__}::{test_models_end_with_the_bits_of_single_fits.__name__}"
    options = ["-q", "-p", "no:cacheprovider", "-n", "0"]
    run_python("-m", "pytest", *options, name, environment={"PRELUNET_ISA": isa})


@pytest.mark.parametrize("changes", [{"epochs": [3, 4, 9]}, {"rows": [[1] * 3, [1] * 4, [1] * 9]}])
def test_the_longest_training_begins_first(rng, changes):
    X, y = labelled(rng, 40)
    pn.set_num_threads(1)
    begun = []

    def noting(number):
        return [pn.LambdaCallback(on_train_begin=lambda *_: begun.append(number))]

    pn.fit_many([mlp() for _ in range(3)], X, y, callbacks=list(map(noting, range(3))), **changes)
    assert begun == [2, 1, 0]


def test_multiply_adds_say_which_training_is_the_longest(rng):
    """A convolution has few parameters and much work; no model is built before."""
    images, y = rng.normal(size=(40, 12, 12, 1)).astype(np.float32), rng.integers(0, 3, 40)
    pn.set_num_threads(1)
    begun = []
    layers = {
        "dense": [pn.Flatten(), pn.Dense(20), pn.Dense(3)],
        "conv": [pn.Conv2D(8, 5), pn.MaxPool2D(8), pn.Flatten(), pn.Dense(3)],
    }
    models = []
    for own in layers.values():
        models.append(pn.Sequential(own))
        models[-1].compile()
    callbacks = [
        [pn.LambdaCallback(on_train_begin=lambda *_, name=name: begun.append(name))]
        for name in layers
    ]
    pn.fit_many(models, images, y, callbacks=callbacks)
    parameters = [model.parameters_vector().size for model in models]
    assert parameters[0] > parameters[1]
    assert begun == ["conv", "dense"]


class Bar:
    """Notes what a bar of tqdm would show."""

    shown: list

    def __init__(self, total, bar_format, **_):
        self.total, self.bar_format, self.n = total, bar_format, 0
        self.shown = []
        Bar.last = self

    def refresh(self):
        self.shown.append((self.n, self.bar_format.partition(" |")[0]))

    def close(self):
        self.shown.append("closed")


@pytest.mark.parametrize("threads", [1, 2])
def test_one_bar_counts_the_steps_of_all_models(rng, monkeypatch, threads):
    X, y = labelled(rng, 40)
    pn.set_num_threads(threads)
    monkeypatch.setattr("prelunet.callbacks.progress_bar.find_bar_class", lambda stream: Bar)
    models = [mlp(seed=n) for n in range(3)]
    models[1].fit(X, y)  # earlier steps do not count
    callbacks = [[], [], [pn.EarlyStopping("loss", patience=0, min_delta=1e9)]]
    given = {"batch_size": 8, "rows": [None, list(range(30)), None], "callbacks": callbacks}
    pn.fit_many(models, X, y, epochs=[4000, 5, 7], verbose=True, **given)
    assert Bar.last.total == 5 * 4000 + 4 * 5 + 5 * 7
    assert models[2].steps_trained < 5 * 7
    assert Bar.last.shown[-2:] == [(Bar.last.total, "3/3 models"), "closed"]
    made = [steps for steps, _ in Bar.last.shown[:-1]]
    assert made == sorted(made)


def test_without_a_terminal_there_is_a_line_for_each_model(rng, capsys):
    X, y = labelled(rng, 40)
    pn.fit_many([mlp(), mlp()], X, y, epochs=[1, 2], verbose=True)
    lines = capsys.readouterr().err.splitlines()
    assert sorted(line[:11] for line in lines) == ["1/2 models:", "2/2 models:"]
    assert {line[11:] for line in lines} == {f" model {n} is trained" for n in (0, 1)}


def test_row_weights_follow_the_rows(rng):
    X, y = labelled(rng, 60)
    weights, rows = rng.uniform(0.5, 2.0, 60), rng.permutation(60)[:40]
    one, other = mlp(), mlp()
    pn.fit_many([one], X, y, rows=[rows], sample_weight=weights)
    other.fit(X[rows], y[rows], sample_weight=weights[rows])
    assert_same_models([one], [other])


@pytest.mark.parametrize("threads", [1, 2])
def test_an_exception_names_its_model_and_ends_the_others(rng, threads):
    X, y = labelled(rng, 100)
    pn.set_num_threads(threads)
    models = [mlp(seed=n) for n in range(4)]

    def fail(epoch, logs):
        while threads > 1 and models[0].steps_trained == 0:
            pass
        raise ZeroDivisionError

    callbacks = [[], [pn.LambdaCallback(on_epoch_end=fail)], [], []]
    epochs = [10**7, 10**8, 1, 1] if threads > 1 else [1, 2, 1, 1]
    with pytest.raises(ZeroDivisionError) as caught:
        pn.fit_many(models, X, y, epochs=epochs, callbacks=callbacks)
    assert caught.value.__notes__ == ["fit_many: model 1"]
    for model in models:
        assert all(np.isfinite(values).all() for values in model.parameters().values())
        model.fit(X, y)


@pytest.mark.skipif(os.name == "nt", reason="needs a signal to one's own process")
def test_ctrl_c_ends_all_models_and_leaves_them_usable(rng):
    X, y = labelled(rng, 100)
    pn.set_num_threads(2)
    models = [mlp(seed=n) for n in range(3)]
    main = threading.main_thread().ident

    def interrupt():
        while not all(model.steps_trained for model in models[:2]):
            pass
        signal.pthread_kill(main, signal.SIGINT)

    other = threading.Thread(target=interrupt)
    other.start()
    with pytest.raises(KeyboardInterrupt):
        pn.fit_many(models, X, y, epochs=10**7)
    other.join()
    assert models[2].steps_trained == 0
    pn.fit_many(models, X, y)


def test_predictions_are_those_of_each_model(rng):
    X, _ = labelled(rng, 50)
    models = [mlp(seed=n) for n in range(5)]
    expected = np.stack([model.predict(X) for model in models])
    for threads in (1, 2):
        pn.set_num_threads(threads)
        assert_same_bits(pn.predict_many(models, X), expected)
        vectors = np.stack([model.parameters_vector() for model in models])
        before = parameter_copies(models[0])
        assert_same_bits(pn.predict_many(models[0], X, parameters=vectors), expected)
        for name, values in models[0].parameters().items():
            assert_same_bits(values, before[name], name)
    own = [X[: 3 + n] for n in range(5)]
    for outputs, model, rows in zip(pn.predict_many(models, own), models, own, strict=True):
        assert_same_bits(outputs, model.predict(rows))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"epochs": [1]}, ValueError, "epochs must have one item for each of 2 models, got 1"),
        ({"rows": np.arange(3)}, TypeError, "rows must be a list with one item a model, got arr"),
        ({"rows": [[0.5], [1]]}, TypeError, "rows must hold integers of shape (n,), got dtype fl"),
        ({"rows": [[40], [1]]}, ValueError, "rows must be from 0 to 39, got 40 to 40"),
        ({"comm": None}, TypeError, "comm must be an argument of Sequential.fit"),
        ({"callbacks": ()}, TypeError, "callbacks must be a list with one item a model, got ()"),
        ({"verbose": [1, 2]}, TypeError, "verbose must be a bool, an int or 'auto', got [1, 2]"),
        ({"batch_size": [8, 0]}, ValueError, "batch_size (unless None) must be an integer >= 1"),
    ],
    ids=lambda value: None,
)
def test_wrong_arguments_of_fit_many(rng, arguments, error, message):
    X, y = labelled(rng, 40)
    with pytest.raises(error, match=re.escape(message)):
        pn.fit_many([mlp(), mlp()], X, y, **arguments)


def test_wrong_models_and_vectors(rng):
    X, y = labelled(rng, 40)
    model, stopping = mlp(), pn.EarlyStopping("loss")
    with pytest.raises(ValueError, match=r"the same model as models\[0\] and models\[2\]"):
        pn.fit_many([model, mlp(), model], X, y)
    with pytest.raises(TypeError, match=r"models\[1\] must be a Sequential, got 3"):
        pn.fit_many([model, 3], X, y)
    with pytest.raises(TypeError, match="models must be a list of Sequential"):
        pn.fit_many(model, X, y)
    with pytest.raises(ValueError, match="the same EarlyStopping for models 0 and 1"):
        pn.fit_many([model, mlp()], X, y, callbacks=[[stopping], [stopping]])
    with pytest.raises(ValueError, match="must have shape") as caught:
        pn.fit_many([mlp(), mlp(input_shape=(7,))], X, y)
    assert caught.value.__notes__ == ["fit_many: model 1"]
    with pytest.raises(TypeError, match="parameters needs one model"):
        pn.predict_many([model], X, parameters=np.zeros((1, 3)))
    with pytest.raises(TypeError, match="models must be a list, unless parameters is given"):
        pn.predict_many(model, X)
    with pytest.raises(ValueError, match=r"parameters must have shape \(models, \d+\)"):
        pn.predict_many(model, X, parameters=np.zeros((1, 3)))
