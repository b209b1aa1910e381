"""Arrays an op must refuse, by a Python error that names it, and without changing a thing."""

from __future__ import annotations

import numpy as np
import pytest

from bad_arrays import (
    CASES,
    OPTIONAL,
    WRONG_DTYPES,
    WRONG_LAYOUTS,
    arguments,
    assert_refused,
    changed,
    is_read_in_any_form,
    naming,
)
from tolerances import assert_same_bits


def cannot_be(case, name, label, array):
    """Return whether a dtype is wrong here."""
    if label == "None":
        return name not in OPTIONAL
    if label in ("int32", "bool"):  # the rows of targets that are not floats are labels
        return not is_read_in_any_form(array) and name != "sample_weight"
    return True


@pytest.mark.parametrize(
    ("case", "argument"), arguments(lambda *of: changed(*of, WRONG_DTYPES, cannot_be))
)
def test_wrong_dtype(case, argument):
    error = TypeError
    if case.op == "softmax_cross_entropy" and argument == "targets":
        error = (TypeError, ValueError)  # rows that are not floats are labels of a wrong shape
    for label, arrays in changed(case, argument, WRONG_DTYPES, cannot_be):
        with naming(label):
            assert_refused(case, arrays, error, argument)


def shares_a_dtype(case, name):
    return name not in (next(iter(case.arrays)), "sample_weight") and not is_read_in_any_form(
        case.arrays[name]
    )


@pytest.mark.parametrize(("case", "argument"), arguments(shares_a_dtype))
def test_two_dtypes_in_one_call(case, argument):
    arrays = case.copies()
    arrays[argument] = arrays[argument].astype(np.float64)
    # Which of the two is blamed is the op's to say.
    with pytest.raises(TypeError, match=rf"{case.op}: .* must have dtype float.*, got float"):
        case.call(arrays)


def can_be_laid_out_so(case, name, label, array):
    """Return whether the change makes another layout of the array at all."""
    flags = WRONG_LAYOUTS[label](array).flags
    return not (flags.c_contiguous and flags.aligned)


@pytest.mark.parametrize(
    ("case", "argument"), arguments(lambda *of: changed(*of, WRONG_LAYOUTS, can_be_laid_out_so))
)
def test_wrong_layout(case, argument):
    for label, arrays in changed(case, argument, WRONG_LAYOUTS, can_be_laid_out_so):
        with naming(label):
            if is_read_in_any_form(arrays[argument]) or argument == "sample_weight":
                plain = case.copies() | {argument: arrays[argument].copy()}
                for got, expected in zip(case.results(arrays), case.results(plain), strict=True):
                    assert_same_bits(got, expected)
            else:
                assert_refused(case, arrays, ValueError, argument)


def must_fit_others(case, name):
    """Return whether the shape of an array is bound by another's."""
    of_shared_prelu = case.label == "prelu_forward-shared" and name == "x"
    return len(case.arrays) > 1 and case.op != "clip_by_norm" and not of_shared_prelu


@pytest.mark.parametrize(("case", "argument"), arguments(must_fit_others))
def test_wrong_length(case, argument):
    arrays = case.copies()
    # One less along every axis: gemm's m and PReLU's rows alone may have any length.
    shape = [3 if size == 1 else size - 1 for size in arrays[argument].shape]
    arrays[argument] = np.resize(arrays[argument], shape)
    with pytest.raises(ValueError, match=rf"{case.op}: .* must .*, got .*"):
        case.call(arrays)


def must_have_a_rank(case, name):
    """Return whether the rank of an array is given, by the op or by another array."""
    names = ("prelu_forward", "layer_norm_forward", "scale_forward", "parametric_forward")
    if case.op in names:
        return name != "x"
    return case.op == "column_sums" or (len(case.arrays) > 1 and case.op != "clip_by_norm")


@pytest.mark.parametrize(("case", "argument"), arguments(must_have_a_rank))
def test_wrong_rank(case, argument):
    for bad in (lambda array: array[None], lambda array: array.ravel()[:1].reshape(())):
        arrays = case.copies()
        arrays[argument] = bad(arrays[argument])
        with pytest.raises(ValueError, match=rf"{case.op}: .* must .*, got .*"):
            case.call(arrays)


@pytest.mark.parametrize("case", [c for c in CASES if "forward" in c.op or c.op == "exp"], ids=str)
def test_an_array_without_axes(case):
    arrays = case.copies()
    arrays["x"] = np.array(1.0, np.float32)
    assert_refused(case, arrays, ValueError, "x")
