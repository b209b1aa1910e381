"""How an array can be wrong, and how an op must refuse it."""

from __future__ import annotations

import contextlib
import re

import numpy as np
import pytest

from op_cases import OpCase, op_cases
from prelunet._core import ops as core
from tolerances import assert_same_bits

CASES = op_cases(6, 4, np.float32, depth=3)


def misaligned(array):
    """Return a copy that starts one byte past where its dtype may."""
    raw = np.empty(array.nbytes + 1, np.uint8)
    copy = raw[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def strided(array):
    """Return a view with the array's values and every second element of its memory."""
    return np.repeat(array, 2, axis=-1)[..., ::2]


def reversed_view(array):
    """Return a view with the array's values and a negative stride."""
    return array[::-1].copy()[::-1]


def broadcast(array):
    """Return a view of one element in the array's shape."""
    return np.broadcast_to(array.ravel()[:1], array.shape)


def byte_swapped(array):
    """Return a copy in the byte order that is not the machine's."""
    return array.astype(array.dtype.newbyteorder())


WRONG_DTYPES = {
    "float16": lambda array: array.astype(np.float16),
    "int32": lambda array: array.astype(np.int32),
    "bool": lambda array: array.astype(bool),
    "complex64": lambda array: array.astype(np.complex64),
    "object": lambda array: array.astype(object),
    "str": lambda array: array.astype(str),
    "longdouble": lambda array: array.astype(np.longdouble),
    "byte-swapped": byte_swapped,
    "list": lambda array: array.tolist(),
    "None": lambda array: None,
}
WRONG_LAYOUTS = {
    "misaligned": misaligned,
    "strided": strided,
    "reversed": reversed_view,
    "broadcast": broadcast,
    "Fortran": np.asfortranarray,
}
OPTIONAL = {"bias", "c", "alpha", "sample_weight"}  # None is no array here, but no error
OPTIONAL |= {state for _, states, _ in core.UPDATES for state, option in states if option}


def is_read_in_any_form(array):
    """Return whether an array is converted row by row: labels and weights, as users have them."""
    return array.dtype.kind == "i"


def arguments(wanted=lambda case, name: True):
    """Return a parameter (case, argument) for every array of every op that is wanted."""
    every = [(case, name) for case in CASES for name in case.arrays if wanted(case, name)]
    return [pytest.param(case, name, id=f"{case}-{name}") for case, name in every]


def changed(case, argument, changes, applies):
    """Return the name of each change of an argument that applies, and the arrays with it."""
    array = case.arrays[argument]
    return [
        (label, case.copies() | {argument: change(array)})
        for label, change in changes.items()
        if applies(case, argument, label, array)
    ]


@contextlib.contextmanager
def naming(label):
    """Add the name of a change to what a test reports."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"change: {label}")
        raise


def assert_refused(case: OpCase, arrays, error, argument, **more):
    """Assert the error, that it names op and argument, and that no array has changed."""
    kept = {name: array.copy() for name, array in arrays.items() if isinstance(array, np.ndarray)}
    with pytest.raises(error) as caught:
        case.call(arrays, **more)
    # clip_by_norm's adapter gives its arrays as a list, whose items the op names as it likes.
    name = r"gradients" if case.op == "clip_by_norm" else re.escape(argument)
    assert re.fullmatch(rf"(?s){case.op}: .*\b{name}\b.* must .*, got .*", str(caught.value))
    for name, array in kept.items():
        unchanged = arrays[name]
        if array.dtype.kind == "f" and array.dtype.isnative:
            assert_same_bits(unchanged, array)
        else:
            assert (unchanged == array).all()
