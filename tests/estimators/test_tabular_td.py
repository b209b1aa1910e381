"""The preset RealMLP-TD against NumPy with the factors of the paper written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

import prelunet as pn
from tabular_runs import classifier, regressor
from tolerances import assert_close_to_scale, sum_tolerance

TD = {"preset": "realmlp-td"}
WHOLE = {"batch_size": "all", "shuffle": False, "validation_fraction": 0.0, "dtype": "float64"}
SMALL = {**TD, **WHOLE, "hidden_layer_sizes": (7, 6), "dropout": 0.0}
EPOCHS = 8
TOLERANCE = sum_tolerance(10_000 * EPOCHS, np.float64)  # as of the preset RealMLP-TD-S
LEVELS = [*"abcdefghi"]  # nine: more than are one-hot


def table(rng, count=30):
    """Return two numbers, a category of nine levels with a gap, and one of three levels."""
    rows = np.empty((count, 4), object)
    rows[:, :2] = rng.normal(size=(count, 2))
    rows[:, 2] = np.array(LEVELS)[np.arange(count) % 9]
    rows[:, 3] = np.array([*"xyz"])[rng.integers(0, 3, size=count)]
    rows[4, 2] = None
    return rows


def flat_cosine(t):
    return 1.0 if t <= 0.5 else 0.5 + 0.5 * math.cos(math.pi * (2 * t - 1))


def cos_log(t):
    return 0.5 - 0.5 * math.cos(2 * math.pi * math.log2(1 + 15 * t))


def factors(name, values):
    """Return the factor of a parameter in the network, and those of its rate and decay."""
    layer, _, kind = name.rpartition(".")
    if layer in ("hidden_0", "hidden_1", "output"):
        dense = 1 / math.sqrt(values.shape[1]) if kind == "weight" else None
        return (1.0, 0.1, 0.0) if dense is None else (dense, 1.0, 1.0)
    own = {"scale": 6.0, "inputs.numbers.0": 0.1, "activation_0": 0.1, "activation_1": 0.1}
    factor = own.get(layer, 1.0)  # 1 for embeddings
    return 1.0, factor, factor**2  # the authors' program applies the rate's factor twice


def train(network, X, y, rate):
    """Train by Adam on W itself, where the network has W / sqrt(fan_in)."""
    start = network.parameters()
    used = {name: factors(name, values) for name, values in start.items()}
    values = {name: found / used[name][0] for name, found in start.items()}
    moments = {name: (0.0, 0.0) for name in values}
    for step in range(EPOCHS):
        t = step / EPOCHS
        _, gradients = network.loss_and_gradients(X, y)
        for name, gradient in gradients.items():
            inner, own_rate, decay = used[name]
            now = rate * cos_log(t)
            g = gradient * inner
            first = 0.9 * moments[name][0] + 0.1 * g
            second = 0.95 * moments[name][1] + 0.05 * g**2
            moments[name] = first, second
            kept = values[name] * (1 - now * 0.02 * flat_cosine(t) * decay)
            first, second = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.95 ** (step + 1))
            values[name] = kept - now * own_rate * first / (np.sqrt(second) + 1e-8)
        network.set_parameters({name: found * used[name][0] for name, found in values.items()})


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_training_is_that_of_the_paper(task, rng):
    X = table(rng)
    if task == "classification":
        make, y, rate = classifier, np.arange(len(X)) % 3, 0.04
    else:
        make, y, rate = regressor, rng.normal(size=len(X)), 0.2
        y = (y - y.mean()) / y.std()  # so that the outputs are those of the network
    settings = SMALL if task == "classification" else {**SMALL, "clip_predictions": False}
    before = make(**settings, epochs=1, learning_rate=0.0).fit(X, y)
    after = make(**settings, epochs=EPOCHS).fit(X, y)
    network, encoded = before.to_sequential(), before.encode(X)
    train(network, encoded, y if task == "classification" else y[:, np.newaxis], rate)
    expected = network.predict(encoded)
    found = after.to_sequential().predict(encoded)
    assert_close_to_scale(found, expected, TOLERANCE)
    assert abs(expected - before.to_sequential().predict(encoded)).max() > 0.1


def test_the_network_is_that_of_the_paper(rng):
    X, y = table(rng), np.arange(30) % 3
    model = classifier(**SMALL, epochs=2).fit(X, y)
    encoded, p = model.encode(X), model.to_sequential().parameters()
    place = {level: code for code, level in enumerate([None, *LEVELS])}
    assert encoded.shape == (30, 6)
    assert encoded[:, 2].tolist() == [place[level] for level in X[:, 2]]
    late = X[:2].copy()
    late[:, 2] = "unknown", "i"
    assert model.encode(late)[:, 2].tolist() == [0.0, 9.0]
    numbers = []
    prefix = "inputs.numbers.0"
    for feature in range(2):
        x = encoded[:, feature : feature + 1]
        angles = 2 * math.pi * x * p[f"{prefix}.frequency"][feature] + p[f"{prefix}.phase"][feature]
        waves = np.cos(angles) @ p[f"{prefix}.weight"][feature].T + p[f"{prefix}.bias"][feature]
        numbers += [waves, x]
    vectors = p["inputs.category_2.0.weight"][encoded[:, 2].astype(int)]
    x = np.concatenate([*numbers, vectors, encoded[:, 3:]], axis=1) * p["scale.weight"]
    for layer in ("0", "1"):
        z = x @ p[f"hidden_{layer}.weight"].T + p[f"hidden_{layer}.bias"]
        selu = 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z))
        x = z + p[f"activation_{layer}.weight"] * (selu - z)
    expected = x @ p["output.weight"].T + p["output.bias"]
    found = model.to_sequential().predict(encoded)
    assert_close_to_scale(found, expected, sum_tolerance(1000, np.float64))


def test_initial_parameters(rng):
    X, y = rng.normal(size=(300, 12)), rng.integers(0, 3, size=300)
    settings = {**TD, "epochs": 1, "learning_rate": 0.0, "validation_fraction": 0.0}
    model = pn.TabularClassifier(**settings, random_state=0, dtype="float64").fit(X, y)
    network, encoded = model.to_sequential(), model.encode(X)
    p = network.parameters()
    shapes = {name: p[f"inputs.numbers.0.{name}"].shape for name in ("frequency", "weight")}
    assert shapes == {"frequency": (12, 16), "weight": (12, 3, 16)}
    rates = [layer.rate for layer in network.layers if isinstance(layer, pn.Dropout)]
    assert [(rate.initial, rate.flat, rate.steps) for rate in rates] == [(0.15, 0.5, 1)] * 3
    names = ("hidden_0", "hidden_1", "hidden_2", "output")
    for name in names:
        place = next(i for i, layer in enumerate(network.layers) if layer.name == name)
        part = pn.Sequential(network.layers[: place + 1], input_shape=(12,), dtype="float64")
        own = part.parameters()
        part.set_parameters({key: p[key] for key in own} | {f"{name}.bias": 0 * p[f"{name}.bias"]})
        sums = part.predict(encoded)
        deviation = sum_tolerance(300, np.float64)
        assert_close_to_scale(sums.std(axis=0), np.ones(sums.shape[1]), deviation)
        centers = -p[f"{name}.bias"]
        assert (centers > sums.min(axis=0)).all()
        assert (centers < sums.max(axis=0)).all()
        if name != "output":  # five shares, uniform in the simplex, have squares that sum to 1/3
            variance = np.mean((centers - sums.mean(axis=0)) ** 2)
            assert abs(variance - 1 / 3) < 4 * math.sqrt(2 / 256) / 3  # four standard errors


@pytest.mark.parametrize("X", [[[1.0, "a"]], [[1.0, "a"]] * 20])
def test_units_without_deviation_stay_finite(X):
    X = np.array(X, object)
    model = regressor(**TD, validation_fraction=0.0).fit(X, np.arange(float(len(X))))
    assert np.isfinite(model.predict(X)).all()
    for values in model.to_sequential().parameters().values():
        assert abs(values).max() < 100.0


def test_predictions_stay_in_the_range_of_y(rng):
    X, late = table(rng), table(rng, 200)
    y = np.add([5.0, -5.0], X[:, :2].astype(float) @ [[1.0, 2.0], [2.0, -1.0]])
    late[:, :2] *= 100.0
    wild = {**TD, "epochs": 40, "validation_fraction": 0.0}
    free = regressor(**wild, clip_predictions=False).fit(X, y).predict(late)
    model = regressor(**wild).fit(X, y)
    expected = np.clip(free, y.min(axis=0), y.max(axis=0))
    assert (free != expected).any(axis=0).all()
    np.testing.assert_array_equal(model.predict(late), expected)
    found = model.to_sequential().predict(model.encode(late))
    assert_close_to_scale(found, expected, sum_tolerance(1000, np.float32))
    counts = np.arange(30.0) % 4
    poisson = regressor(**wild, loss="poisson").fit(X, counts).predict(late)
    assert 0.0 <= poisson.min() <= poisson.max() <= 3.0 * (1 + 1e-15)


def test_pieces_of_the_preset(rng):
    X, y = table(rng), np.arange(30) % 2
    settings = {**TD, "validation_fraction": 0.0, "dropout": 0.0}
    plain = classifier(**settings).fit(X, y).predict_proba(X)
    for piece in (
        {"dropout": 0.5},
        {"dropout": pn.schedules.FlatCosine(0.3)},
        {"initialization": "normal"},
        {"embedding_dim": 3},
        {"embedding_dim": 0},
        {"max_one_hot_levels": 9},
        {"periodic_embeddings": False},
        {"activation_learning_rate_factor": 1.0},
        {"periodic_learning_rate_factor": 1.0},
        {"weight_decay": 0.5},
        {"decay_all": False},
        {"activation": "relu"},
    ):
        other = classifier(**{**settings, **piece}).fit(X, y).predict_proba(X)
        assert (other != plain).any(), piece
    only = X[:, 2:3]  # no numbers
    assert classifier(**TD).fit(only, y).predict(only).shape == (30,)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("initialization", "zeros", ValueError),
        ("embedding_dim", -1, ValueError),
        ("max_one_hot_levels", 2.5, TypeError),
        ("periodic_embeddings", "plr", TypeError),
        ("clip_predictions", 1, TypeError),
        ("decay_all", None.__class__, TypeError),
        ("activation_learning_rate_factor", -1.0, ValueError),
        ("periodic_learning_rate_factor", math.nan, ValueError),
        ("weight_decay", -0.1, ValueError),
    ],
)
def test_invalid_pieces_are_named(name, value, error):
    with pytest.raises(error, match=name):
        regressor(**TD | {name: value}).fit([[1.0], [2.0]], [0.0, 1.0])


def test_threads_do_not_change_bits(rng):
    X, y = table(rng, 90), rng.normal(size=90)
    found = []
    before = pn.get_num_threads()
    try:
        for threads in (1, 2):
            pn.set_num_threads(threads)
            found.append(regressor(**TD, batch_size=72).fit(X, y).predict(X))
    finally:
        pn.set_num_threads(before)
    assert found[0].tobytes() == found[1].tobytes()
