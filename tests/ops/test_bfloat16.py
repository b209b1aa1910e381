"""bfloat16: conversion and products, bit for bit as the oracle has the instructions.

The processor's instructions and their emulation are both held to the oracle: where the instruction
is there, these tests say what it does.
"""

from __future__ import annotations

import functools
import os

import numpy as np
import pytest

import prelunet as pn
from bfloat16_numbers import KINDS, starts
from op_cases import normal
from prelunet import _core
from reference.bfloat16 import GROUP, bfloat16_gemm, to_bfloat16
from subprocesses import run_code
from tolerances import assert_same_bits

# One off each width a tile, a panel or a vector may have, and their multiples.
EDGES = [0, 1, 2, 15, 16, 17, 31, 32, 33]
FORMS = [(False, False), (False, True), (True, False), (True, True)]
ORDERS = list(GROUP)
INSTRUCTIONS = {"amx": "AMX", "vdpbf16": "AVX512_BF16"}


@pytest.fixture(params=["instruction", "emulation"])
def gemm(request):
    """Return bfloat16_gemm on the instruction of an order, or emulated."""

    def product(a, b, order, *, transpose_a=False, transpose_b=False, c=None):
        emulated = request.param == "emulation"
        try:
            return _core.bfloat16_gemm(a, b, transpose_a, transpose_b, c, order, emulated)
        except ValueError as error:
            if "an instruction for" not in str(error):
                raise
            pytest.skip(f"this process cannot use {INSTRUCTIONS[order]}")

    return product


# ---- conversion --------------------------------------------------------------------------------


def test_to_bfloat16_has_the_oracles_bits():
    upper = np.arange(1 << 16, dtype=np.uint32)[:, None] << 16
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    x = (upper | lower).view(np.float32)
    assert_same_bits(pn.ops.to_bfloat16(x), to_bfloat16(x))


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (0x3F808000, 0x3F80),  # a tie goes to the even one below,
        (0x3F818000, 0x3F82),  # or above
        (0x3F808001, 0x3F81),
        (0x7F7F7FFF, 0x7F7F),  # the largest bfloat16
        (0x7F7F8000, 0x7F80),  # overflow is infinity
        (0xFF800000, 0xFF80),
        (0x00800000, 0x0080),  # the smallest normal number
        (0x007FFFFF, 0x0000),  # it would round up to that; subnormal inputs count as zero
        (0x80000001, 0x8000),
        (0x7F800001, 0x7FC0),  # NaN becomes quiet,
        (0xFFABCDEF, 0xFFEB),  # and keeps its sign and the upper bits of its payload
    ],
)
def test_to_bfloat16_by_hand(x, expected):
    assert pn.ops.to_bfloat16(np.array([x], np.uint32).view(np.float32))[0] == expected


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 1_000_003])
def test_to_bfloat16_of_any_length(rng, count):
    x = normal(rng, (count,), np.float32)
    assert_same_bits(pn.ops.to_bfloat16(x), to_bfloat16(x))
    assert pn.ops.to_bfloat16(x.reshape(-1, 1)).shape == (count, 1)


# ---- products against the oracle ---------------------------------------------------------------


def test_the_orders_differ_where_sums_round():
    small, one = 2.0**-24, 1.0
    a = np.array([[one, small, small, small]], np.float32)
    b = np.ones((4, 1), np.float32)
    # amx: (1 + 2^-24) and (2^-24 + 2^-24) added. vdpbf16: 2^-24, 1 + that, ... a half at a time.
    assert pn.ops.bfloat16_gemm(a, b, order="amx")[0, 0] == one + 2 * small
    assert pn.ops.bfloat16_gemm(a, b, order="vdpbf16")[0, 0] == one


@functools.cache
def edge_case(order, k):
    """Return A, B, C and the oracle's A B and C + A B, of the largest edges."""
    rng, most = np.random.default_rng(k), max(EDGES)
    a, b = normal(rng, (most, k), np.float32), normal(rng, (k, most), np.float32)
    c = normal(rng, (most, most), np.float32)
    plain = bfloat16_gemm(to_bfloat16(a), to_bfloat16(b), order)
    return a, b, c, plain, bfloat16_gemm(to_bfloat16(a), to_bfloat16(b), order, c=c)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("transpose_a", "transpose_b"), FORMS)
@pytest.mark.parametrize("k", [*EDGES, 65, 100])
def test_edges_have_the_oracles_bits(gemm, order, transpose_a, transpose_b, k):
    a, b, c, plain, continued = edge_case(order, k)
    form = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    for m in EDGES:
        rows = np.ascontiguousarray(a[:m].T if transpose_a else a[:m])
        for n in EDGES:
            columns = np.ascontiguousarray(b[:, :n].T if transpose_b else b[:, :n])
            label = f"{m}x{n}x{k}"
            assert_same_bits(gemm(rows, columns, order, **form), plain[:m, :n], label)
            start = np.ascontiguousarray(c[:m, :n])
            got = gemm(to_bfloat16(rows), to_bfloat16(columns), order, c=start, **form)
            assert_same_bits(got, continued[:m, :n], label)
            assert_same_bits(start, c[:m, :n])


@functools.cache
def case_of(order, kind, k):
    """Return A, B, C and the oracle's A B and C + A B, of numbers of a kind."""
    rng = np.random.default_rng(k)
    a, b = KINDS[kind](rng, (70, k)), KINDS[kind](rng, (k, 90))
    c = starts(rng, kind, (70, 90))
    return a, b, c, bfloat16_gemm(a, b, order), bfloat16_gemm(a, b, order, c=c)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [2, 10, 32, 200])
def test_all_numbers_have_the_oracles_bits(gemm, order, kind, k):
    a, b, c, plain, continued = case_of(order, kind, k)
    assert_same_bits(gemm(a, b, order), plain)
    assert_same_bits(gemm(a, b, order, c=c), continued)


@pytest.mark.parametrize("order", ORDERS)
def test_float32_is_rounded_first(rng, gemm, order):
    a, b = normal(rng, (40, 50), np.float32), normal(rng, (50, 60), np.float32)
    expected = gemm(to_bfloat16(a), to_bfloat16(b), order)
    assert_same_bits(gemm(a, b, order), expected)
    assert_same_bits(gemm(a, to_bfloat16(b), order), expected)
    assert_same_bits(gemm(to_bfloat16(a), b, order), expected)


# ---- the promises ------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("m", "n", "k"), [(700, 130, 96), (37, 530, 200), (300, 64, 2100)])
@pytest.mark.parametrize(("transpose_a", "transpose_b"), FORMS)
def test_threads_do_not_change_the_bits(rng, gemm, order, m, n, k, transpose_a, transpose_b):
    a = normal(rng, (k, m) if transpose_a else (m, k), np.float32)
    b = normal(rng, (n, k) if transpose_b else (k, n), np.float32)
    results = []
    for threads in (1, 2, 3, 4):
        pn.set_num_threads(threads)
        results.append(gemm(a, b, order, transpose_a=transpose_a, transpose_b=transpose_b))
    for result in results[1:]:
        assert_same_bits(result, results[0])


@pytest.mark.parametrize("order", ORDERS)
def test_a_row_of_a_batch_equals_the_row_alone(rng, gemm, order):
    a, b = normal(rng, (70, 100), np.float32), normal(rng, (40, 100), np.float32)
    whole = gemm(a, b, order, transpose_b=True)
    for i in range(len(a)):
        assert_same_bits(gemm(a[i : i + 1], b, order, transpose_b=True)[0], whole[i], f"row {i}")
    assert_same_bits(gemm(a[3:50], b, order, transpose_b=True), whole[3:50])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("cuts", [[32], [32, 64, 96], [96, 1024], [1056, 2048]])
def test_sums_continue_at_whole_groups(rng, gemm, order, cuts):
    a, b = normal(rng, (33, 2090), np.float32), normal(rng, (2090, 17), np.float32)
    c = None
    for begin, end in zip([0, *cuts], [*cuts, 2090], strict=True):
        c = gemm(np.ascontiguousarray(a[:, begin:end]), b[begin:end], order, c=c)
    assert_same_bits(c, gemm(a, b, order))


@pytest.mark.parametrize("order", ORDERS)
def test_the_public_function_runs_the_order(rng, order):
    a, b = normal(rng, (20, 70), np.float32), normal(rng, (70, 30), np.float32)
    expected = bfloat16_gemm(to_bfloat16(a), to_bfloat16(b), order)
    assert_same_bits(pn.ops.bfloat16_gemm(a, b, order=order), expected)
    own = pn.show_config(mode="dicts")["bfloat16_order"]
    assert_same_bits(pn.ops.bfloat16_gemm(a, b), pn.ops.bfloat16_gemm(a, b, order=own))


def test_ml_dtypes_arrays_are_operands(rng):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    a, b = normal(rng, (20, 70), np.float32), normal(rng, (70, 30), np.float32)
    got = pn.ops.bfloat16_gemm(a.astype(ml_dtypes.bfloat16), b.astype(ml_dtypes.bfloat16))
    assert_same_bits(got, pn.ops.bfloat16_gemm(a, b))
    assert_same_bits(pn.ops.to_bfloat16(a).view(ml_dtypes.bfloat16), a.astype(ml_dtypes.bfloat16))


# ---- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float16, np.int16, np.uint32, ">u2", ">f4", object]
)
def test_other_dtypes_are_refused(dtype):
    # Ones, because a negative number has no value in an unsigned dtype.
    a, b = np.ones((4, 5), np.float32), np.ones((5, 6), np.float32)
    with pytest.raises(TypeError, match="bfloat16_gemm: a must have"):
        pn.ops.bfloat16_gemm(a.astype(dtype), b)
    with pytest.raises(TypeError, match="bfloat16_gemm: b must have"):
        pn.ops.bfloat16_gemm(a, b.astype(dtype))
    if dtype is not np.float64:
        return
    with pytest.raises(TypeError, match="bfloat16_gemm: c must have dtype float32"):
        pn.ops.bfloat16_gemm(a, b, c=np.zeros((4, 6)))
    with pytest.raises(TypeError, match="to_bfloat16: x must have dtype float32"):
        pn.ops.to_bfloat16(a.astype(dtype))


def test_shapes_and_layouts_that_do_not_fit_are_refused(rng):
    a, b = normal(rng, (4, 5), np.float32), normal(rng, (5, 6), np.float32)
    for more, message in [
        ({"a": a[0]}, r"a must have shape \(m, k\), got \(5,\)"),
        ({"b": b.T.copy()}, r"b must have shape \(5, 5\), got \(6, 5\)"),
        ({"b": b[:4]}, r"b must have shape \(5, 6\), got \(4, 6\)"),
        ({"b": a, "transpose_b": True, "a": b}, r"b must have shape \(4, 6\), got \(4, 5\)"),
        ({"c": a}, r"c must have shape \(4, 6\), got \(4, 5\)"),
        ({"b": np.asfortranarray(b)}, "b must be C-contiguous"),
        ({"order": "avx2"}, "order must be one of 'amx', 'vdpbf16', got 'avx2'"),
    ]:
        with pytest.raises(ValueError, match=f"bfloat16_gemm: {message}"):
            pn.ops.bfloat16_gemm(**({"a": a, "b": b} | more))
    for more in ({"transpose_a": 1}, {"a": [[1.0]]}, {"c": "c"}):
        with pytest.raises(TypeError, match=f"bfloat16_gemm: {next(iter(more))} must be"):
            pn.ops.bfloat16_gemm(**({"a": a, "b": b} | more))


# ---- which order a process has -----------------------------------------------------------------

CONFIG = """
import prelunet as pn
config = pn.show_config(mode="dicts")
print(config["bfloat16_order"], config["bfloat16_runs_on"])
"""
# Linux refuses AMX to a process with a signal stack that its registers would overflow.
SMALL_SIGNAL_STACK = """
import ctypes

class Stack(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]

memory = ctypes.create_string_buffer(8192)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.sigaltstack(ctypes.byref(Stack(ctypes.addressof(memory), 0, 8192)), None) == 0
"""


@pytest.mark.parametrize(
    ("name", "order"), [("amx", "amx"), ("vdpbf16", "vdpbf16"), ("avx512", "vdpbf16")]
)
def test_the_environment_forces_an_order(name, order):
    assert run_code(CONFIG, environment={"PRELUNET_BF16": name}).split()[0] == order


def test_an_unknown_order_is_an_import_error():
    code = """
        try:
            import prelunet
        except ImportError as error:
            print(error)
    """
    message = run_code(code, environment={"PRELUNET_BF16": "avx2"})
    assert "PRELUNET_BF16=avx2 is unknown: it is amx or vdpbf16" in message


def test_the_order_of_this_run():
    config = pn.show_config(mode="dicts")
    forced = os.environ.get("PRELUNET_BF16", config["bfloat16_order"])
    assert config["bfloat16_order"] == {"avx512": "vdpbf16"}.get(forced, forced)
    assert config["bfloat16_runs_on"] in ("AMX", "AVX512_BF16", "emulation")
    if config["isa"] != "avx512":
        assert config["bfloat16_runs_on"] == "emulation"
        assert config["bfloat16_ratio"] is None
    if config["bfloat16_runs_on"] != "emulation":
        assert config["bfloat16_ratio"] > 0.5


def test_a_refused_permission_counts_as_no_amx():
    if pn.show_config(mode="dicts")["bfloat16_runs_on"] != "AMX":
        pytest.skip("this process cannot use AMX")
    plain = {"PRELUNET_BF16": ""}
    assert run_code(CONFIG, environment=plain).split() == ["amx", "AMX"]
    assert run_code(SMALL_SIGNAL_STACK + CONFIG, environment=plain).split()[0] == "vdpbf16"
    forced = run_code(SMALL_SIGNAL_STACK + CONFIG, environment={"PRELUNET_BF16": "amx"})
    assert forced.split() == ["amx", "emulation"]
