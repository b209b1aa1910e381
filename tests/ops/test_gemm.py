"""gemm: C = f(op(A) op(B) + bias), against the oracle and against the promise of one chain."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import prelunet as pn
from op_cases import normal
from reference.gemm import gemm
from tolerances import assert_same_bits, assert_within, elementary_roundings, sum_tolerance

# One off each width a tile or a vector may have, and their multiples.
EDGES = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 63, 64, 65, 95, 97]
DEPTHS = [0, 1, 2, 15, 16, 17, 784]
FORMS = [(False, False), (False, True), (True, False), (True, True)]


def operands(rng, m, n, k, dtype, transpose_a=False, transpose_b=False):
    """Return A and B whose product, transposed as asked, is (m, n)."""
    a = normal(rng, (k, m) if transpose_a else (m, k), dtype)
    b = normal(rng, (n, k) if transpose_b else (k, n), dtype)
    return a, b


def error_bound(a, b, dtype, *, transpose_a=False, transpose_b=False, bias=None):
    """Return the bound of one chain over k and the bias, for each element."""
    terms = gemm(
        np.abs(a),
        np.abs(b),
        transpose_a=transpose_a,
        transpose_b=transpose_b,
        bias=None if bias is None else np.abs(bias),
    )
    depth = a.shape[0] if transpose_a else a.shape[1]
    return sum_tolerance(depth + 1, dtype) * terms


@pytest.mark.parametrize(("transpose_a", "transpose_b"), FORMS)
@pytest.mark.parametrize("k", DEPTHS)
def test_agrees_with_the_oracle(rng, dtype, k, transpose_a, transpose_b):
    form = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    edges = EDGES if k < 100 else EDGES[::4]  # deep products are slow, and tails do not know k
    shapes = [(m, n) for m in edges for n in (1, 10, 17, 50)]
    shapes += [(m, n) for n in edges for m in (1, 5, 33)]
    for m, n in shapes:
        a, b = operands(rng, m, n, k, dtype, transpose_a, transpose_b)
        c = pn.ops.gemm(a, b, **form)
        assert c.dtype == dtype
        bound = error_bound(a, b, dtype, **form)
        assert_within(c, gemm(a, b, **form), bound, f"{m}x{n}x{k}")


def exact_chain(a, b, *, fused):
    """Return A B as one chain over k in order, each step rounded as the ISA rounds it."""
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for p in range(a.shape[1]):
        column, row = a[:, p : p + 1], b[p]
        if not fused:
            c = column * row + c
        elif a.dtype == np.float32:
            # The product is exact in float64. The sum is not quite, but the double rounding would
            # show only where it ends in 29 zeros or one short of a tie: about never.
            c = (column.astype(np.float64) * row + c).astype(np.float32)
        else:
            c = np.vectorize(lambda x, y, z: float(Fraction(x) * Fraction(y) + Fraction(z)))(
                column, row, c
            )
    return c


@pytest.mark.parametrize(("m", "n", "k"), [(3, 5, 7), (9, 17, 20)])
def test_each_element_is_one_chain_in_order(rng, dtype, m, n, k):
    a, b = operands(rng, m, n, k, dtype)
    fused = pn.show_config(mode="dicts")["isa"] != "baseline"
    assert_same_bits(pn.ops.gemm(a, b), exact_chain(a, b, fused=fused))


@pytest.mark.parametrize(("transpose_a", "transpose_b"), FORMS)
def test_a_long_chain_is_not_cut(rng, transpose_a, transpose_b):
    a, b = operands(rng, 13, 50, 3000, np.float32)
    fused = pn.show_config(mode="dicts")["isa"] != "baseline"
    expected = exact_chain(a, b, fused=fused)
    stored_a = np.ascontiguousarray(a.T) if transpose_a else a
    stored_b = np.ascontiguousarray(b.T) if transpose_b else b
    c = pn.ops.gemm(stored_a, stored_b, transpose_a=transpose_a, transpose_b=transpose_b)
    assert_same_bits(c, expected)


# One off each count of rows from which rows of B are copied; those of 1024 share few sets of a
# cache.
@pytest.mark.parametrize(
    ("m", "n"), [(31, 50), (32, 50), (33, 1024), (511, 48), (512, 48), (513, 49)]
)
@pytest.mark.parametrize("k", [256, 511, 512, 513, 1025])
def test_slices_of_b_do_not_change_the_chain(rng, m, n, k):
    a, b = operands(rng, m, n, k, np.float32)
    fused = pn.show_config(mode="dicts")["isa"] != "baseline"
    assert_same_bits(pn.ops.gemm(a, b), exact_chain(a, b, fused=fused))


# One off each group of rows that are lanes where columns are few, and one off those few.
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 49, 50, 52, 53, 98])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_few_columns_keep_the_chain(rng, n, transpose_b):
    fused = pn.show_config(mode="dicts")["isa"] != "baseline"
    for k in (1, 3, 6, 15, 16, 17, 33, 1025):  # chains of the last are stored and continued
        a, b = operands(rng, 143, n, k, np.float32)
        expected = exact_chain(a, b, fused=fused)
        stored_b = np.ascontiguousarray(b.T) if transpose_b else b
        for m in (1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 65, 80, 143):
            c = pn.ops.gemm(a[:m], stored_b, transpose_b=transpose_b)
            assert_same_bits(c, expected[:m], f"{m}x{n}x{k}")


@pytest.mark.parametrize(("transpose_a", "transpose_b"), FORMS)
def test_threads_do_not_change_the_bits(rng, dtype, transpose_a, transpose_b):
    form = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    for m, n, k in [
        (700, 130, 90),
        (37, 530, 200),
        (37, 544, 200),
        (1, 4000, 100),
        (2000, 1, 64),
        (50, 60, 5000),
    ]:
        a, b = operands(rng, m, n, k, dtype, transpose_a, transpose_b)
        bias = normal(rng, (n,), dtype)
        results = []
        for threads in (1, 2, 3, 4):
            pn.set_num_threads(threads)
            results.append(pn.ops.gemm(a, b, bias=bias, activation="tanh", **form))
        bound = error_bound(a, b, dtype, bias=bias, **form) + sum_tolerance(
            elementary_roundings(dtype), dtype
        )
        expected = gemm(a, b, bias=bias, activation="tanh", **form)
        assert_within(results[0], expected, bound, f"{m}x{n}x{k}")
        for threads, result in enumerate(results[1:], start=2):
            assert_same_bits(result, results[0], f"{m}x{n}x{k} on {threads} threads")


@pytest.mark.parametrize("n", [1, 10, 48, 50, 97])
def test_a_row_of_a_batch_equals_the_row_alone(rng, dtype, n):
    a, b = operands(rng, 70, n, 100, dtype, transpose_b=True)
    bias, alpha = normal(rng, (n,), dtype), normal(rng, (n,), dtype)
    more = {"transpose_b": True, "bias": bias, "activation": "prelu", "alpha": alpha}
    whole = pn.ops.gemm(a, b, **more)
    for i in range(len(a)):
        assert_same_bits(pn.ops.gemm(a[i : i + 1], b, **more)[0], whole[i], f"row {i}")
    assert_same_bits(pn.ops.gemm(a[3:20], b, **more), whole[3:20])


@pytest.mark.parametrize("n", [1, 7, 16, 50])
def test_bias_comes_after_the_chain(rng, dtype, n):
    for k in (0, 1, 17, 784):
        a, b = operands(rng, 19, n, k, dtype)
        bias = normal(rng, (n,), dtype)
        assert_same_bits(pn.ops.gemm(a, b, bias=bias), pn.ops.gemm(a, b) + bias, f"k = {k}")


@pytest.mark.parametrize("activation", ["prelu", *pn.ops.ACTIVATIONS])
@pytest.mark.parametrize("biased", [False, True])
def test_fused_equals_unfused(rng, dtype, activation, biased):
    for m, n in [(1, 1), (19, 50), (33, 16), (8, 97)]:
        a, b = operands(rng, m, n, 40, dtype)
        bias = normal(rng, (n,), dtype) if biased else None
        z = pn.ops.gemm(a, b, bias=bias)
        if activation != "prelu":
            fused = pn.ops.gemm(a, b, bias=bias, activation=activation)
            assert_same_bits(fused, getattr(pn.ops, f"{activation}_forward")(z), f"{m}x{n}")
            continue
        for count in {1, n}:
            alpha = normal(rng, (count,), dtype)
            fused = pn.ops.gemm(a, b, bias=bias, activation="prelu", alpha=alpha)
            assert_same_bits(fused, pn.ops.prelu_forward(z, alpha), f"{m}x{n}, alpha ({count},)")


@pytest.mark.parametrize(("transpose_a", "transpose_b"), FORMS)
def test_out_is_written_and_returned(rng, dtype, transpose_a, transpose_b):
    form = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    a, b = operands(rng, 21, 50, 18, dtype, transpose_a, transpose_b)
    out = np.full((21, 50), np.nan, dtype)
    assert pn.ops.gemm(a, b, out=out, **form) is out
    assert_same_bits(out, pn.ops.gemm(a, b, **form))


@pytest.mark.parametrize(("transpose_a", "transpose_b"), FORMS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_stay_in_their_row_and_column(rng, dtype, value, transpose_a, transpose_b):
    form = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    m, n, k = 21, 50, 18
    for where in [(0, 0), (m - 1, k - 1), (7, 3)]:
        a, b = operands(rng, m, n, k, dtype, transpose_a, transpose_b)
        (a.T if transpose_a else a)[where] = value
        (b.T if transpose_b else b)[where[1], n - 1] = value
        with np.errstate(invalid="ignore"):
            expected = gemm(a, b, **form)
        finite = [np.where(np.isfinite(array), array, 0) for array in (a, b)]
        bound = error_bound(*finite, dtype, **form)
        assert_within(pn.ops.gemm(a, b, **form), expected, bound, f"{value} at {where}")


def test_subnormals_are_kept(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    a, b = np.full((5, 1), tiny, dtype), np.ones((1, 20), dtype)
    assert_same_bits(pn.ops.gemm(a, b), np.full((5, 20), tiny, dtype))


def test_a_product_with_no_terms_is_zero_and_the_bias(rng, dtype):
    a, b = np.empty((4, 0), dtype), np.empty((0, 6), dtype)
    bias = normal(rng, (6,), dtype)
    assert_same_bits(pn.ops.gemm(a, b), np.zeros((4, 6), dtype))
    assert_same_bits(pn.ops.gemm(a, b, bias=bias), np.tile(bias, (4, 1)))
