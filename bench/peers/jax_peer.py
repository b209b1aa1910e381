"""JAX: all training steps in one compiled loop, or one compiled step at a time.

XLA has no option for the number of CPU threads: it uses the CPUs that the process may use.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..cases.networks import POOL, SEED, Array, ConvSpec, Network
from ..cases.predictions import PredictCase
from ..cases.steps import StepCase
from . import Peer, Training, UnsupportedError, refuse_bfloat16, version_of
from .numpy_layers import parameters_of
from .numpy_peer import BETA_1, BETA_2, EPSILON

# Steps per compiled call; longer loops are not faster.
LOOP_STEPS = 200


class JaxLoop(Peer):
    """Hundreds of steps in one jitted call: JAX's best case."""

    def __init__(self) -> None:
        self.jax: Any = importlib.import_module("jax")

    def versions(self) -> dict[str, str]:
        """Return the versions of jax and jaxlib."""
        return {"jax": str(self.jax.__version__), "jaxlib": str(version_of("jaxlib"))}

    def training(self, case: StepCase) -> Training:
        """Convert the data to JAX arrays, batch by batch."""
        return LoopTraining(self.jax, case)

    def prediction(self, case: PredictCase) -> Callable[[], Array]:
        """Return a jitted forward pass that takes rows as a NumPy array, like user code."""
        refuse_bfloat16(case.network)
        np_x = case.data()
        parameters = list(map(self.jax.numpy.asarray, case.network.parameters()))
        run = self.jax.jit(lambda p, x: forward(self.jax, case.network, p, x))
        return lambda: np.asarray(run(parameters, np_x))


class JaxSteps(JaxLoop):
    """A Python loop around a jitted step: the common use of JAX."""

    def training(self, case: StepCase) -> Training:
        """Put the data into JAX's arrays, batch by batch."""
        return StepTraining(self.jax, case)


def convolve(jax: Any, x: Any, weight: Any) -> Any:
    """Return the convolution of images with filters, (filters, height, width, channels)."""
    kernel = weight.transpose(1, 2, 3, 0)
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout)


def convolve_in_loop(jax: Any, x: Any, weight: Any) -> Any:
    """Return the same convolution as one product over copies of all windows.

    In a loop XLA does not use its fast convolution: a step of W6 takes 700 ms, this way 65 ms.
    """
    _, height, width, _ = x.shape
    kernel = weight.shape[1]
    border = (kernel // 2, kernel // 2)
    padded = jax.numpy.pad(x, ((0, 0), border, border, (0, 0)))
    places = itertools.product(range(kernel), repeat=2)
    windows = [padded[:, i : i + height, j : j + width] for i, j in places]
    return jax.numpy.concatenate(windows, -1) @ weight.reshape(len(weight), -1).T


def max_pool(x: Any) -> Any:
    """Return the maximum of each window; faster than reduce_window, forward and backward."""
    images, height, width, channels = x.shape
    windows = x.reshape(images, height // POOL, POOL, width // POOL, POOL, channels)
    return windows.max((2, 4))


class LoopTraining:
    """Training in ``lax.fori_loop``, with parameters and optimizer state as loop variables."""

    convolution = staticmethod(convolve_in_loop)

    def __init__(self, jax: Any, case: StepCase) -> None:
        if case.input_dtype is not None or case.shuffle:
            raise UnsupportedError("measured only without shuffling and in the network's dtype")
        refuse_bfloat16(case.network)
        jax.config.update("jax_enable_x64", case.network.dtype == "float64")
        self.jax = jax
        self.case = case
        X, y = case.data()
        shape = (case.steps, case.batch)
        self.X = jax.numpy.asarray(X.reshape(*shape, *X.shape[1:]))
        self.y = jax.numpy.asarray(y.reshape(*shape, *y.shape[1:]))
        parameters = list(map(jax.numpy.asarray, case.network.parameters()))
        drops = any(spec.dropout for spec in case.network.layers)
        key = jax.random.key(SEED) if drops else None
        self.state: Any = (parameters, optimizer_state(jax, case, parameters), key)
        self.step = step_function(jax, case, self.convolution)
        self.run = jax.jit(self._many, static_argnums=3, donate_argnums=0)

    def _many(self, state: Any, X: Any, y: Any, count: int) -> Any:
        def body(number: Any, carried: Any) -> Any:
            i = number % self.case.steps
            return self.step(carried, X[i], y[i])

        return self.jax.lax.fori_loop(0, count, body, state)

    def train(self, passes: int) -> None:
        """Run the loop and wait for the result."""
        left = passes * self.case.steps
        while left:
            # Whole passes over the data, so that each call starts with the first batch.
            most = max(self.case.steps, LOOP_STEPS // self.case.steps * self.case.steps)
            count = min(left, most)
            self.state = self.run(self.state, self.X, self.y, count)
            left -= count
        self.jax.block_until_ready(self.state)

    def parameters(self) -> list[Array]:
        """Return copies as NumPy arrays."""
        return [np.array(p) for p in self.state[0]]


class StepTraining(LoopTraining):
    """One call per step; the batches are on the device already."""

    convolution = staticmethod(convolve)

    def __init__(self, jax: Any, case: StepCase) -> None:
        super().__init__(jax, case)
        self.batches = [(self.X[i], self.y[i]) for i in range(case.steps)]
        self.run = jax.jit(self.step, donate_argnums=0)

    def train(self, passes: int) -> None:
        """Run the steps and wait for the last one."""
        for _ in range(passes):
            for x, y in self.batches:
                self.state = self.run(self.state, x, y)
        self.jax.block_until_ready(self.state)


def forward(
    jax: Any,
    network: Network,
    parameters: Sequence[Any],
    x: Any,
    *,
    key: Any = None,
    convolution: Callable[..., Any] = convolve,
) -> Any:
    """Return the network's outputs; given a key, with dropout as in training."""
    jnp = jax.numpy
    rest = iter(parameters)
    for spec in network.layers:
        weight, bias, *alpha = (next(rest) for _ in range(parameters_of(spec)))
        if isinstance(spec, ConvSpec):
            y = convolution(jax, x, weight) + bias
        else:
            y = x.reshape(len(x), -1) @ weight.T + bias
        if alpha:
            y = jnp.where(y > 0, y, alpha[0] * y)
        elif spec.activation == "relu":
            y = jax.nn.relu(y)
        elif spec.activation == "tanh":
            y = jnp.tanh(y)
        elif spec.activation == "sigmoid":
            y = jax.nn.sigmoid(y)
        if isinstance(spec, ConvSpec):
            y = max_pool(y)
        if spec.dropout and key is not None:
            key, own = jax.random.split(key)
            kept = jax.random.bernoulli(own, 1 - spec.dropout, y.shape)
            y = jnp.where(kept, y / (1 - spec.dropout), 0)
        x = x + spec.residual * y if spec.residual else y
    return x


def loss_function(jax: Any, case: StepCase, convolution: Callable[..., Any]) -> Callable[..., Any]:
    """Return the loss as a function of (parameters, x, y, key)."""
    jnp = jax.numpy

    def loss(parameters: Sequence[Any], x: Any, y: Any, key: Any) -> Any:
        outputs = forward(jax, case.network, parameters, x, key=key, convolution=convolution)
        if case.loss == "softmax_cross_entropy":
            log_p = jax.nn.log_softmax(outputs)
            return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()
        squares = jnp.sum((outputs - y) ** 2)
        return squares / 2 if case.loss == "half_squared_error" else squares / case.batch

    return loss


def optimizer_state(jax: Any, case: StepCase, parameters: Sequence[Any]) -> Any:
    """Return the initial optimizer state."""
    if case.optimizer == "sgd":
        return ()
    zeros = [jax.numpy.zeros_like(p) for p in parameters]
    return (jax.numpy.zeros((), case.network.dtype), zeros, [z + 0 for z in zeros])


def step_function(jax: Any, case: StepCase, convolution: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step that maps (parameters, optimizer state, key), x, y to the new three."""
    gradient = jax.grad(loss_function(jax, case, convolution))
    rate = case.learning_rate

    def split(key: Any) -> Any:
        return (None, None) if key is None else jax.random.split(key)

    def sgd(state: Any, x: Any, y: Any) -> Any:
        parameters, rest, key = state
        key, own = split(key)
        found = gradient(parameters, x, y, own)
        return [p - rate * g for p, g in zip(parameters, found, strict=True)], rest, key

    def adam(state: Any, x: Any, y: Any) -> Any:
        parameters, (step, first, second), key = state
        key, own = split(key)
        found = gradient(parameters, x, y, own)
        step = step + 1
        first = [BETA_1 * m + (1 - BETA_1) * g for m, g in zip(first, found, strict=True)]
        second = [BETA_2 * v + (1 - BETA_2) * g**2 for v, g in zip(second, found, strict=True)]
        c_1, c_2 = 1 - BETA_1**step, 1 - BETA_2**step
        moved = [
            p - rate * (m / c_1) / (jax.numpy.sqrt(v / c_2) + EPSILON)
            for p, m, v in zip(parameters, first, second, strict=True)
        ]
        return moved, (step, first, second), key

    return sgd if case.optimizer == "sgd" else adam
