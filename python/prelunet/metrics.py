"""Metrics: numbers to look at beside the loss, computed but not made small.

``"accuracy"`` is counted by the engine as it goes. Everything else is a function
``metric(y_true, outputs) -> float`` (scikit-learn's have this form), called with the targets and
the network's outputs (n, outputs) of a whole set. Targets have the shape of the outputs, (n, 1) for
one output, or (n,) where they are labels for several.

Accuracy is by the largest of several outputs. It is by label, on either side of 0.5, for one output
and for sigmoid cross-entropy, as Keras's binary accuracy. Losses of quantities have it where each
row of targets names one class: 0 or 1 for one output, else a single 1 among zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ._validation import choice

Metric = Callable[[Any, Any], float]

_BUILT_IN = ("accuracy",)


def get(metric: str | Metric) -> tuple[str, Metric | None]:
    """Return the key and the function of one metric.

    Parameters
    ----------
    metric : str or callable
        ``"accuracy"``, or a function whose ``__name__`` becomes its key in histories and logs.

    Returns
    -------
    name : str
        The key.
    function : callable or None
        None where the engine computes the metric.

    Raises
    ------
    TypeError
        If `metric` is neither a string nor callable.
    ValueError
        If the string is unknown, or a function's name cannot be a key: a lambda and a partial have
        none, and ``"loss"`` and names that begin with ``"val_"`` are taken.
    """
    if not callable(metric):
        return choice("metrics.get", "metric (unless a function)", metric, _BUILT_IN), None
    name = getattr(metric, "__name__", None)
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(
            "metrics.get: metric must be a function with a name, the key of its values; write "
            f"'def name(y_true, outputs): ...', got {metric!r}"
        )
    if name == "loss" or name.startswith("val_"):
        raise ValueError(
            f"metrics.get: metric must not be named 'loss' or 'val_...', which are keys of their "
            f"own, got {name!r}"
        )
    return name, metric


def get_all(metrics: Sequence[str | Metric] | None) -> dict[str, Metric | None]:
    """Return the functions of several metrics by key, in order; see `get`.

    Parameters
    ----------
    metrics : sequence of str or callable, optional
        None is the empty sequence.

    Raises
    ------
    TypeError
        If `metrics` is a single string or not a sequence, or as in `get`.
    ValueError
        If two metrics have the same key, or as in `get`.
    """
    if metrics is None:
        return {}
    if isinstance(metrics, str) or not isinstance(metrics, Sequence):
        raise TypeError(f"metrics.get_all: metrics must be a list of metrics, got {metrics!r}")
    functions: dict[str, Metric | None] = {}
    for metric in metrics:
        name, function = get(metric)
        if name in functions:
            raise ValueError(f"metrics.get_all: metrics must differ in name, got {name!r} twice")
        functions[name] = function
    return functions
