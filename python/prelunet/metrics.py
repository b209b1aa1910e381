"""Metrics, which are reported beside the loss but not minimized.

The engine computes ``"accuracy"`` during training. All other metrics are functions
``metric(y_true, outputs) -> float``, as in scikit-learn. They are called with the targets and the
network's outputs (n, outputs) of a whole data set. Targets have the shape of the outputs, which is
(n, 1) for one output, or (n,) if they are labels.

Accuracy compares the index of the largest output with the class. For one output and for sigmoid
cross-entropy it compares each output, thresholded at 0.5 (logits at 0), with its target, like
Keras's binary accuracy. Regression losses have an accuracy only if each row of targets identifies a
class: 0 or 1 for one output, otherwise a one-hot row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ._validation import choice

Metric = Callable[[Any, Any], float]

_BUILT_IN = ("accuracy",)
_FUNCTION = "pass a function of y and outputs, such as one of sklearn.metrics"
_HINTS = {
    "acc": "it is 'accuracy' here",
    "mse": _FUNCTION,
    "mae": _FUNCTION,
    "auc": _FUNCTION,
    "f1": _FUNCTION,
}  # names of other libraries


def get(metric: str | Metric) -> tuple[str, Metric | None]:
    """Return the key and the function of one metric.

    Parameters
    ----------
    metric : str or callable
        ``"accuracy"``, or a function, whose ``__name__`` is its key in histories and logs.

    Returns
    -------
    name : str
        Key of the metric.
    function : callable or None
        The function; None if the engine computes the metric.

    Raises
    ------
    TypeError
        If `metric` is neither a string nor callable.
    ValueError
        If the string is unknown, or the function's name cannot be a key: lambdas and partials have
        no usable name, and ``"loss"`` and names beginning with ``"val_"`` are reserved.
    """
    if not callable(metric):
        argument = "metric (unless a function)"
        return choice("metrics.get", argument, metric, _BUILT_IN, _HINTS), None
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
        None is equivalent to an empty sequence.

    Returns
    -------
    dict of str to callable or None

    Raises
    ------
    TypeError
        If `metrics` is a single string or not a sequence, or as for `get`.
    ValueError
        If two metrics have the same key, or as for `get`.
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
