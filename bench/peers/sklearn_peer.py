"""scikit-learn's MLPClassifier: the same network, or the closest available one."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..cases.networks import Array, ConvSpec, Network
from ..cases.predictions import PredictCase
from ..cases.steps import StepCase
from . import Peer, Training, UnsupportedError, refuse_bfloat16, version_of
from .numpy_peer import EPSILON

ACTIVATIONS = {
    "prelu_channel": "relu",
    "prelu_shared": "relu",
    "relu": "relu",
    "tanh": "tanh",
    "sigmoid": "logistic",
}


class ScikitLearn(Peer):
    """Whole calls of ``fit``, from given weights through ``warm_start``."""

    def __init__(self) -> None:
        self.module: Any = importlib.import_module("sklearn.neural_network")
        # Fits stop before convergence on purpose.
        warnings.simplefilter("ignore")

    def versions(self) -> dict[str, str]:
        """Return the version of scikit-learn."""
        return {"scikit-learn": str(version_of("scikit-learn"))}

    def stand_in(self, case: StepCase | PredictCase) -> str | None:
        """Return MLPClassifier's substitute for PReLU and for two outputs."""
        if case.network.outputs == 2:
            return "one logistic output for two classes"
        kinds = {str(spec.activation) for spec in case.network.layers}
        return "ReLU for PReLU" if kinds & {"prelu_channel", "prelu_shared"} else None

    def training(self, case: StepCase) -> Training:
        """Create the classifier."""
        if case.input_dtype is not None or case.shuffle:
            raise UnsupportedError("measured only without shuffling and in the network's dtype")
        refuse_bfloat16(case.network)
        if case.loss != "softmax_cross_entropy":
            raise UnsupportedError("MLPClassifier has no such loss")
        if any(isinstance(spec, ConvSpec) for spec in case.network.layers):
            raise UnsupportedError("MLPClassifier has no convolution")
        return ScikitLearnTraining(self.module, case)

    def prediction(self, case: PredictCase) -> Callable[[], Array]:
        """Return ``predict_proba`` without its softmax."""
        refuse_bfloat16(case.network)
        X = case.data()
        classifier = make(self.module, case.network)
        classifier.out_activation_ = "identity"
        return lambda: np.asarray(classifier.predict_proba(X))


class ScikitLearnTraining:
    """A classifier and its data."""

    def __init__(self, module: Any, case: StepCase) -> None:
        self.X, self.y = case.data()
        self.classifier = make(module, case.network)
        self.classifier.set_params(
            solver=case.optimizer, batch_size=case.batch, learning_rate_init=case.learning_rate
        )

    def train(self, passes: int) -> None:
        """Call ``fit``, which continues from the current weights."""
        self.classifier.set_params(max_iter=passes).fit(self.X, self.y)

    def parameters(self) -> list[Array]:
        """Return copies, with transposed weights."""
        found: list[Array] = []
        for weight, bias in zip(self.classifier.coefs_, self.classifier.intercepts_, strict=True):
            found += [np.ascontiguousarray(weight.T), bias.copy()]
        return found


def make(module: Any, network: Network) -> Any:
    """Return a classifier with the initial parameters if it has the same shapes."""
    hidden = network.layers[:-1]
    classifier = module.MLPClassifier(
        tuple(spec.units for spec in hidden),
        activation=ACTIVATIONS[str(hidden[0].activation)],
        alpha=0.0,
        shuffle=False,
        momentum=0.0,
        nesterovs_momentum=False,
        epsilon=EPSILON,
        tol=0.0,
        n_iter_no_change=10**9,
        warm_start=True,
    )
    # One step allocates the parameter arrays, which are then overwritten.
    classes = np.arange(network.outputs)
    rows = np.zeros((len(classes), *network.input_shape), network.dtype)
    classifier.partial_fit(rows, classes, classes=classes)
    weights = [p.T for p in network.parameters() if p.ndim == 2]
    for mine, weight in zip(classifier.coefs_, weights, strict=True):
        if mine.shape == weight.shape:  # false if one output replaces two
            mine[...] = weight
    for mine, bias in zip(classifier.intercepts_, biases_of(network), strict=True):
        if mine.shape == bias.shape:
            mine[...] = bias
    return classifier


def biases_of(network: Network) -> list[Array]:
    """Return the array that follows each matrix in the parameters."""
    parameters = network.parameters()
    return [parameters[i + 1] for i, p in enumerate(parameters) if p.ndim == 2]
