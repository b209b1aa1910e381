"""bfloat16: conversion, and matrix products in the order of each x86 instruction.

Numbers are flushed: a subnormal input counts as zero of its sign, and so does a result below
2^-126, decided after rounding as if the exponent had no bound. MXCSR has no part in either
instruction: they round to nearest even.
"""

from __future__ import annotations

import numpy as np

SMALLEST_NORMAL = 2.0**-126
GROUP = {"amx": 32, "vdpbf16": 2}  # a product pads k with zeros to a multiple of these


def to_bfloat16(x):
    """Return the bits of float32 `x` rounded to nearest even, as VCVTNEPS2BF16 does.

    A subnormal number becomes zero of its sign. What rounds past the largest bfloat16 becomes
    infinity. NaN stays NaN, made quiet, with its sign and the upper bits of its payload.
    """
    bits = np.asarray(x, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    magnitude = bits & 0x7FFFFFFF
    flushed = np.where(magnitude < 0x00800000, (bits >> 16) & 0x8000, rounded)
    return np.where(magnitude > 0x7F800000, (bits >> 16) | 0x40, flushed).astype(np.uint16)


def from_bfloat16(bits):
    """Return the float32 that the bits stand for: exact."""
    return (np.asarray(bits, np.uint16).astype(np.uint32) << 16).view(np.float32)


def flush_input(x):
    """Return x with zeros of their sign for subnormal numbers."""
    return np.where(np.abs(x) < SMALLEST_NORMAL, np.copysign(np.float32(0), x), x)


def flush_result(exact):
    """Return a float64 rounded to float32, zero of its sign where that is below 2^-126."""
    half_spacing = SMALLEST_NORMAL * 2.0**-25  # from here 24 bits round up to 2^-126
    tiny = np.abs(exact) < SMALLEST_NORMAL - half_spacing
    with np.errstate(over="ignore", under="ignore"):
        return np.where(tiny, np.copysign(0.0, exact), exact).astype(np.float32)


def add(x, y):
    """x + y, rounded once."""
    with np.errstate(invalid="ignore"):  # infinities that cancel, signaling NaN
        return flush_result(flush_input(x).astype(np.float64) + flush_input(y))


def multiply_add(a, b, c):
    """a b + c, rounded once; a and b are bfloat16.

    Float64 holds a b exactly (16 bits). Where it must round a b + c, one term is below 2^-28 of
    the other, and no tie of float32 is near: the second rounding is the only one that shows.
    """
    with np.errstate(invalid="ignore"):
        a, b, c = (flush_input(v).astype(np.float64) for v in (a, b, c))
        return flush_result(a * b + c)


def padded(a, b, group):
    """Return op(A), op(B) as float32, k padded with zeros to a multiple of `group`."""
    more = -a.shape[1] % group
    return np.pad(from_bfloat16(a), ((0, 0), (0, more))), np.pad(
        from_bfloat16(b), ((0, more), (0, 0))
    )


def gemm_amx(a, b, c):
    """TDPBF16PS: groups of 32 k, each two chains from zero, of its even and of its odd k.

    C = C + (even + odd) for each group in order.
    """
    a, b = padded(a, b, 32)
    for group in range(0, a.shape[1], 32):
        even = odd = np.zeros_like(c)
        for p in range(group, group + 32, 2):
            even = multiply_add(a[:, p : p + 1], b[p], even)
            odd = multiply_add(a[:, p + 1 : p + 2], b[p + 1], odd)
        c = add(c, add(even, odd))
    return c


def gemm_vdpbf16(a, b, c):
    """VDPBF16PS: one chain, in each pair of k the odd one before the even one."""
    a, b = padded(a, b, 2)
    for p in range(0, a.shape[1], 2):
        c = multiply_add(a[:, p + 1 : p + 2], b[p + 1], c)
        c = multiply_add(a[:, p : p + 1], b[p], c)
    return c


def bfloat16_gemm(a, b, order, *, transpose_a=False, transpose_b=False, c=None):
    """C + op(A) op(B) in float32, op(X) = X or X^T.

    A and B hold bits of bfloat16. C is zero where None.
    """
    a, b = (a.T if transpose_a else a), (b.T if transpose_b else b)
    if c is None:
        c = np.zeros((a.shape[0], b.shape[1]), np.float32)
    return {"amx": gemm_amx, "vdpbf16": gemm_vdpbf16}[order](a, b, c)
