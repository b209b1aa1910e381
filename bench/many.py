"""Many small networks at once: `fit_many` beside a loop of fits and beside other libraries."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import prelunet as pn

from .cases.networks import Array, Network, dense
from .cases.steps import StepCase
from .peers import OURS, PEERS, UnsupportedError
from .peers.many_peers import JaxVmap, ScikitLearnJoblib, TorchFunc
from .peers.ours import build
from .progress import Progress

LOOP = "loop of fits"
_ROUNDS = 5
_REST = 0.3  # seconds before each run: threads of other libraries spin for a while after their work
# Of the largest parameter. Optimizers amplify rounding, so more steps would not tell more.
_AGREEMENT = 1e-4
_CHECK_STEPS = 3


@dataclass(frozen=True)
class ManyCase:
    """Networks of one architecture with different initial parameters, trained on the same rows."""

    title: str
    models: int
    step: StepCase

    def parameters(self) -> list[list[Array]]:
        """Return the initial parameters of each network."""
        first = self.step.network.parameters()
        return [[p * p.dtype.type(1 + n / self.models) for p in first] for n in range(self.models)]


def _case(title: str, models: int, features: int, hidden: int) -> ManyCase:
    network = Network((features,), dense(hidden, 2, activation="relu"))
    softmax, adam = "softmax_cross_entropy", "adam"
    return ManyCase(title, models, StepCase(title, title, network, softmax, adam, 1e-3, 3200, 32))


CASES: Mapping[str, ManyCase] = {
    title: _case(title, models, features, hidden)
    for title, models, features, hidden in (
        ("32 nets 30-100-2", 32, 30, 100),
        ("64 nets 4-64-2", 64, 4, 64),
    )
}
"""The cases by title. Each network makes 100 steps of 32 rows."""


class _Ours:
    """Models of prelunet, trained by a function."""

    def __init__(self, case: ManyCase, fit: Callable[..., object]) -> None:
        self._fit, self._batch = fit, case.step.batch
        self._X, self._y = case.step.data()
        self._models = []
        for values in case.parameters():
            model = build(case.step.network)
            model.set_parameters(dict(zip(model.parameters(), values, strict=True)))
            model.compile(pn.Adam(case.step.learning_rate), case.step.loss)
            self._models.append(model)

    def train(self) -> None:
        self._fit(
            *(self._models, self._X, self._y),
            batch_size=self._batch,
            shuffle=False,
            verbose=False,
        )

    def parameters(self) -> list[list[Array]]:
        return [[p.copy() for p in model.parameters().values()] for model in self._models]


def _loop(models: list[pn.Sequential], X: Array, y: Array, **arguments: Any) -> None:
    for model in models:
        model.fit(X, y, **arguments)


WAYS: Mapping[str, tuple[str, Callable[[ManyCase], Any]]] = {
    LOOP: (OURS, lambda case: _Ours(case, _loop)),
    "fit_many": (OURS, lambda case: _Ours(case, pn.fit_many)),
    "JAX, vmap and scan": ("jax", lambda case: JaxVmap(case.step, case.parameters())),
    "torch.func": (
        "torch",
        lambda case: TorchFunc(case.step, case.parameters(), pn.get_num_threads()),
    ),
    "scikit-learn, joblib": (
        "sklearn",
        lambda case: ScikitLearnJoblib(case.step, case.models, pn.get_num_threads()),
    ),
}
"""For each way to train: the peer that it needs, and a function that prepares a case."""


def measure(threads: int, *, quiet: bool) -> dict[str, Any]:
    """Return, by case and way, the seconds of each run; or why the way is left out.

    The answers are compared with those of a loop of fits before the runs are timed.
    """
    pn.set_num_threads(threads)
    found: dict[str, Any] = {}
    with Progress(len(CASES), quiet=quiet) as progress:
        for name, case in CASES.items():
            progress.begin(f"many networks: {name}")
            found[name] = _measure(case)
            progress.done()
    return found


def _measure(case: ManyCase) -> dict[str, Any]:
    result: dict[str, Any] = {}
    ready = {}
    for way, (peer, prepare) in WAYS.items():
        if not PEERS[peer].installed():
            result[way] = {"left_out": f"needs {' and '.join(PEERS[peer].needs)}"}
            continue
        try:
            check(case, way)
            ready[way] = prepare(case)
        except UnsupportedError as error:
            result[way] = {"left_out": str(error)}
            continue
        ready[way].train()  # compiles, starts threads and processes
        result[way] = {"seconds": []}
    for _ in range(_ROUNDS):
        for way, training in ready.items():
            time.sleep(_REST)
            began = time.perf_counter()
            training.train()
            result[way]["seconds"].append(time.perf_counter() - began)
    return result


def check(case: ManyCase, way: str) -> None:
    """Raise an UnsupportedError unless a few steps give the parameters of a loop of fits."""
    few = replace(case, step=replace(case.step, rows=_CHECK_STEPS * case.step.batch))
    expected, found = WAYS[LOOP][1](few), WAYS[way][1](few)
    if not hasattr(found, "parameters"):  # scikit-learn has one output for two classes
        return
    expected.train()
    found.train()
    for ours, theirs in zip(expected.parameters(), found.parameters(), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            error = float(np.abs(a - b).max() / np.abs(a).max())
            if not error <= _AGREEMENT:
                raise UnsupportedError(f"wrong answer: a parameter differs by {error:.1e}")


def rows_of(found: Mapping[str, Any]) -> list[list[str]]:
    """Return a table row per way: the median time of each case, and its ratio to `fit_many`'s."""
    rows = []
    for way in WAYS:
        cells = [way]
        for result in found.values():
            if "left_out" in result[way]:
                cells += ["-", "-"]
                continue
            own, least = (statistics.median(result[w]["seconds"]) for w in (way, "fit_many"))
            cells += [f"{1e3 * own:.3g} ms", f"{own / least:.2f}"]
        rows.append(cells)
    return rows
