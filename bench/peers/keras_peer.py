"""Keras 3 on TensorFlow, with ``fit`` and ``predict``."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ..cases.networks import POOL, SEED, Array, ConvSpec, LayerSpec, Network
from ..cases.predictions import PredictCase
from ..cases.steps import StepCase
from . import Peer, Training, UnsupportedError, version_of
from .numpy_peer import EPSILON

# Steps per call into TensorFlow.
STEPS_PER_EXECUTION = 100


class Keras(Peer):
    """A functional model, XLA-compiled if Keras supports it."""

    def __init__(self) -> None:
        tensorflow: Any = importlib.import_module("tensorflow")
        threads = int(os.environ["OMP_NUM_THREADS"])
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
        self.tensorflow = tensorflow
        self.keras: Any = importlib.import_module("keras")

    def versions(self) -> dict[str, str]:
        """Return the versions of keras and tensorflow."""
        found = version_of("tensorflow-cpu|tensorflow")
        return {"keras": str(self.keras.__version__), "tensorflow": str(found)}

    def training(self, case: StepCase) -> Training:
        """Build and compile the model."""
        return KerasTraining(self.keras, self.tensorflow, case)

    def prediction(self, case: PredictCase) -> Callable[[], Array]:
        """Return the model's call for one row, as Keras recommends, or predict for more."""
        X = case.data()
        model = build(self.keras, case.network)
        if case.rows <= 32:
            call = self.tensorflow.function(model, jit_compile=True)
            return lambda: np.asarray(call(X))
        return lambda: np.asarray(model.predict(X, batch_size=1024, verbose=0))


class KerasTraining:
    """A compiled model with its data."""

    def __init__(self, keras: Any, tensorflow: Any, case: StepCase) -> None:
        if case.input_dtype is not None or case.shuffle:
            raise UnsupportedError("measured only without shuffling and in the network's dtype")
        self.case = case
        self.model = build(keras, case.network)
        optimizers = keras.optimizers
        optimizer = (
            optimizers.SGD(case.learning_rate)
            if case.optimizer == "sgd"
            else optimizers.Adam(case.learning_rate, epsilon=EPSILON)
        )
        self.model.compile(
            optimizer,
            loss_function(keras, case),
            steps_per_execution=min(case.steps * case.passes, STEPS_PER_EXECUTION),
        )
        X, y = case.data()
        # Batches are prepared in advance, and all passes form one long epoch, to exclude the time
        # that Keras spends between epochs.
        batches = [a.reshape(case.steps, case.batch, *a.shape[1:]) for a in (X, y)]
        self.data = tensorflow.data.Dataset.from_tensor_slices(tuple(batches)).repeat()

    def train(self, passes: int) -> None:
        """Call ``fit``."""
        self.model.fit(self.data, steps_per_epoch=passes * self.case.steps, verbose=0)

    def parameters(self) -> list[Array]:
        """Return copies, with units as the first axis of weights and vectors."""
        found = (np.array(w) for w in self.model.trainable_weights)
        return [np.ascontiguousarray(np.moveaxis(w, -1, 0)) for w in found]


def loss_function(keras: Any, case: StepCase) -> Any:
    """Return the loss as a function of (y, outputs)."""
    if case.loss == "softmax_cross_entropy":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    factor = 0.5 if case.loss == "half_squared_error" else 1 / case.batch
    return lambda y, outputs: keras.ops.sum(keras.ops.square(outputs - y)) * factor


def build(keras: Any, network: Network) -> Any:
    """Return the model with the initial parameters."""
    layers = keras.layers
    keras.config.set_floatx(network.variable_dtype)
    keras.config.set_dtype_policy(network.dtype)  # after first use it ignores floatx

    def apply(spec: LayerSpec, x: Any) -> Any:
        if isinstance(spec, ConvSpec):
            y = layers.Conv2D(spec.units, spec.kernel, padding="same")(x)
        else:
            y = layers.Dense(spec.units)(layers.Flatten()(x) if len(x.shape) > 2 else x)
        if spec.activation == "prelu_channel":
            y = layers.PReLU()(y)
        elif spec.activation == "prelu_shared":
            y = layers.PReLU(shared_axes=[1])(y)
        elif spec.activation is not None:
            y = layers.Activation(spec.activation)(y)
        if isinstance(spec, ConvSpec):
            y = layers.MaxPooling2D(POOL)(y)
        if spec.dropout:
            y = layers.Dropout(spec.dropout, seed=SEED)(y)
        return x + spec.residual * y if spec.residual else y

    x = inputs = keras.Input(network.input_shape)
    for spec in network.layers:
        x = apply(spec, x)
    model = keras.Model(inputs, x)
    model.set_weights([np.moveaxis(p, 0, -1) for p in network.parameters()])
    return model
