"""Factors of sample weights from class weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.class_weight import compute_sample_weight

Array = npt.NDArray[Any]


def class_factors(
    class_weight: Mapping[Any, float] | str,
    classes: Array,
    labels: Array,
    *,
    owner: str = "MLPClassifier",
) -> Array:
    """Return the weight factor of each row.

    Parameters
    ----------
    class_weight : mapping or "balanced"
        In a mapping, text classes such as "1" may also be named by their integer, as in
        scikit-learn. A class without a key has weight 1.
    classes : ndarray of shape (classes,)
        All classes, also those without rows.
    labels : ndarray of int, shape (n,)
        The index of the class of each row.
    owner : str
        The estimator's name, for messages.

    Raises
    ------
    ValueError
        If a key names no class while a class has no key, as in scikit-learn.
    """
    if not isinstance(class_weight, Mapping):
        factors: Array = compute_sample_weight(class_weight, classes[labels])
        return factors
    keys = [_key(class_weight, label) for label in classes.tolist()]
    named = {key for key in keys if key in class_weight}
    if len(named) < min(len(keys), len(class_weight)):
        raise ValueError(
            f"{owner}: class_weight must have keys among the classes {classes.tolist()}, "
            f"got {[key for key in class_weight if key not in named]}"
        )
    weights = [class_weight[key] if key in named else 1.0 for key in keys]
    by_class: Array = np.array(weights, np.float64)
    return by_class[labels]


def label_factors(
    class_weight: Sequence[Mapping[int, float] | str] | Mapping[Any, float] | str, targets: Array
) -> Array:
    """Return the weight factor of each row of multilabel targets, which are 0 and 1.

    Parameters
    ----------
    class_weight : sequence or "balanced"
        A sequence has one entry per label, as for `class_factors`; their factors multiply.
    targets : ndarray of int, shape (n, labels)
    """
    if not isinstance(class_weight, list) or len(class_weight) != targets.shape[1]:
        factors: Array = compute_sample_weight(class_weight, targets)  # or its error
        return factors
    both = np.arange(2)
    columns = zip(class_weight, targets.T, strict=True)
    product: Array = np.prod([class_factors(w, both, column) for w, column in columns], axis=0)
    return product


def _key(class_weight: Mapping[Any, float], label: Any) -> Any:
    """Return the key of a class in the mapping."""
    if label in class_weight or not isinstance(label, str):
        return label
    try:
        return int(label)
    except ValueError:
        return label
