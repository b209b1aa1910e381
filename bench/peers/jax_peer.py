"""JAX: the whole training in one compiled loop, and one compiled step at a time.

XLA has no option for the number of threads on a CPU: it counts the CPUs that the process may use.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..cases.networks import Array, Network
from ..cases.predictions import PredictCase
from ..cases.steps import StepCase
from . import Peer, Training, UnsupportedError, version_of
from .numpy_peer import BETA_1, BETA_2, EPSILON, parameters_of

# Steps of one compiled call: a loop of more gains nothing.
LOOP_STEPS = 200


class JaxLoop(Peer):
    """Hundreds of steps inside one jitted call: the best that JAX can do."""

    def __init__(self) -> None:
        self.jax: Any = importlib.import_module("jax")

    def versions(self) -> dict[str, str]:
        """Return the versions of jax and of its compiled part."""
        return {"jax": str(self.jax.__version__), "jaxlib": str(version_of("jaxlib"))}

    def training(self, case: StepCase) -> Training:
        """Put the data into JAX's arrays, batch by batch."""
        return LoopTraining(self.jax, case)

    def prediction(self, case: PredictCase) -> Callable[[], Array]:
        """Return a jitted forward pass over rows that come as a NumPy array, as users' do."""
        np_x = case.data()
        parameters = list(map(self.jax.numpy.asarray, case.network.parameters()))
        run = self.jax.jit(lambda p, x: forward(self.jax, case.network, p, x))
        return lambda: np.asarray(run(parameters, np_x))


class JaxSteps(JaxLoop):
    """A Python loop around a jitted step: how JAX is used."""

    def training(self, case: StepCase) -> Training:
        """As for the loop."""
        return StepTraining(self.jax, case)


class LoopTraining:
    """Parameters and optimizer state travel through ``lax.fori_loop``."""

    def __init__(self, jax: Any, case: StepCase) -> None:
        if case.input_dtype is not None or case.shuffle:
            raise UnsupportedError("measured with rows as they lie, in the network's dtype")
        jax.config.update("jax_enable_x64", case.network.dtype == "float64")
        self.jax = jax
        self.case = case
        X, y = case.data()
        shape = (case.steps, case.batch)
        self.X = jax.numpy.asarray(X.reshape(*shape, *X.shape[1:]))
        self.y = jax.numpy.asarray(y.reshape(*shape, *y.shape[1:]))
        parameters = list(map(jax.numpy.asarray, case.network.parameters()))
        self.state: Any = (parameters, optimizer_state(jax, case, parameters))
        self.step = step_function(jax, case)
        self.run = jax.jit(self._many, static_argnums=3, donate_argnums=0)

    def _many(self, state: Any, X: Any, y: Any, count: int) -> Any:
        def body(number: Any, carried: Any) -> Any:
            i = number % self.case.steps
            return self.step(carried, X[i], y[i])

        return self.jax.lax.fori_loop(0, count, body, state)

    def train(self, passes: int) -> None:
        """Run the loop; wait for its end."""
        left = passes * self.case.steps
        while left:
            # Whole passes of a data set, so that each call begins with its first batch.
            most = max(self.case.steps, LOOP_STEPS // self.case.steps * self.case.steps)
            count = min(left, most)
            self.state = self.run(self.state, self.X, self.y, count)
            left -= count
        self.jax.block_until_ready(self.state)

    def parameters(self) -> list[Array]:
        """Return copies as NumPy arrays."""
        return [np.array(p) for p in self.state[0]]


class StepTraining(LoopTraining):
    """One call for each step; the batches lie ready on the device."""

    def __init__(self, jax: Any, case: StepCase) -> None:
        super().__init__(jax, case)
        self.batches = [(self.X[i], self.y[i]) for i in range(case.steps)]
        self.run = jax.jit(self.step, donate_argnums=0)

    def train(self, passes: int) -> None:
        """Call the step; wait for the last one's end."""
        for _ in range(passes):
            for x, y in self.batches:
                self.state = self.run(self.state, x, y)
        self.jax.block_until_ready(self.state)


def forward(jax: Any, network: Network, parameters: Sequence[Any], x: Any) -> Any:
    """Return the network's outputs."""
    jnp = jax.numpy
    rest = iter(parameters)
    for spec in network.layers:
        weight, bias, *alpha = (next(rest) for _ in range(parameters_of(spec)))
        y = x @ weight.T + bias
        if alpha:
            y = jnp.where(y > 0, y, alpha[0] * y)
        elif spec.activation == "relu":
            y = jax.nn.relu(y)
        elif spec.activation == "tanh":
            y = jnp.tanh(y)
        elif spec.activation == "sigmoid":
            y = jax.nn.sigmoid(y)
        x = x + spec.residual * y if spec.residual else y
    return x


def loss_function(jax: Any, case: StepCase) -> Callable[..., Any]:
    """Return the loss of (parameters, x, y)."""
    jnp = jax.numpy

    def loss(parameters: Sequence[Any], x: Any, y: Any) -> Any:
        outputs = forward(jax, case.network, parameters, x)
        if case.loss == "softmax_cross_entropy":
            log_p = jax.nn.log_softmax(outputs)
            return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()
        squares = jnp.sum((outputs - y) ** 2)
        return squares / 2 if case.loss == "half_squared_error" else squares / case.batch

    return loss


def optimizer_state(jax: Any, case: StepCase, parameters: Sequence[Any]) -> Any:
    """Return what the optimizer begins with."""
    if case.optimizer == "sgd":
        return ()
    zeros = [jax.numpy.zeros_like(p) for p in parameters]
    return (jax.numpy.zeros((), case.network.dtype), zeros, [z + 0 for z in zeros])


def step_function(jax: Any, case: StepCase) -> Callable[..., Any]:
    """Return one step: (parameters, optimizer state), x, y to the new pair."""
    gradient = jax.grad(loss_function(jax, case))
    rate = case.learning_rate

    def sgd(state: Any, x: Any, y: Any) -> Any:
        parameters, rest = state
        found = gradient(parameters, x, y)
        return [p - rate * g for p, g in zip(parameters, found, strict=True)], rest

    def adam(state: Any, x: Any, y: Any) -> Any:
        parameters, (step, first, second) = state
        found = gradient(parameters, x, y)
        step = step + 1
        first = [BETA_1 * m + (1 - BETA_1) * g for m, g in zip(first, found, strict=True)]
        second = [BETA_2 * v + (1 - BETA_2) * g**2 for v, g in zip(second, found, strict=True)]
        c_1, c_2 = 1 - BETA_1**step, 1 - BETA_2**step
        moved = [
            p - rate * (m / c_1) / (jax.numpy.sqrt(v / c_2) + EPSILON)
            for p, m, v in zip(parameters, first, second, strict=True)
        ]
        return moved, (step, first, second)

    return sgd if case.optimizer == "sgd" else adam
