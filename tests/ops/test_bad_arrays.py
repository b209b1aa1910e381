"""Arrays an op must refuse, by a Python error that names it, and without changing a thing."""

from __future__ import annotations

import re

import numpy as np
import pytest

import prelunet as pn
from op_cases import OpCase, op_cases
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
OPTIONAL = {"bias", "alpha", "velocity", "sample_weight"}  # None is no array here, but no error


def arguments():
    """Return (case, argument) for every array of every op."""
    return [pytest.param(case, name, id=f"{case}-{name}") for case in CASES for name in case.arrays]


def is_read_in_any_form(name, array):
    """Return whether an array is converted row by row: labels and weights, as users have them."""
    return name == "sample_weight" or np.issubdtype(array.dtype, np.integer)


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


@pytest.mark.parametrize("wrong", WRONG_DTYPES)
@pytest.mark.parametrize(("case", "argument"), arguments())
def test_wrong_dtype(case, argument, wrong):
    arrays = case.copies()
    if is_read_in_any_form(argument, arrays[argument]) and wrong in ("int32", "bool"):
        pytest.skip("labels and weights may be of any integer type")
    if wrong == "None" and argument in OPTIONAL:
        pytest.skip("an optional argument may be None")
    arrays[argument] = WRONG_DTYPES[wrong](arrays[argument])
    error = TypeError
    if case.op == "softmax_cross_entropy" and argument == "targets":
        error = (TypeError, ValueError)  # rows that are not floats are labels of a wrong shape
    assert_refused(case, arrays, error, argument)


@pytest.mark.parametrize(("case", "argument"), arguments())
def test_two_dtypes_in_one_call(case, argument):
    arrays = case.copies()
    if argument == next(iter(arrays)):
        pytest.skip("the first array says what the others must be")
    if is_read_in_any_form(argument, arrays[argument]):
        pytest.skip("labels and weights have dtypes of their own")
    arrays[argument] = arrays[argument].astype(np.float64)
    # Which of the two is blamed is the op's to say.
    with pytest.raises(TypeError, match=rf"{case.op}: .* must have dtype float.*, got float"):
        case.call(arrays)


@pytest.mark.parametrize("wrong", WRONG_LAYOUTS)
@pytest.mark.parametrize(("case", "argument"), arguments())
def test_wrong_layout(case, argument, wrong):
    arrays = case.copies()
    bad = WRONG_LAYOUTS[wrong](arrays[argument])
    if bad.flags.c_contiguous and bad.flags.aligned:
        pytest.skip("one element or one axis cannot be laid out so")
    arrays[argument] = bad
    if is_read_in_any_form(argument, bad):
        plain = case.copies() | {argument: bad.copy()}
        for got, expected in zip(case.results(arrays), case.results(plain), strict=True):
            assert_same_bits(got, expected)
        return
    assert_refused(case, arrays, ValueError, argument)


@pytest.mark.parametrize(("case", "argument"), arguments())
def test_wrong_length(case, argument):
    arrays = case.copies()
    if (
        len(arrays) == 1
        or case.op == "clip_by_norm"
        or (argument, "shared") == ("x", case.label[-6:])
    ):
        pytest.skip("any length is right here")
    # One less along every axis: gemm's m and PReLU's rows alone may have any length.
    array = arrays[argument]
    arrays[argument] = np.resize(array, [3 if size == 1 else size - 1 for size in array.shape])
    with pytest.raises(ValueError, match=rf"{case.op}: .* must .*, got .*"):
        case.call(arrays)


@pytest.mark.parametrize(("case", "argument"), arguments())
@pytest.mark.parametrize("change", [lambda a: a[None], lambda a: a.reshape(-1)[:1].reshape(())])
def test_wrong_rank(case, argument, change):
    arrays = case.copies()
    bad = change(arrays[argument]).copy()
    any_shape = (len(arrays) == 1 and case.op != "column_sums") or case.op == "clip_by_norm"
    any_rank = case.op == "prelu_forward" and argument == "x" and bad.ndim > 0
    if any_shape or any_rank:
        pytest.skip("any rank is right here")
    arrays[argument] = bad
    with pytest.raises(ValueError, match=rf"{case.op}: .* must .*, got .*"):
        case.call(arrays)


@pytest.mark.parametrize(
    ("case", "argument"),
    [pytest.param(case, name, id=f"{case}-{name}") for case in CASES for name in case.in_place],
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
            np.empty((*result.shape[:-1], result.shape[-1] + 1), result.dtype),
            np.empty(result.shape[1:], result.dtype),
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
    [pytest.param(c, name, id=f"{c}-{name}") for c in CASES if c.takes_out for name in c.arrays],
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
    [
        pytest.param(case, name, id=f"{case}-{name}")
        for case in CASES
        if case.in_place and len(case.arrays) > 1
        for name in list(case.arrays)[1:]
    ],
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


@pytest.mark.parametrize("name", pn.ops.LOSSES)
@pytest.mark.parametrize("shape", [(4, 0), (0, 0)])
def test_a_loss_of_no_outputs_is_refused(dtype, name, shape):
    outputs = np.empty(shape, dtype)
    with pytest.raises(ValueError, match=rf"{name}: outputs must .*, got"):
        getattr(pn.ops, name)(outputs, outputs)


@pytest.mark.parametrize("name", pn.ops.LOSSES)
def test_a_loss_of_no_rows_is_zero(dtype, name):
    outputs = np.empty((0, 4), dtype)
    value, grad = getattr(pn.ops, name)(outputs, outputs)
    assert (value, grad.shape, grad.dtype) == (0.0, (0, 4), dtype)


def test_empty_arrays_that_have_an_answer(dtype):
    none = np.empty((0, 4), dtype)
    assert pn.ops.column_sums(none).tolist() == [0.0] * 4
    assert pn.ops.softmax_forward(none).shape == (0, 4)
    assert pn.ops.softmax_forward(np.empty((4, 0), dtype)).shape == (4, 0)
    assert pn.ops.exp(none).shape == (0, 4)
    grad_x, grad_alpha = pn.ops.prelu_backward(none, none, np.ones(4, dtype))
    assert grad_x.shape == (0, 4)
    assert grad_alpha.tolist() == [0.0] * 4


@pytest.mark.parametrize("side", [2**31, 2**32, 2**59])
def test_sizes_that_overflow_are_refused_before_anything_is_allocated(dtype, side):
    tall, wide = np.empty((side, 0), dtype), np.empty((0, side), dtype)
    with pytest.raises((ValueError, MemoryError), match=r"gemm: "):
        pn.ops.gemm(tall, wide)


@pytest.mark.parametrize("side", [2**31, 2**59])
def test_huge_empty_arrays(dtype, side):
    tall = np.empty((side, 0), dtype)
    assert pn.ops.gemm(tall, np.empty((0, 0), dtype)).shape == (side, 0)
    assert pn.ops.column_sums(tall).shape == (0,)
    assert pn.ops.relu_forward(tall).shape == (side, 0)
    assert pn.ops.softmax_forward(tall).shape == (side, 0)
