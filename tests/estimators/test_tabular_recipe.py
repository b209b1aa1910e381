"""The preset RealMLP-TD-S against NumPy with the factors of the paper written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

import prelunet as pn
from tabular_runs import classifier, regressor
from tolerances import assert_close_to_scale, sum_tolerance

BETAS, EPSILON = (0.9, 0.95), 1e-8
EPOCHS = 8
# Sums of about a hundred terms; Adam divides small gradients by their size, with their errors.
TOLERANCE = sum_tolerance(10_000 * EPOCHS, np.float64)


def selu(x):
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))


def selu_slope(x):
    return 1.0507009873554805 * np.where(x > 0, 1.0, 1.6732632423543772 * np.exp(x))


def mish(x):
    return x * np.tanh(np.log1p(np.exp(x)))


def mish_slope(x):
    t = np.tanh(np.log1p(np.exp(x)))
    return t + x * (1 - t * t) / (1 + np.exp(-x))


class Oracle:
    """y = W x / sqrt(fan_in) + b, with Adam on W and b themselves."""

    def __init__(self, network, function, slope):
        found = {name: np.array(values) for name, values in network.parameters().items()}
        self.scale = found["scale.weight"]
        names = [name.removesuffix(".bias") for name in found if name.endswith(".bias")]
        self.roots = [math.sqrt(found[f"{name}.weight"].shape[1]) for name in names]
        self.weights = [
            found[f"{name}.weight"] * root for name, root in zip(names, self.roots, strict=True)
        ]
        self.biases = [found[f"{name}.bias"] for name in names]
        self.function, self.slope = function, slope
        self.moments = {}
        self.step = 0

    def forward(self, X):
        self.inputs, self.sums = [X * self.scale], []
        for place, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            self.sums.append(self.inputs[-1] @ w.T / self.roots[place] + b)
            self.inputs.append(self.function(self.sums[-1]))
        return self.sums[-1]

    def train(self, X, grad_of, rate):
        grad = grad_of(self.forward(X))
        for place in reversed(range(len(self.weights))):
            if place < len(self.weights) - 1:
                grad = grad * self.slope(self.sums[place])
            w, b = self.weights[place].copy(), self.biases[place]
            grad_w = grad.T @ self.inputs[place] / self.roots[place]
            self.update(("w", place), self.weights[place], grad_w, rate)
            self.update(("b", place), b, grad.sum(axis=0), 0.1 * rate)
            grad = grad @ w / self.roots[place]
        self.update("scale", self.scale, (grad * X).sum(axis=0), 6.0 * rate)
        self.step += 1

    def update(self, key, values, grad, rate):
        t = self.step + 1
        first, second = self.moments.get(key, (0.0, 0.0))
        first = BETAS[0] * first + (1 - BETAS[0]) * grad
        second = BETAS[1] * second + (1 - BETAS[1]) * grad**2
        self.moments[key] = first, second
        corrected = np.sqrt(second / (1 - BETAS[1] ** t)) + EPSILON
        values -= rate * first / (1 - BETAS[0] ** t) / corrected


def cos_log(t):
    return 0.5 - 0.5 * math.cos(2 * math.pi * math.log2(1 + 15 * t))


WHOLE = {"batch_size": "all", "shuffle": False, "validation_fraction": 0.0, "dtype": "float64"}


def trained(make, X, y, epochs):
    """Return the network before the first step, and the one after the last."""
    before = make(**WHOLE, epochs=1, learning_rate=0.0, hidden_layer_sizes=(7, 6)).fit(X, y)
    after = make(**WHOLE, epochs=epochs, hidden_layer_sizes=(7, 6)).fit(X, y)
    return before, after


def test_classification_is_that_of_the_paper(rng):
    X, y, epochs = rng.normal(size=(20, 3)), np.arange(20) % 3, EPOCHS
    before, after = trained(classifier, X, y, epochs)
    network, encoded = before.to_sequential(), before.encode(X)
    oracle = Oracle(network, selu, selu_slope)
    targets = 0.9 * np.eye(3)[y] + 0.1 / 3

    def grad_of(logits):
        powers = np.exp(logits)
        return (powers / powers.sum(axis=1, keepdims=True) - targets) / len(X)

    for step in range(epochs):
        oracle.train(encoded, grad_of, 0.04 * cos_log(step / epochs))
    expected = oracle.forward(encoded)
    assert abs(expected).max() > 0.0
    found = after.to_sequential().predict(encoded)
    assert_close_to_scale(found, expected, TOLERANCE)


def test_regression_is_that_of_the_paper(rng):
    X, y, epochs = rng.normal(size=(20, 3)), 50 + 8 * rng.normal(size=20), EPOCHS
    before, after = trained(regressor, X, y, epochs)
    encoded = before.encode(X)
    oracle = Oracle(before.to_sequential(), mish, mish_slope)
    oracle.biases[-1] -= y.mean()  # of the scaling of the outputs
    scaled = (y - y.mean()) / y.std()
    for step in range(epochs):
        oracle.train(
            encoded,
            lambda outputs: 2 * (outputs - scaled[:, np.newaxis]) / len(X),
            0.07 * cos_log(step / epochs),
        )
    expected = oracle.forward(encoded)[:, 0] * y.std() + y.mean()
    assert_close_to_scale(after.predict(X), expected, TOLERANCE)
    assert np.ptp(expected) > 1.0


def test_default_network(rng):
    X, y = rng.normal(size=(300, 40)), rng.integers(0, 3, size=300)
    settings = {"epochs": 1, "learning_rate": 0.0, "random_state": 0}
    model = pn.TabularClassifier(**settings).fit(X, y).to_sequential()
    shapes = {name: values.shape for name, values in model.parameters().items()}
    assert shapes == {
        "scale.weight": (40,),
        "hidden_0.weight": (256, 40),
        "hidden_0.bias": (256,),
        "hidden_1.weight": (256, 256),
        "hidden_1.bias": (256,),
        "hidden_2.weight": (256, 256),
        "hidden_2.bias": (256,),
        "output.weight": (3, 256),
        "output.bias": (3,),
    }
    parameters = model.parameters()
    assert (parameters["scale.weight"] == 1).all()
    assert not parameters["output.weight"].any()
    for name, deviation in (("hidden_1.weight", 1 / 16), ("hidden_0.bias", 1.0)):
        values = parameters[name]
        bound = 4 * deviation / math.sqrt(2 * values.size)  # four standard errors
        assert abs(values.std() - deviation) < bound
    activations = [type(layer).__name__ for layer in model.layers if "LU" in type(layer).__name__]
    assert activations == ["SELU"] * 3
    number = pn.TabularRegressor(**settings).fit(X, 1.0 * y).to_sequential()
    assert sum(type(layer).__name__ == "Mish" for layer in number.layers) == 3


@pytest.mark.parametrize(("rows", "steps"), [(40, 2), (17, 1), (5, 1)])
def test_a_last_short_batch_is_dropped(rows, steps, rng):
    counts = []
    count = pn.LambdaCallback(on_train_end=lambda *_: counts.append(count.model.steps_trained))
    model = classifier(validation_fraction=0.0, callbacks=[count], epochs=3)
    model.fit(rng.normal(size=(rows, 2)), np.arange(rows) % 2)
    assert counts == [3 * steps]


def test_pieces_replace_those_of_the_preset(rng):
    X, y = rng.normal(size=(30, 2)), np.arange(30) % 2
    model = classifier(
        hidden_layer_sizes=(4, 5), activation=["relu", pn.PReLU()], dropout=0.2, feature_scale=False
    )
    names = [type(layer).__name__ for layer in model.fit(X, y).to_sequential().layers]
    hidden = ["Dense", "ReLU", "Dropout", "Dense", "PReLU", "Dropout"]
    assert names == [*hidden, "Dense"]
    plain = classifier(validation_fraction=0.0).fit(X, y).predict_proba(X)
    for piece in (
        {"learning_rate": 0.01},
        {"learning_rate": pn.schedules.Constant(0.04)},
        {"scale_learning_rate_factor": 1.0},
        {"bias_learning_rate_factor": 1.0},
        {"beta_1": 0.5},
        {"beta_2": 0.5},
        {"epsilon": 0.1},
        {"weight_decay": 0.5},
        {"epochs": 3},
        {"batch_size": 8},
        {"shuffle": False},
        {"label_smoothing": 0.3},
        {"dtype": "float64"},
    ):
        other = classifier(validation_fraction=0.0, **piece).fit(X, y).predict_proba(X)
        assert (other != plain).any(), piece


def test_weight_decay_is_relative_to_the_rate(rng):
    X, y = rng.normal(size=(20, 2)), np.zeros(20)
    y[0] = 1.0
    none = {"beta_1": 0.0, "epsilon": 1e30, **WHOLE, "epochs": 1, "hidden_layer_sizes": (3, 2)}
    rate = pn.schedules.Constant(0.1)
    before = regressor(**none, learning_rate=rate).fit(X, y).to_sequential().parameters()
    after = regressor(**none, learning_rate=rate, weight_decay=0.5).fit(X, y)
    for name, values in after.to_sequential().parameters().items():
        kept = 0.95 if name.startswith("hidden") and name.endswith("weight") else 1.0
        expected = kept * before[name]
        assert_close_to_scale(values, expected, sum_tolerance(8, np.float64), name)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("preset", "resnet", ValueError),
        ("hidden_layer_sizes", (0,), ValueError),
        ("activation", "step", ValueError),
        ("dropout", 1.0, ValueError),
        ("feature_scale", 1, TypeError),
        ("learning_rate", -0.1, ValueError),
        ("beta_2", 1.0, ValueError),
        ("epsilon", 0.0, ValueError),
        ("epochs", 0, ValueError),
        ("batch_size", "auto", TypeError),
        ("shuffle", "yes", TypeError),
        ("label_smoothing", 1.0, ValueError),
        ("label_smoothing", "none", ValueError),
        ("calibration", "platt", ValueError),
        ("validation_fraction", 1.0, ValueError),
        ("refit", 2, TypeError),
        ("n_estimators", 0, ValueError),
        ("n_jobs", 0, ValueError),
        ("time_limit", 0, ValueError),
        ("callbacks", [print], TypeError),
        ("scoring", 3, TypeError),
        ("dtype", "float16", ValueError),
        ("categorical_features", "all", ValueError),
    ],
)
def test_invalid_parameters_are_named(name, value, error):
    with pytest.raises(error, match=name):
        classifier(**{name: value}).fit([[1.0], [2.0]], [0, 1])


@pytest.mark.parametrize(
    ("estimator", "parameters", "words"),
    [
        (pn.TabularClassifier, {"scoring": "logloss"}, "one of 'accuracy', 'log_loss' or .*'logl"),
        (pn.TabularClassifier, {"scoring": "rmse"}, "TabularClassifier: scoring must be one of"),
        (pn.TabularRegressor, {"scoring": "log_loss"}, "scoring must be one of 'rmse', 'mae' or"),
        (pn.TabularRegressor, {"loss": "mse"}, "it is 'squared_error' here"),
        (pn.TabularRegressor, {"loss": "Pinball"}, "it is 'quantile' here"),
    ],
)
def test_names_of_other_libraries_are_refused_with_advice(estimator, parameters, words):
    with pytest.raises(ValueError, match=words):
        estimator(**parameters).fit([[1.0], [2.0]], [0, 1])
