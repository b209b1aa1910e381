"""Calls of one estimator in random order, many of them with hostile arguments."""

from __future__ import annotations

import copy
import pickle

import numpy as np
from hostile import hostile, scalar, snapshot
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import prelunet as pn

CALLS = 6  # of one estimator
ROWS = (1, 2, 12, 40)
USUAL = {
    "hidden_layer_sizes": [(3,), (2, 4), (), 5],
    "activation": ["relu", "prelu", "prelu_shared", "logistic", "identity", pn.GELU()],
    "solver": ["adam", "sgd", "lbfgs"],
    "alpha": [0.0, 0.1],
    "batch_size": ["auto", 5, 100],
    "learning_rate": ["constant", "invscaling", "adaptive"],
    "shuffle": [True, False],
    "random_state": [0, None],
    "warm_start": [True, False],
    "nesterovs_momentum": [True, False],
    "early_stopping": [True, False],
    "validation_fraction": [0.1, 0.5],
    "n_iter_no_change": [1, 10],
    "dropout": [0.0, 0.5],
    "scoring": [None, "loss", "r2"],
    "callbacks": [None, [pn.TerminateOnNaN()]],
    "dtype": ["auto", "float32", "float64"],
}
ATTRIBUTES = ["coefs_", "intercepts_", "loss_", "n_iter_", "t_", "loss_curve_", "classes_"]


class Subject:
    """An estimator, and data that suit it."""

    def __init__(self, rng):
        self.classifies = rng.random() < 0.5
        kind = pn.MLPClassifier if self.classifies else pn.MLPRegressor
        self.features = int(rng.integers(1, 6))
        self.outputs = int(rng.choice([1, 1, 3]))
        self.names = [np.arange(3), np.array(["a", "b", "c"]), np.array([-1, 1])][rng.integers(3)]
        settings = {"max_iter": 2, "hidden_layer_sizes": (3,)}
        for name, values in USUAL.items():
            if rng.random() < 0.15:
                settings[name] = values[rng.integers(len(values))]
        if self.classifies and rng.random() < 0.2:
            settings["class_weight"] = ("balanced", {0: 2.0}, {"a": 3.0})[rng.integers(3)]
        if rng.random() < 0.3:
            settings[list(USUAL)[rng.integers(len(USUAL))]] = _limited(scalar(rng))
        self.estimator = kind(**settings)

    def data(self, rng):
        """Return X, y and weights that the estimator accepts."""
        rows = int(rng.choice(ROWS))
        dtype = (np.float64, np.float32, np.uint8)[rng.integers(3)]
        X = (4 * rng.random((rows, self.features))).astype(dtype)
        if not self.classifies:
            y = rng.random((rows, self.outputs))
            y = y[:, 0] if self.outputs == 1 else y
        elif self.outputs == 1:
            y = self.names[rng.integers(len(self.names), size=rows)]
        else:
            y = rng.integers(2, size=(rows, self.outputs))
        return X, y, rng.random(rows) + 0.1


def _limited(value):
    """Return a value that asks for little work where it is a valid size."""
    return value if not isinstance(value, (int, np.integer)) or value < 100 else 100


def run(rng, calls):
    """Make the calls; each that fails must leave the estimator as it was."""
    subject = Subject(rng)
    protocol = (AttributeError,)  # partial_fit and predict_proba that a setting takes away
    for _ in range(CALLS):
        before = state(subject.estimator)
        name, function, arguments, options = _call(rng, subject)
        given = snapshot([list(arguments), options])
        try:
            calls.make(name, function, *arguments, protocol=protocol, **options)
        except AttributeError as error:
            fitted = not isinstance(error, NotFittedError)
            if fitted and "partial_fit" not in str(error):
                calls.report(f"{name}: AttributeError: {error}")
        except calls.refused as error:
            trained = "non-finite parameter weights" in str(error)
            # A scorer may fail after any epoch: r2 does, on text labels.
            trained |= callable(subject.estimator.scoring) or subject.estimator.scoring == "r2"
            if not trained and state(subject.estimator) != before:
                calls.report(f"{name}: a failed call changed the estimator: {str(error)[:80]}")
        if snapshot([list(arguments), options]) != given:
            calls.report(f"{name}: an argument was changed")


def state(estimator):
    """Return the attributes of a fit, as bytes and text."""
    found = [repr(sorted(name for name in vars(estimator) if name.endswith("_")))]
    for name in ATTRIBUTES:
        value = getattr(estimator, name, None)
        arrays = value if name in ("coefs_", "intercepts_") and value is not None else ()
        found.append([array.tobytes() for array in arrays] or repr(value))
    return found


def _call(rng, subject):
    """Return a call as (name, function, arguments, options)."""
    estimator = subject.estimator
    X, y, weights = subject.data(rng)
    if rng.random() < 0.6:
        X = hostile(rng, X, huge=False) if rng.random() < 0.5 else X
        y = hostile(rng, y, huge=False) if rng.random() < 0.4 else y
        weights = hostile(rng, weights, huge=False) if rng.random() < 0.3 else weights
    options = {"sample_weight": weights} if rng.random() < 0.3 else {}
    name = METHODS[rng.integers(len(METHODS))]
    if name == "fit":
        if rng.random() < 0.2:
            held = subject.data(rng)
            options["X_val"] = hostile(rng, held[0], huge=False)
            options["y_val"] = hostile(rng, held[1], huge=False) if rng.random() < 0.5 else held[1]
        return "fit", estimator.fit, (X, y), options
    if name == "partial_fit":
        if subject.classifies:
            classes = subject.names if subject.outputs == 1 else np.arange(2)
            options["classes"] = hostile(rng, classes) if rng.random() < 0.2 else classes
        return "partial_fit", _partial_fit, (estimator, X, y), options
    if name == "set_params":
        known = {n: values[rng.integers(len(values))] for n, values in USUAL.items()}
        chosen = list(USUAL)[rng.integers(len(USUAL))]
        value = known[chosen] if rng.random() < 0.5 else _limited(scalar(rng))
        return "set_params", estimator.set_params, (), {chosen: value}
    if name == "copies":
        return "copies", _copies, (estimator,), {}
    if name == "weights":
        return "weights", _replaced_weights, (estimator, X, hostile(rng, np.ones(3))), {}
    if name == "score":
        return "score", estimator.score, (X, y), options
    return name, _predict, (estimator, name, X), {}


METHODS = ["fit", "fit", "fit", "partial_fit", "partial_fit", "predict", "predict", "score"]
METHODS += [
    "predict_proba",
    "predict_log_proba",
    "set_params",
    "copies",
    "weights",
    "to_sequential",
]


def _partial_fit(estimator, X, y, **options):
    return estimator.partial_fit(X, y, **options)


def _predict(estimator, name, X):
    if name == "to_sequential":
        return estimator.to_sequential().predict(X)
    return getattr(estimator, name)(X) if hasattr(estimator, name) else None


def _copies(estimator):
    """Copy, pickle and clone."""
    repr(estimator)
    clone(estimator)
    return copy.deepcopy(estimator), pickle.loads(pickle.dumps(estimator))


def _replaced_weights(estimator, X, values):
    """Predict with an array of weights that the user has replaced."""
    if not hasattr(estimator, "coefs_"):
        return
    kept = estimator.intercepts_
    try:
        estimator.intercepts_ = [values, *kept[1:]]
        estimator.predict(X)
    finally:
        estimator.intercepts_ = kept
