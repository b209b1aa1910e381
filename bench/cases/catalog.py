"""All cases by name, and functions that run a case with a peer."""

from __future__ import annotations

from collections.abc import Callable

from ..peers import Peer
from .kernels import KERNELS
from .networks import Array
from .predictions import PREDICTIONS
from .scaling import SCALING_CASES
from .steps import STEPS, StepCase


def prepare(peer: Peer, name: str) -> tuple[Callable[[], object], int]:
    """Return a function that runs the case once, and its number of steps."""
    if name in STEPS or name in SCALING_CASES:
        return _prepare_step(peer, STEPS.get(name) or SCALING_CASES[name])
    if name in PREDICTIONS:
        return peer.prediction(PREDICTIONS[name]), 1
    return peer.kernel(KERNELS[name]), 1


def answer(peer: Peer, name: str, *, exact: bool = False) -> list[Array]:
    """Return the answer of a case: trained parameters, outputs, or results of a kernel.

    `exact` computes in float64 on the same numbers.
    """
    if name in STEPS:
        case = STEPS[name].for_check()
        training = peer.training(case.in_float64() if exact else case)
        training.train(case.passes)
        return training.parameters()
    if name in PREDICTIONS:
        prediction = PREDICTIONS[name].for_check()
        return [peer.prediction(prediction.in_float64() if exact else prediction)()]
    return list(peer.kernel(KERNELS[name])())


def stand_in(peer: Peer, name: str) -> str | None:
    """Return what the peer does instead of the case, if its answer cannot be compared."""
    if name in KERNELS:
        return None
    return peer.stand_in(STEPS[name] if name in STEPS else PREDICTIONS[name])


def _prepare_step(peer: Peer, case: StepCase) -> tuple[Callable[[], object], int]:
    training = peer.training(case)
    return lambda: training.train(case.passes), case.passes * case.steps
