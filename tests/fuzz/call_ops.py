"""One call of a function of `pn.ops` with hostile arguments."""

from __future__ import annotations

from functools import cache

import numpy as np
from hostile import hostile, scalar, snapshot, variant

import prelunet as pn
from op_cases import op_cases

SIZES = [(1, 1, 1), (2, 3, 1), (5, 4, 3), (9, 17, 8), (33, 5, 20)]


@cache
def cases(size, dtype):
    """Return the valid calls of one size; the arrays must be copied."""
    rows, columns, depth = size
    return op_cases(rows, columns, dtype, depth=depth)


def run(rng, calls):
    """Make one call; a failed call must leave every array as it was."""
    size = SIZES[rng.integers(len(SIZES))]
    found = cases(size, (np.float32, np.float64)[rng.integers(2)])
    case = found[rng.integers(len(found))]
    arrays, options = case.copies(), dict(case.options)
    written = list(case.in_place)
    if case.takes_out and rng.random() < 0.2:
        arrays["out"] = _out(rng, case)
        written.append("out")
    for name in [name for name in arrays if rng.random() < 0.25]:
        if isinstance(arrays[name], np.ndarray):
            arrays[name] = hostile(rng, arrays[name])
    if rng.random() < 0.1:  # two arguments share memory
        one, other = rng.choice(list(arrays), 2)
        if isinstance(arrays[one], np.ndarray):
            arrays[other] = arrays[one] if rng.random() < 0.5 else variant(rng, arrays[one])
    for name in [name for name in options if rng.random() < 0.15]:
        options[name] = scalar(rng)
    if rng.random() < 0.01:
        options["unknown"] = 1
    function = case.adapter or getattr(pn.ops, case.op)
    before = {name: snapshot(array) for name, array in arrays.items()}
    shared = {
        name
        for name in arrays
        for other in written
        if isinstance(arrays[name], np.ndarray)
        and isinstance(arrays.get(other), np.ndarray)
        and np.may_share_memory(arrays[name], arrays[other])
    }
    try:
        calls.make(f"pn.ops.{case.op}", function, **arrays, **options)
    except calls.refused:
        shared = set()
    for name, array in arrays.items():
        if name not in shared and snapshot(array) != before[name]:
            calls.report(f"pn.ops.{case.op}: {name} was changed")


def _out(rng, case):
    """Return an array for the result, or one of the arguments."""
    if rng.random() < 0.4:
        return case.arrays[rng.choice(list(case.arrays))]
    return case.results()[0].copy()
