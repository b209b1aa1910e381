"""Many networks at once in other libraries, each trained on the same batches."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..cases.networks import Array
from ..cases.steps import StepCase
from . import jax_peer, sklearn_peer, torch_peer


def _stacked(parameters: Sequence[Sequence[Array]]) -> list[Array]:
    """Return each parameter of all networks as one array with a leading axis of networks."""
    return [np.stack(own) for own in zip(*parameters, strict=True)]


def _unstacked(values: Sequence[Array]) -> list[list[Array]]:
    return [list(own) for own in zip(*values, strict=True)]


class JaxVmap:
    """One jitted call for all steps of all networks: ``vmap`` over networks of a ``lax.scan``."""

    def __init__(self, case: StepCase, parameters: Sequence[Sequence[Array]]) -> None:
        jax: Any = importlib.import_module("jax")
        jax.config.update("jax_enable_x64", case.network.dtype == "float64")
        X, y = case.data()
        shape = (case.steps, case.batch)
        batches = tuple(jax.numpy.asarray(a.reshape(*shape, *a.shape[1:])) for a in (X, y))
        step = jax_peer.step_function(jax, case, jax_peer.convolve)
        stacked = list(map(jax.numpy.asarray, _stacked(parameters)))
        rest = jax.vmap(lambda own: jax_peer.optimizer_state(jax, case, own))(stacked)
        self._jax = jax
        self._state: Any = (stacked, rest)

        def one(state: Any, batches: Any) -> Any:
            def body(carried: Any, batch: Any) -> Any:
                parameters, rest, _ = step((*carried, None), *batch)
                return (parameters, rest), None

            return jax.lax.scan(body, state, batches)[0]

        self._batches = batches
        self._run: Any = jax.jit(jax.vmap(one, in_axes=(0, None)), donate_argnums=0)

    def train(self) -> None:
        """Make all steps of all networks."""
        self._state = self._run(self._state, self._batches)
        self._jax.block_until_ready(self._state)

    def parameters(self) -> list[list[Array]]:
        """Return the parameters of each network."""
        return _unstacked([np.asarray(p) for p in self._state[0]])


class TorchFunc:
    """``torch.func``'s model ensembling: ``vmap`` of ``functional_call``, and one optimizer."""

    def __init__(self, case: StepCase, parameters: Sequence[Sequence[Array]], threads: int) -> None:
        torch: Any = importlib.import_module("torch")
        torch.set_num_threads(threads)
        X, y = map(torch.from_numpy, case.data())
        self._batches = list(zip(X.split(case.batch), y.split(case.batch), strict=True))
        module = torch_peer.build(torch, case.network)
        names = [name for name, _ in module.named_parameters()]
        values = [torch.from_numpy(p).requires_grad_() for p in _stacked(parameters)]
        self._values = dict(zip(names, values, strict=True))
        self._optimizer = torch.optim.Adam(values, lr=case.learning_rate, fused=True)
        models = len(parameters)

        def outputs(own: Any, x: Any) -> Any:
            return torch.func.functional_call(module, own, (x,))

        together = torch.vmap(outputs, in_dims=(0, None))
        entropy = torch.nn.functional.cross_entropy

        def loss(x: Any, y: Any) -> Any:
            found = together(self._values, x).flatten(0, 1)
            return entropy(found, y.repeat(models), reduction="sum") / case.batch

        self._loss = loss

    def train(self) -> None:
        """Make all steps of all networks."""
        for x, y in self._batches:
            self._optimizer.zero_grad(set_to_none=True)
            self._loss(x, y).backward()
            self._optimizer.step()

    def parameters(self) -> list[list[Array]]:
        """Return the parameters of each network."""
        return _unstacked([p.detach().numpy().copy() for p in self._values.values()])


class ScikitLearnJoblib:
    """Fits of MLPClassifier by joblib's processes. It has one logistic output for two classes."""

    def __init__(self, case: StepCase, models: int, jobs: int) -> None:
        self._X, self._y = case.data()
        module: Any = importlib.import_module("sklearn.neural_network")
        warnings.simplefilter("ignore")  # fits stop before convergence on purpose
        first = sklearn_peer.make(module, case.network)
        first.set_params(
            solver=case.optimizer,
            batch_size=case.batch,
            learning_rate_init=case.learning_rate,
            max_iter=1,
        )
        self._classifiers = [first] * models
        self._jobs = jobs

    def train(self) -> None:
        """Fit all classifiers."""
        from sklearn.utils.parallel import Parallel, delayed

        fit = delayed(type(self._classifiers[0]).fit)
        Parallel(n_jobs=self._jobs)(fit(own, self._X, self._y) for own in self._classifiers)
