"""The task that a target column implies: classes or numbers."""

from __future__ import annotations

import numpy as np

from .columns import Column

MAX_INTEGER_CLASSES = 20
ROWS_PER_INTEGER_CLASS = 10  # in the mean

CLASSIFICATION, REGRESSION = TASKS = ("classification", "regression")


def task_of(column: Column) -> str:
    """Return "classification" or "regression" for a target column.

    Text, bool and categories are classes. Integers are classes if there are at most 20 of them,
    each in 10 rows in the mean. Other numbers are the targets of a regression.

    Raises
    ------
    TypeError
        If the column holds dates.
    ValueError
        If all values are missing.
    """
    if column.kind == "date":
        raise TypeError(f"{column.label} is the target: it must hold classes or numbers, got dates")
    if column.kind == "category":
        if not (column.values >= 0).any():
            raise ValueError(f"{column.label} is the target: all its values are missing")
        return CLASSIFICATION
    values = column.values[~np.isnan(column.values)]
    if not len(values):
        raise ValueError(f"{column.label} is the target: all its values are missing")
    distinct = np.unique(values)
    integral = bool((distinct == np.floor(distinct)).all())
    few = len(distinct) <= min(MAX_INTEGER_CLASSES, len(values) / ROWS_PER_INTEGER_CLASS)
    return CLASSIFICATION if integral and few else REGRESSION
