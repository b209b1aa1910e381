"""Whole training steps: the main benchmark table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .networks import MIXED, SEED, ConvSpec, LayerSpec, Network, dense

Array = npt.NDArray[Any]

# A check trains this number of steps, on at most this number of rows.
CHECK_STEPS = 3
CHECK_ROWS = 1000
# Large enough that updates stand out from the rounding of the parameters, and exact in float32,
# because Keras stores the rate in float32.
CHECK_SGD_RATE = 0.125


@dataclass(frozen=True)
class StepCase:
    """A network, its data and its training."""

    name: str
    title: str
    network: Network
    loss: str  # "softmax_cross_entropy", "batch_mean_squared_error" or "half_squared_error"
    optimizer: str  # "sgd" or "adam"
    learning_rate: float
    rows: int  # a multiple of batch
    batch: int
    passes: int = 1  # over the data in one timed call
    target: float | None = None  # prelunet's target, as a fraction of the FMA ceiling
    input_dtype: str | None = None  # "uint8": the network scales rows of bytes by 1/255
    shuffle: bool = False  # whether each pass uses a different order of rows

    @property
    def steps(self) -> int:
        """Number of steps of one pass."""
        return self.rows // self.batch

    @property
    def flops(self) -> float:
        """Operations of the matrix products of one step."""
        return self.network.step_flops(self.batch)

    def data(self) -> tuple[Array, Array]:
        """Generate X and y: labels (rows,), or targets (rows, outputs) in the network's dtype."""
        X = self.network.inputs(self.rows, self.input_dtype)
        rng = np.random.default_rng(SEED + 2)
        outputs = self.network.outputs
        labels = rng.integers(max(outputs, 2), size=self.rows)
        if self.loss == "softmax_cross_entropy":
            return X, labels
        targets = labels[:, None] if outputs == 1 else labels[:, None] == np.arange(outputs)
        return X, targets.astype(self.network.variable_dtype)

    def for_check(self) -> StepCase:
        """Return the case with few rows and no randomness, for comparing answers."""
        rate = CHECK_SGD_RATE if self.optimizer == "sgd" else self.learning_rate
        case = replace(self, network=self.network.without_dropout(), learning_rate=rate)
        if self.batch == self.rows:
            rows = min(self.rows, CHECK_ROWS)
            return replace(case, rows=rows, batch=rows, passes=CHECK_STEPS)
        return replace(case, rows=CHECK_STEPS * self.batch, passes=1, shuffle=False)

    def in_float64(self) -> StepCase:
        """Return the case as a float64 network with the same numbers."""
        return replace(self, network=replace(self.network, dtype="float64"))


def _mnist_net(activation: str, dtype: str = "float32") -> Network:
    return Network((784,), dense(*[400] * 6, 10, activation=activation), dtype)


def _cnn() -> Network:
    layers = (
        ConvSpec(32, "relu", kernel=5),
        ConvSpec(64, "relu", kernel=5),
        LayerSpec(1024, "relu", dropout=0.5),
        LayerSpec(10),
    )
    return Network((28, 28, 1), layers)


def _lenet() -> Network:
    convolutions = (ConvSpec(6, "relu", kernel=5), ConvSpec(16, "relu", kernel=5))
    return Network((28, 28, 1), (*convolutions, *dense(120, 84, 10, activation="relu")))


def _in_bfloat16(case: StepCase) -> StepCase:
    return replace(
        case,
        name=f"{case.name}-bf16",
        title=f"{case.name} with products in bfloat16",
        network=replace(case.network, dtype=MIXED),
        target=None,
    )


def _step_cases() -> list[StepCase]:
    softmax, sgd, adam = "softmax_cross_entropy", "sgd", "adam"
    w0m = StepCase(
        "W0m",
        "784-6x400-10, channel PReLU, batch 128, SGD",
        _mnist_net("prelu_channel"),
        *(softmax, sgd, 1e-3, 12_800, 128),
        target=0.83,
    )
    w0s = StepCase(
        "W0s",
        "784-6x400-10, shared PReLU, full batch of 60,000, gradient descent",
        _mnist_net("prelu_shared"),
        *(softmax, sgd, 1e-3, 60_000, 60_000),
        target=0.82,
    )
    w3 = StepCase(
        "W3",
        "784-128-10, ReLU, softmax, batch 128, SGD",
        Network((784,), dense(128, 10, activation="relu")),
        *(softmax, sgd, 1e-3, 25_600, 128),
        passes=2,
        target=0.83,
    )
    w6 = StepCase(
        "W6",
        "seed's CNN 28x28x1: conv 5x5x32, pool, conv 5x5x64, pool, 1024, 10; "
        "ReLU, dropout 0.5, batch 50, Adam",
        _cnn(),
        *(softmax, adam, 1e-4, 1_000, 50),
        target=0.58,
    )
    w4096 = replace(
        w0s,
        name="W4096",
        title="784-6x400-10, shared PReLU, batch 4,096, SGD",
        rows=3 * 4096,
        batch=4096,
    )
    residual = tuple(LayerSpec(784, "tanh", residual=0.1) for _ in range(20))
    return [
        w0m,
        w0s,
        StepCase(
            "W2",
            "784-50-10, sigmoid, squared error, batch 100, SGD",
            Network((784,), dense(50, 10, activation="sigmoid", output="sigmoid")),
            *("batch_mean_squared_error", sgd, 1e-3, 20_000, 100),
            passes=4,
            target=0.68,
        ),
        w3,
        StepCase(
            "W1m",
            "2-10-2, tanh, full batch of 200, SGD",
            Network((2,), dense(10, 2, activation="tanh")),
            *(softmax, sgd, 1e-2, 200, 200),
            passes=1000,
        ),
        StepCase(
            "W5",
            "30-100-2, ReLU, softmax, batch 200, Adam",
            Network((30,), dense(100, 2, activation="relu")),
            *(softmax, adam, 1e-3, 20_000, 200),
            passes=10,
            # 16 us at a ceiling of 480 GFLOP/s; excludes the gradient of the data.
            target=0.34,
        ),
        StepCase(
            "W4",
            "20 residual layers of 784, h = 0.1, tanh, full batch of 1,000, Adam",
            Network((784,), (*residual, LayerSpec(1, "sigmoid"))),
            *("half_squared_error", adam, 1e-3, 1_000, 1_000),
            target=0.82,
        ),
        w6,
        StepCase(
            "W7",
            "LeNet-5 28x28x1: conv 5x5x6, pool, conv 5x5x16, pool, 120, 84, 10; "
            "convolutions keep the size, ReLU, batch 128, Adam",
            _lenet(),
            *(softmax, adam, 1e-3, 2_560, 128),
        ),
        w4096,
        *(_in_bfloat16(case) for case in (w0m, w0s, w3, w4096, w6)),
        replace(
            w0m,
            name="W0m64",
            title="W0m in float64",
            network=_mnist_net("prelu_channel", "float64"),
            target=0.75,
        ),
        replace(w0m, name="W0m-shuffled", title="W0m, rows shuffled in each pass", shuffle=True),
        replace(w0m, name="W0m-uint8", title="W0m, rows as bytes", input_dtype="uint8"),
        replace(w0s, name="W0s-uint8", title="W0s, rows as bytes", input_dtype="uint8"),
        replace(w6, name="W6-uint8", title="W6, images as bytes", input_dtype="uint8"),
    ]


STEPS: Mapping[str, StepCase] = {case.name: case for case in _step_cases()}
"""The cases by name."""

QUICK_STEPS = ("W0m", "W2", "W3", "W1m", "W5")
"""Cases for quick runs."""
