"""Arrays an op writes: which it must refuse, and which it may share."""

from __future__ import annotations

import numpy as np
import pytest

from bad_arrays import CASES, WRONG_LAYOUTS, arguments, assert_refused, byte_swapped
from tolerances import assert_same_bits


@pytest.mark.parametrize(
    ("case", "argument"),
    arguments(lambda case, name: name in case.in_place),
)
def test_an_array_to_be_written_must_be_writeable(case, argument):
    arrays = case.copies()
    arrays[argument].flags.writeable = False
    assert_refused(case, arrays, ValueError, argument)


@pytest.mark.parametrize("case", [case for case in CASES if not case.in_place], ids=str)
def test_an_array_to_be_read_need_not_be_writeable(case):
    arrays = case.copies()
    for array in arrays.values():
        array.flags.writeable = False
    for got, expected in zip(case.results(arrays), case.results(), strict=True):
        assert_same_bits(got, expected)


@pytest.mark.parametrize("case", [case for case in CASES if case.takes_out], ids=str)
def test_bad_out(case):
    result = case.results()[0]
    read_only = result.copy()
    read_only.flags.writeable = False
    bad = {
        ValueError: [
            read_only,
            np.zeros((*result.shape[:-1], result.shape[-1] + 1), result.dtype),
            np.zeros(result.shape[1:], result.dtype),
            *(change(result) for change in WRONG_LAYOUTS.values()),
        ],
        TypeError: [result.astype(np.float64), result.tolist(), byte_swapped(result)],
    }
    for error, outs in bad.items():
        for out in outs:
            before = np.array(out)
            assert_refused(case, case.copies(), error, "out", out=out)
            assert (np.array(out) == before).all()


@pytest.mark.parametrize(
    ("case", "argument"),
    arguments(lambda case, name: case.takes_out),
)
def test_out_must_not_overlap_an_input(case, argument):
    arrays = case.copies()
    result = case.results()[0]
    array = arrays[argument]
    # One buffer that holds the argument and an out which shares at least one element with it.
    size = max(array.size, result.size) + result.size
    for shift in {0, array.size // 2, array.size - 1}:
        buffer = np.ones(size, array.dtype)
        arrays[argument] = buffer[: array.size].reshape(array.shape)
        out = buffer[shift : shift + result.size].reshape(result.shape)
        if shift == 0 and case.op != "gemm" and array.shape == result.shape:
            continue  # out is exactly the input: allowed for elementwise ops
        assert_refused(case, arrays, ValueError, "out", out=out)


@pytest.mark.parametrize(
    ("case", "argument"),
    arguments(lambda case, name: case.in_place and name != next(iter(case.arrays))),
)
@pytest.mark.parametrize("shift", [0, 1])
def test_arrays_updated_in_place_must_not_overlap(case, argument, shift):
    arrays = case.copies()
    first, array = next(iter(case.arrays)), arrays[argument]
    buffer = np.linspace(1, 2, array.size + shift, dtype=array.dtype)
    arrays[first] = buffer[: array.size]
    arrays[argument] = buffer[shift:]
    with pytest.raises(ValueError, match=rf"{case.op}: .* must .*overlap"):
        case.call(arrays)
